# SPDX-License-Identifier: Apache-2.0
"""Let a command die, or one of its system calls fail, at each call that changes a file.

    place = Place(config_dir, folder)             # the command sees folder where config_dir is
    for point in place.points(command):           # what it changes, found by strace(1)
        run = place.strike(command, point, KILL)  # once more, and killed as it makes this call

A point is a call on a path (or on none: kill(2), and what goes into a socket), the n-th of its kind there, so that
nothing else the command does, in other threads or to pipes, moves it. A killed call is not made: killed before the
second is killed after the first. Points of programs that the command runs are found and struck too; with such a
program the command itself dies. Of those that change no file, what they read is a point: it may fail.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from . import process

# All that changes a file; "?": not every machine has it.
_CALLS = "".join(f"?{call}," for call in (
    "open openat creat write pwrite64 writev rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat "
    "mkdir mkdirat rmdir ftruncate truncate chmod fchmod fchmodat chown fchown fchownat lchown setxattr fsetxattr "
    "fsync fdatasync utimensat kill").split()).rstrip(",")
_STRACE = ("strace", "-qqq", "-y", "-e", "signal=none", "-e", f"trace={_CALLS}")
_LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)")
_PATH = re.compile(r'(?:^|, )(?:"(?P<named>/[^"]*)"|\d+<(?P<opened>/[^>]*)>)')
_OPENS = {"open", "openat"}
_WRITES = {"write", "pwrite64", "writev"}
_CHANGING_OPEN = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")

_SOCKET = re.compile(r"^\d+<(TCP|TCPv6|socket):")

_MOUNT = """umask 077
mount --bind "$0/content" "$1" && mount --bind "$0/apart" "$2" && shift 2 && exec "$@"
"""

KILL = "signal=SIGKILL"

# Each program that the command runs is counted, and traced or struck if it is its turn. policyd has a path of its own.
PROGRAMS = ("postconf", "postmap", "postfix", "posttls-finger")
_READERS = ("policyd", "posttls-finger")
_STRIKER = """#!/bin/sh
[ -n "$STRIKE_FOLDER" ] || exec {real} "$@"
echo >> "$STRIKE_FOLDER/runs"
number=$(wc -l < "$STRIKE_FOLDER/runs")
[ -z "$STRIKE_TRACE" ] || exec {strace} -o "$STRIKE_FOLDER/trace.$number.{name}" {real} "$@"
[ "$number" = "$STRIKE_PROGRAM" ] || exec {real} "$@"
{strace} -o "$STRIKE_FOLDER/struck" $STRIKE_PATH -e "inject=$STRIKE_CALL" {real} "$@"
status=$?
case $STRIKE_CALL in *SIGKILL*) kill -KILL $PPID;; esac
exit $status
"""


class Point(NamedTuple):
    """program: 0 is the command itself, else the number of the one that it ran; name: that of this one.
    path: empty where it is on none."""
    program: int
    name: str
    call: str
    path: str
    number: int

    def __str__(self) -> str:
        program = f", program {self.program}, {self.name}" if self.program else ""
        return f"{self.call} {self.number} of {self.path or 'none'}{program}"

    @property
    def filter(self) -> list[str]:
        return ["-P", self.path] if self.path else []

    @property
    def is_open(self) -> bool:
        return self.call in _OPENS

    def takes(self, blow: str) -> bool:
        """Death matters only between changes, and only what opens a file runs out of descriptors."""
        return self.name not in _READERS if blow == KILL else self.is_open or "EMFILE" not in blow


def make_strikers(folder: Path) -> None:
    """Programs to be found before the real ones, for striking at what the command runs."""
    folder.mkdir()
    for name in PROGRAMS:
        make_striker(folder / name, _which(name))


def make_striker(path: Path, real: Path | str) -> None:
    path.write_text(_STRIKER.format(real=real, name=Path(real).name, strace=" ".join(_STRACE)))
    path.chmod(0o755)


def _which(name: str) -> str:
    return subprocess.run(["which", name], check=True, capture_output=True, text=True).stdout.strip()


class Place:
    """Where commands run: they see folder where path is. Of several, each has a folder of its own."""

    def __init__(self, path: Path, apart: Path, work: Path, strikers: Path) -> None:
        """apart: of this directory, too, each place has one of its own; work: a new one, for this object."""
        self.path, self._apart, self.work, self._strikers = path, apart, work, strikers
        self.folder = work / "content"
        for folder in (self.folder, work / "apart"):
            folder.mkdir(parents=True)
        # policyd leaves its trace there, and is not root.
        work.chmod(0o777)

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """What the command left behind to wait is ended with it."""
        old = time.time() - 60
        # Else each program of Postfix pauses until it is older (see Postfix.cool_down()).
        os.utime(self.folder / "main.cf", (old, old))
        try:
            return subprocess.run(self._mounted(command), cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, check=False, env={**os.environ, **environment, "PLACE": str(self.work)})
        finally:
            process.end_those_with(f"PLACE={self.work}")

    def _mounted(self, command: tuple[str | Path, ...]) -> list[str | Path]:
        return ["unshare", "--mount", "--", "sh", "-c", _MOUNT, self.work, self.path, self._apart, *command]

    def points(self, command: list[str | Path]) -> tuple[list[Point], subprocess.CompletedProcess[str]]:
        """All that command changes below path, in its order, then what each program does that it runs; and how it
        ended."""
        self._forget()
        run = self.run(*_STRACE, "-o", self.work / "trace.0.tlsmap", *command, STRIKE_TRACE="yes", **self._striking())
        found = []
        for number, name, log in sorted((int(log.name.split(".")[1]), log.name.split(".")[2], log)
                                        for log in self.work.glob("trace.*")):
            found += self._parse(log.read_text(), number, name)
        return found, run

    def strike(self, command: list[str | Path], point: Point, blow: str) -> subprocess.CompletedProcess[str]:
        """Run command; blow, KILL or "error=ENOSPC", comes at that point. It must come."""
        self._forget()
        injection = f"{point.call}:{blow}:when={point.number}"
        if point.program == 0:
            run = self.run(*_STRACE, "-o", self.work / "struck", *point.filter, "-e", f"inject={injection}",
                           *command)
        else:
            run = self.run(*command, **self._striking(), STRIKE_PROGRAM=str(point.program), STRIKE_PATH=" ".join(point.filter),
                           STRIKE_CALL=injection)
        log = (self.work / "struck").read_text() if (self.work / "struck").exists() else ""
        came = run.returncode == -9 if blow == KILL else "(INJECTED)" in log
        assert came, f"{blow} did not come at {point}: {run}\n{log}"
        return run

    def _striking(self) -> dict[str, str]:
        return {"PATH": f"{self._strikers}:{os.environ['PATH']}", "STRIKE_FOLDER": str(self.work)}

    def _forget(self) -> None:
        for path in self.work.iterdir():
            if path.is_file():
                path.unlink()
        (self.work / "runs").touch()
        (self.work / "runs").chmod(0o666)

    def _parse(self, log: str, program: int, name: str) -> list[Point]:
        found, seen = [], Counter()
        for line in log.splitlines():
            if (parts := _LINE.match(line)) is None:
                continue
            call, arguments = parts["call"], parts["arguments"]
            paths = [hit["opened"] or hit["named"] for hit in _PATH.finditer(arguments)
                     if hit["opened"] or call not in _WRITES]
            if call == "kill" or (name in _READERS and call in _WRITES and _SOCKET.match(arguments)):
                paths = [""]
            seen.update((call, path) for path in {"", *paths})
            if paths and (paths[0] == "" or Path(paths[0]).is_relative_to(self.path)) and (
                    call not in _OPENS or name in _READERS or _CHANGING_OPEN.search(line)):
                found.append(Point(program, name, call, paths[0], seen[call, paths[0]]))
        return found


class Live(Place):
    """The very directory, with a Postfix that runs."""

    def __init__(self, path: Path, work: Path, strikers: Path) -> None:
        super().__init__(path, path, work, strikers)
        self.folder = path

    def _mounted(self, command: tuple[str | Path, ...]) -> list[str | Path]:
        return list(command)
