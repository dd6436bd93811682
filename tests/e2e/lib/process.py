# SPDX-License-Identifier: Apache-2.0
"""Questions to /proc: which processes there are, and what their TCP sockets do.

A process is known by number and start time, because numbers come round again.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
from pathlib import Path
from typing import NamedTuple

# Postfix's master_proto.h: where a daemon has its line to master(8).
_MASTER_STATUS_FD = 5
# System calls that wait for events: epoll_wait and epoll_pwait.
_EVENT_WAIT = {"x86_64": ("232", "281"), "aarch64": ("22",)}
_LISTEN = "0A"
_OPEN = {"01", "02", "03", "04", "05", "08"}


class _Socket(NamedTuple):
    address: str
    port: int
    peer: str
    state: str
    inode: str


def started(pid: int) -> str:
    """Start time of a process; empty if there is none or if it only waits to be reaped."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def descendants(pid: int) -> dict[int, str]:
    """Processes below pid, in all generations: number -> start time."""
    children = _children()
    found: dict[int, str] = {}
    todo = list(children.get(pid, []))
    while todo:
        child = todo.pop()
        if when := started(child):
            found[child] = when
        todo += children.get(child, [])
    return found


def named(program: str) -> list[int]:
    """Numbers of all processes that run a program of this name."""
    numbers = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in numbers if name_of(pid) == program]


def end_those_with(variable: str) -> None:
    """Kill all processes that have this "NAME=value" in their environment."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if variable.encode() in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


def name_of(pid: int) -> str:
    """Name of the program that a process runs; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_waiting_for_events(pid: int) -> bool:
    """Whether a process sleeps in its event loop; True where this can't be told."""
    numbers = _EVENT_WAIT.get(os.uname().machine)
    try:
        doing = Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()[0]
    except OSError:
        return True
    return numbers is None or doing in numbers


def outdated_children(master: int) -> list[int]:
    """Children that master(8) has told to end: at a reload it opens new lines to all services,
    and a child of before still holds the other end of an old one.
    """
    lines = {link for _, link in _descriptors(master)}
    found = []
    for pid in _children().get(master, []):
        mine = dict(_descriptors(pid)).get(str(_MASTER_STATUS_FD))
        if mine is not None and mine not in lines and started(pid):
            found.append(pid)
    return found


def is_listening(pid: int, port: int, address: str | None) -> bool:
    """Whether anyone in the network of process pid listens there (or on all addresses)."""
    wanted = _proc_form(address) if address else None
    return any(each.state == _LISTEN and each.port == port
               and (wanted is None or each.address == wanted or not each.address.strip("0"))
               for each in _sockets(pid))


def is_in_session(pid: int) -> bool:
    """Whether a process has a TCP connection open that is not one to a helper on loopback."""
    sockets = _sockets(pid)
    served = {each.port for each in sockets if each.state == _LISTEN}
    busy = {each.inode for each in sockets if each.state in _OPEN
            and (each.port in served or not _is_loopback(each.peer))}
    return any(link[len("socket:["):-1] in busy for _, link in _descriptors(pid)
               if link.startswith("socket:["))


def _children() -> dict[int, list[int]]:
    """For each process its children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    return children


def _descriptors(pid: int) -> list[tuple[str, str]]:
    """Open descriptors of a process: (number, what it leads to)."""
    found = []
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            found.append((entry.name, os.readlink(entry)))
    except OSError:
        pass
    return found


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on; none if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _sockets(pid: int) -> list[_Socket]:
    found = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            found.append(_Socket(address, int(port, 16), fields[2].partition(":")[0], fields[3],
                                 fields[9]))
    return found


def _proc_form(address: str) -> str:
    """An address as /proc/net/tcp writes it: groups of four bytes, each in machine order."""
    packed = ipaddress.ip_address(address).packed
    return "".join(packed[i:i + 4][::-1].hex().upper() for i in range(0, len(packed), 4))


def _is_loopback(proc_form: str) -> bool:
    return proc_form == _proc_form("::1") or (len(proc_form) == 8 and proc_form.endswith("7F"))
