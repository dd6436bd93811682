#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trust_anchor_files are opened by smtp(8) as mail_owner, and within its chroot, as Debian's master.cf has it."""

import shutil
from pathlib import Path
from typing import Any

from lib.tlsmap import Tlsmap
from lib.world import Tap, World


def document(tlsmap: Tlsmap, anchors: Path) -> dict[str, Any]:
    row = {"destination": "other-ca.test", "security_level": "secure", "match": ["mx.other-ca.test"],
           "trust_anchor_files": [str(anchors)]}
    return tlsmap.document(send={"security_level": "may", "domains": [row]})


def refused(tlsmap: Tlsmap, anchors: Path) -> str:
    run = tlsmap.run("apply", document=document(tlsmap, anchors))
    assert run.returncode == 78 and "[unusable-file]" in run.stderr, run
    return run.stderr


def happened(world: World) -> str:
    outcome = world.outcome(world.relay("user@other-ca.test"))
    return f"{outcome.status} {outcome.tls or outcome.dsn}"


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    world.gateway.set(smtp_tls_loglevel="1")
    anchors = world.gateway.config_dir / "other-ca.pem"
    shutil.copy(world.certificates["other-ca"].pem, anchors)
    anchors.chmod(0o644)
    copy = Path(str(world.gateway.queue_dir) + str(anchors))
    with tap.case("a-file-outside-the-chroot-is-refused"):
        said = refused(tlsmap, anchors)
        assert f"postfix can't read {copy}" in said and "chroot" in said, said
    with tap.case("a-copy-within-it-is-what-smtp-reads"):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(anchors, copy)
        tlsmap.apply(document(tlsmap, anchors))
        assert happened(world) == "sent Verified"
    with tap.case("one-that-mail-owner-can-not-read-is-refused"):
        copy.chmod(0o600)
        refused(tlsmap, anchors)
        world.gateway.reload()
        assert happened(world) == "deferred 4.7.5"
    with tap.case("without-a-chroot-the-file-itself-counts"):
        for service in ("smtp", "relay"):
            world.gateway.postconf("-F", f"{service}/unix/chroot=n")
        tlsmap.apply(document(tlsmap, anchors))
        world.gateway.reload()
        assert happened(world) == "sent Verified"
        anchors.chmod(0o600)
        assert "in its chroot" not in refused(tlsmap, anchors)


if __name__ == "__main__":
    World.run(main, gateway="debian")
