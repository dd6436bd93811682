# SPDX-License-Identifier: Apache-2.0
"""tlsmap at work on the world's gateway.

    tlsmap = Tlsmap(world)
    tlsmap.apply({"receive": {"security_level": "encrypt"}})
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .world import World

BUILD = Path(os.environ.get("TLSGATE_BUILD", "build"))

Document = dict[str, Any]


class Tlsmap:
    """The programs of the build directory (TLSGATE_BUILD), installed in the world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.policyd, self.program = world.install(BUILD.absolute())

    def document(self, **parts: Any) -> Document:
        """A document whose certificates and programs are this world's; parts go on top, a level deep."""
        certificates = self._world.certificates.directory
        whole: Document = {
            "receive": {"certificate": {"chain_files": [str(certificates / "gateway.chain")]},
                        "trusted_ca_file": str(certificates / "ca.pem")},
            "send": {"trusted_ca_file": str(certificates / "ca.pem")},
            "postfix": {"policyd_path": str(self.policyd)}}
        for name, part in parts.items():
            whole[name] = whole.get(name, {}) | part
        return whole

    @property
    def settings(self) -> Path:
        return self._world.gateway.config_dir / "tls-settings.json"

    def run(self, *arguments: str, document: Document | str | None = None,
            first: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on the gateway, with this document written before, if there is one.

        Programs in the folder first are found before all others."""
        if document is not None:
            self.settings.write_text(document if isinstance(document, str)
                                     else json.dumps(document, indent=2))
        command = [self.program, "-c", self._world.gateway.config_dir, *arguments]
        path = f"{first}:{os.environ['PATH']}" if first else os.environ["PATH"]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, env=os.environ | {"PATH": path})

    def apply(self, document: Document, *arguments: str) -> str:
        """Apply a document, which must work, and wait until no process of before serves clients."""
        with self._world.gateway.settling():
            run = self.run("apply", *arguments, document=document)
            assert run.returncode == 0, f"apply: {run.returncode}\n{run.stdout}{run.stderr}"
        return run.stdout
