# SPDX-License-Identifier: Apache-2.0
"""DNS of the world: nsd with the zones, unbound that validates them below a root of our own.

The root and the zone "example" are signed; "test" and the reverse zones are not. So a name below
example. is secure for dane, one below test. is not.
"""

import ipaddress
import os
import signal
import socket
import struct
import subprocess
from functools import partial
from pathlib import Path
from typing import Iterable

from . import addresses, process
from .wait import until

_SOA = ("@ 60 IN SOA ns.test. root.test. 1 3600 600 86400 60\n"
        "@ 60 IN NS ns.test.\n")
_REVERSE = ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")

_NSD = """server:
 ip-address: {server}
 username: ""
 chroot: ""
 zonesdir: "{directory}"
 database: ""
 pidfile: "{directory}/nsd.pid"
 xfrdfile: "{directory}/xfrd.state"
 zonelistfile: "{directory}/zone.list"
 xfrdir: "{directory}"
 logfile: "{directory}/nsd.log"
remote-control:
 control-enable: no
"""
_UNBOUND = """server:
 interface: {resolver}
 username: ""
 chroot: ""
 directory: "{directory}"
 pidfile: "{directory}/unbound.pid"
 logfile: "{directory}/unbound.log"
 use-syslog: no
 do-daemonize: yes
 do-not-query-localhost: no
 access-control: 127.0.0.0/8 allow
 local-zone: "test." nodefault
 trust-anchor-file: "{directory}/{anchor}.key"
 root-hints: "{directory}/root.hints"
 qname-minimisation: no
 module-config: "validator iterator"
 do-ip6: no
 num-threads: 1
 msg-cache-size: 1m
 rrset-cache-size: 1m
 key-cache-size: 1m
 neg-cache-size: 1m
"""


class Dns:
    """Both servers: the one that holds the zones and the one that the gateway asks."""

    def __init__(self, directory: Path, records: Iterable[str]) -> None:
        """records are lines of a zone file with names relative to the root, without last dot."""
        self._directory = directory
        self._records = list(records)

    def start(self) -> None:
        self._directory.mkdir()
        anchor = self._write_zones()
        self._write("nsd.conf", _NSD.format(server=addresses.NAMESERVER,
                                            directory=self._directory)
                    + "".join(f'zone:\n name: "{zone}"\n zonefile: "{file}"\n' for zone, file in (
                        (".", "root.zone.signed"), ("example", "example.zone.signed"),
                        ("test", "test.zone"), *((zone, f"{zone}.zone") for zone in _REVERSE))))
        self._write("unbound.conf", _UNBOUND.format(
            resolver=addresses.RESOLVER, directory=self._directory, anchor=anchor)
            + "".join(f' local-zone: "{zone}." nodefault\n' for zone in _REVERSE)
            + "remote-control:\n control-enable: no\n")
        self._write("root.hints", f". 60 IN NS ns.test.\nns.test. 60 IN A {addresses.NAMESERVER}\n")
        self._run("nsd", "-c", "nsd.conf")
        self._run("unbound", "-c", "unbound.conf")
        until(lambda: _answers(addresses.RESOLVER, addresses.HOSTNAME), "answer from DNS")

    def stop(self) -> None:
        for name in ("unbound", "nsd"):
            pid = int((self._directory / f"{name}.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            until(partial(_has_ended, pid), f"end of {name}")

    def _write_zones(self) -> str:
        """Write and sign all zones; return the name of the root's key."""
        zones: dict[str, list[str]] = {"test": [], "example": []}
        for record in self._records:
            name = record.split()[0]
            zones[name.rpartition(".")[2]].append(record.replace(name, f"{name}.", 1))
        for zone, lines in zones.items():
            self._write(f"{zone}.zone", f"$ORIGIN {zone}.\n$TTL 60\n{_SOA}"
                        + "\n".join(lines) + "\n"
                        + (f"ns A {addresses.NAMESERVER}\n" if zone == "test" else ""))
        for zone in _REVERSE:
            self._write(f"{zone}.zone", f"$ORIGIN {zone}.\n$TTL 60\n{_SOA}" + _pointers(zone))
        key = self._sign("example", "example.zone")
        delegation = (self._directory / f"{key}.ds").read_text()
        self._write("root.zone", "$ORIGIN .\n$TTL 60\n" + _SOA + delegation
                    + "".join(f"{zone}. NS ns.test.\n" for zone in (*zones, *_REVERSE))
                    + f"ns.test. A {addresses.NAMESERVER}\n")
        return self._sign(".", "root.zone")

    def _sign(self, zone: str, file: str) -> str:
        key = self._run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom",
                        zone).strip()
        self._run("ldns-signzone", "-o", zone, file, key)
        return key

    def _write(self, name: str, text: str) -> None:
        (self._directory / name).write_text(text)

    def _run(self, *command: str) -> str:
        with open(self._directory / "commands.log", "a+", encoding="utf-8") as log:
            done = subprocess.run(command, cwd=self._directory, stdout=subprocess.PIPE
                                  if command[0] == "ldns-keygen" else log, stderr=log, text=True,
                                  check=False)
            if done.returncode != 0:
                log.seek(0)
                raise RuntimeError(f"{' '.join(command)}: {log.read()}")
        return done.stdout or ""


def _has_ended(pid: int) -> bool:
    return process.started(pid) == ""


def client_records() -> list[str]:
    """Forward records of the gateway and of the clients whose name points back."""
    records = [f"{addresses.HOSTNAME} A {addresses.GATEWAY}",
               f"{addresses.HOSTNAME} AAAA {addresses.GATEWAY6}"]
    for address, (name, points_back) in addresses.CLIENTS.items():
        if points_back:
            records.append(f"{name} {'AAAA' if ':' in address else 'A'} {address}")
    return records


def _pointers(zone: str) -> str:
    lines = []
    for address, (name, _) in addresses.CLIENTS.items():
        pointer = ipaddress.ip_address(address).reverse_pointer
        if name and pointer.endswith(zone):
            lines.append(f"{pointer}. PTR {name}.")
    return "\n".join(lines) + "\n"


def _answers(server: str, name: str) -> bool:
    """Ask for the A record of name; True if there is an answer without error."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + question + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        try:
            udp.connect((server, 53))
            udp.send(query)
            _, flags, _, answers, _, _ = struct.unpack("!6H", udp.recv(4096)[:12])
        except OSError:
            return False
    return int(flags) & 0xF == 0 and int(answers) > 0
