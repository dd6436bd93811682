# SPDX-License-Identifier: Apache-2.0
"""One running Postfix instance: start, stop, reload, settings, log and queue.

What its main.cf and master.cf say is decided in gateways.py and partners.py.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from . import process
from .mailstore import MailStore
from .wait import until

_ASKED = "refreshing the Postfix mail system"
_DONE = "reload -- version"
_SERVING = ("smtpd", "smtp", "lmtp", "qmgr", "pickup", "postscreen")


class Postfix:
    """config_dir must hold main.cf and master.cf when start() is called.

    prepare, if given, runs before each start, as Debian's configure-instance.sh does.
    network is the file of another network namespace that the instance shall live in.
    """

    def __init__(self, name: str, config_dir: Path, queue_dir: Path, log_file: Path,
                 listens: list[tuple[str, int]], store: MailStore,
                 prepare: Callable[[], None] | None = None, network: Path | None = None) -> None:
        self.name = name
        self.config_dir = config_dir
        self.queue_dir = queue_dir
        self.log_file = log_file
        self.store = store
        self._listens = listens
        self._prepare = prepare
        self._enter = ["nsenter", f"--net={network}", "--"] if network else []

    # Control

    def start(self, quick: bool = False) -> None:
        """Start and wait until every listener is there. quick leaves out Postfix's own checks."""
        if self._prepare:
            self._prepare()
        if quick:
            (self.queue_dir / "quick-start").touch()
        self._postfix("start")
        for address, port in self._listens:
            self.wait_listening(port, address)

    def stop(self) -> None:
        """Stop and wait until all its processes have ended; nothing to do if it does not run."""
        pid = self.master_pid
        if pid is None:
            return
        family = {pid: process.started(pid), **process.descendants(pid)}
        os.kill(pid, signal.SIGTERM)
        until(lambda: not any(process.started(each) == when for each, when in family.items()),
              f"end of {self.name}")

    def reload(self, settle: bool = True) -> None:
        """Reload, and settle unless the test is about what happens before that."""
        if settle:
            with self.settling():
                self._postfix("reload")
        else:
            self._postfix("reload")

    @contextmanager
    def settling(self) -> Iterator[None]:
        """If Postfix is reloaded in this block, by whomever, wait at its end until the new
        settings are in force for every new connection and delivery.

        postfix(1) only sends a signal; master(8) then may pause for main.cf to cool down; and an
        idle process of before may serve one more connection. Open sessions keep their processes.
        """
        mark = self.mark()
        yield
        if self.master_pid is None:
            return
        master: int = self.master_pid
        self._catch_up_with_log()
        if _ASKED in self.log(mark):
            until(lambda: (log := self.log(mark)).rfind(_DONE) > log.rfind(_ASKED),
                  f"{self.name} to reload")
        if _DONE in self.log(mark):
            until(lambda: process.is_waiting_for_events(master), f"master of {self.name} to go on")
            until(lambda: not self._serving_outdated(master),
                  f"old processes of {self.name} to end after reload")

    def _serving_outdated(self, master: int) -> list[int]:
        """Old processes to wait for. Where sessions go on, their helpers go on with them."""
        outdated = process.outdated_children(master)
        idle = [pid for pid in outdated if not process.is_in_session(pid)]
        return idle if len(idle) == len(outdated) else \
            [pid for pid in idle if process.name_of(pid) in _SERVING]

    def _catch_up_with_log(self) -> None:
        """Wait until all that has been logged by now stands in the log."""
        mark = self.mark()
        self._command("postlog", "-t", "tests", "all before this line has been written")
        self.wait_log(r"tests\[\d+\]: (info: )?all before", since=mark)

    @property
    def master_pid(self) -> int | None:
        """Process number of the running master(8); None if it does not run."""
        try:
            pid = int((self.queue_dir / "pid/master.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        except (OSError, ValueError):
            return None
        return pid if command.endswith(b"/master") else None

    def wait_listening(self, port: int, address: str | None = None) -> None:
        """Wait until some process listens on the port (of the address, or of all addresses)."""
        until(lambda: (pid := self.master_pid) is not None
              and process.is_listening(pid, port, address),
              f"{self.name} to listen on {address or '*'}:{port}")

    # Settings

    def postconf(self, *arguments: str) -> str:
        """Run postconf(1) on this instance; its output without the last newline."""
        return self._command("postconf", *arguments).rstrip("\n")

    def set(self, **parameters: str | None) -> None:
        """Write parameters to main.cf, and cool it down; None removes one. No reload."""
        written = [f"{name}={value}" for name, value in parameters.items() if value is not None]
        removed = [name for name, value in parameters.items() if value is None]
        if written:
            self.postconf("-e", *written)
        if removed:
            self.postconf("-X", *removed)
        self.cool_down()

    def cool_down(self) -> None:
        """Date main.cf back. Every Postfix process that reads a main.cf changed less than two
        seconds ago pauses until it is older (dict_load_file_xt() in dict.c, 2.5 and later).
        """
        old = time.time() - 60
        os.utime(self.config_dir / "main.cf", (old, old))

    def get(self, parameter: str) -> str:
        """The value in force after the next start, with $names expanded."""
        return self.postconf("-hx", parameter)

    # Log

    def log(self, since: int = 0) -> str:
        """The log, or what came after a mark()."""
        try:
            with open(self.log_file, "rb") as log:
                log.seek(since)
                return log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def mark(self) -> int:
        """The end of the log now."""
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def wait_log(self, regex: str, timeout: float | None = None, since: int = 0) -> re.Match[str]:
        """Wait for a line of the log that the regular expression is found in."""
        pattern = re.compile(regex, re.MULTILINE)
        return until(lambda: pattern.search(self.log(since)),
                     f"/{regex}/ in the log of {self.name}", timeout)

    # Queue

    def queue(self) -> list[dict[str, Any]]:
        """All messages in the queue, as postqueue -j prints them."""
        return [json.loads(line) for line in self._command("postqueue", "-j").splitlines()]

    def flush(self) -> None:
        """Try to deliver all queued mail now."""
        self._command("postqueue", "-f")

    def empty_queue(self) -> None:
        self._command("postsuper", "-d", "ALL")

    def _command(self, program: str, *arguments: str) -> str:
        command = [program, "-c", str(self.config_dir), *arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def _postfix(self, what: str) -> None:
        """Run postfix(1). Its output goes to a file: daemons keep what they inherit open."""
        command = [*self._enter, "postfix", "-c", str(self.config_dir), what]
        mark = self.mark()
        with tempfile.TemporaryFile("w+") as output:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  check=False).returncode
            output.seek(0)
            if code != 0:
                raise RuntimeError(f"{' '.join(command)}: exit {code}\n{output.read()}"
                                   f"{self.log(mark)}")
