# SPDX-License-Identifier: Apache-2.0
"""The world's syslog: reads /dev/log, keeps the lines, writes mail.log as Debian's daemon does."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import NamedTuple

_LINE = re.compile(r"<(\d+)>(\w{3} [ \d]\d \d\d:\d\d:\d\d) (.*)", re.DOTALL)
_TAG = re.compile(r"([^\s\[:]+)(?:\[(\d+)\])?: ?(.*)", re.DOTALL)
_FACILITY_MAIL = 2
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


class Line(NamedTuple):
    facility: int
    severity: str
    ident: str
    pid: int
    text: str


class Syslog:
    """Binds /dev/log in the private /dev and collects what is written there."""

    def __init__(self, hostname: str, mail_log: Path) -> None:
        self._hostname = hostname
        self._mail_log = mail_log
        self._lines: list[Line] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = Path("/dev/log")
        self._socket.bind(str(path))
        path.chmod(0o666)
        mail_log.touch()
        threading.Thread(target=self._read, name="syslog", daemon=True).start()

    def lines(self, ident: str | None = None) -> list[Line]:
        """All lines so far, or those of one program."""
        return [line for line in list(self._lines) if ident in (None, line.ident)]

    def _read(self) -> None:
        with open(self._mail_log, "a", encoding="utf-8", buffering=1) as mail_log:
            while True:
                raw = self._socket.recv(65536).decode("utf-8", "backslashreplace")
                line, stamp = _parse(raw.rstrip("\0\n"))
                self._lines.append(line)
                if line.facility == _FACILITY_MAIL:
                    mail_log.write(f"{stamp} {self._hostname} {line.ident}[{line.pid}]: "
                                   f"{line.text}\n")


def _parse(raw: str) -> tuple[Line, str]:
    """Split "<22>Jan  2 03:04:05 ident[pid]: text"; what looks otherwise is all text."""
    whole = _LINE.match(raw)
    if whole is None:
        return Line(-1, "", "", 0, raw), ""
    priority, stamp, rest = int(whole[1]), whole[2], whole[3]
    tag = _TAG.match(rest)
    ident, pid, text = (tag[1], int(tag[2] or 0), tag[3]) if tag else ("", 0, rest)
    return Line(priority >> 3, SEVERITIES[priority & 7], ident, pid, text), stamp
