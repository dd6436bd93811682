# SPDX-License-Identifier: Apache-2.0
"""The test world in one object: a gateway, its partners, DNS, certificates, clients and syslog.

A test is a script of its own:

    #!/usr/bin/python3
    from lib.world import World

    def main(world, tap):
        with tap.case("a-clear-client-is-accepted-at-may"):
            world.gateway.set(smtpd_tls_security_level="may")
            world.gateway.reload()
            sent = world.send(rcpts="user@gw.example")
            assert sent.accepted
            assert world.arrived(sent)

    if __name__ == "__main__":
        World.run(main)

World.run() and World.enter() execute the script again in namespaces of its own (namespace.py):
nothing before that call can be seen behind it, and nothing it does can be seen outside.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterable, NamedTuple, NoReturn

from tap import Tap

from . import addresses, gateways, namespace, partners
from .ca import Authorities
from .client import Client, Sent, Session
from .dns import Dns, client_records
from .mailstore import Mail
from .outcome import Outcome, outcomes
from .postfix import Postfix
from .syslog import Line, Syslog
from .wait import until

_PROGRAMS = ("unshare", "nsenter", "ip", "openssl", "postfix", "postconf", "nsd", "unbound",
             "ldns-keygen", "ldns-signzone", "cpio")


class Installed(NamedTuple):
    """Where World.install() put the programs."""
    policyd: Path
    tlsmap: Path


class World:
    """Made by run() or enter() only.

    directory     on the tmpfs, 0755, the place for all files of a test
    certificates  by name: "gateway", "client-cn", "ca", ... (ca.py)
    gateway       the running gateway (postfix.py)
    partners      the instance that plays all partners' servers (partners.py)
    dns           both DNS servers (dns.py)
    """

    directory: Path
    certificates: Authorities
    gateway: Postfix
    partners: Postfix
    dns: Dns

    @classmethod
    def run(cls, main: Callable[["World", Tap], None], **how: Any) -> NoReturn:
        """Run main(world, tap) in a new world, print TAP, end the script. how: as for enter()."""
        if os.geteuid() != 0:
            print("TAP version 13\n1..0 # SKIP the test world needs root")
            sys.exit(0)
        tap = Tap()
        try:
            world = cls.enter(**how)
            tap.log = world.recent_log
            main(world, tap)
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            tap.bail_out(f"{type(error).__name__}: {error}")
            sys.exit(1)
        sys.exit(tap.finish())

    @classmethod
    def enter(cls, gateway: str | None = "minimal", with_partners: bool = True,
              records: Iterable[str] = (), **parameters: str | None) -> "World":
        """Execute the script again in namespaces and return the world, up and running.

        gateway: "minimal", "debian" or None; parameters: for its main.cf, None leaves one out.
        records: more of DNS, as for Dns.
        """
        missing = [name for name in _PROGRAMS if shutil.which(name, path=_path()) is None]
        if os.geteuid() != 0 or missing:
            sys.exit(f"Bail out! the test world needs root and {', '.join(missing or _PROGRAMS)}")
        os.environ["PATH"] = _path()
        os.environ.pop("MAIL_CONFIG", None)
        world = cls.__new__(cls)
        world.directory = namespace.enter()
        world._build(gateway, with_partners, records, parameters)
        return world

    def _build(self, flavour: str | None, with_partners: bool, records: Iterable[str],
               parameters: dict[str, str | None]) -> None:
        self._mail_log = Path("/var/log/mail.log")
        self._syslog = Syslog(addresses.HOSTNAME.partition(".")[0], self._mail_log)
        self._gateways = 0
        network = namespace.partner_network(self.directory)
        self.certificates = Authorities(self.directory / "certificates")
        self.certificates.make_all(partners.certificates())
        self._client = Client([self.certificates.ca, self.certificates["snakeoil"].pem],
                              addresses.HOSTNAME)
        self.dns = Dns(self.directory / "dns",
                       client_records() + partners.records(self.certificates) + [*records])
        self.partners = partners.make(self.directory, self.certificates, network)
        if flavour:
            self.gateway = self._make_gateway(flavour, parameters)
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(self.dns.start)]
            if with_partners:
                jobs.append(pool.submit(self.partners.start, quick=True))
            if flavour:
                jobs.append(pool.submit(self.gateway.start, quick=True))
            for job in jobs:
                job.result()

    # Gateways

    def replace_gateway(self, flavour: str, **parameters: str | None) -> Postfix:
        """Stop the gateway and start a new one of this flavour in its place."""
        if hasattr(self, "gateway"):
            self.gateway.stop()
        self.gateway = self._make_gateway(flavour, parameters)
        self.gateway.start(quick=True)
        return self.gateway

    def second_gateway(self, **parameters: str | None) -> Postfix:
        """Start one more minimal gateway, on 192.0.2.2 only."""
        second = gateways.minimal(self.directory, self.certificates, parameters, "second",
                                  "gw2.example", (addresses.SECOND_GATEWAY,))
        second.start(quick=True)
        return second

    def _make_gateway(self, flavour: str, parameters: dict[str, str | None]) -> Postfix:
        if flavour == "debian":
            return gateways.debian(self._mail_log, self.certificates["snakeoil"].pair, parameters)
        self._gateways += 1
        name = "gateway" if self._gateways == 1 else f"gateway-{self._gateways}"
        return gateways.minimal(self.directory, self.certificates, parameters, name)

    # Clients

    def send(self, source: str | None = addresses.NAMELESS, **how: Any) -> Sent:
        """Send a message from this address to the gateway's address of the same network.

        how: as for Client.send(). Without source it is a client that nobody knows.
        """
        how.setdefault("server", addresses.server_for(source))
        return self._client.send(source=source, **how)

    def relay(self, rcpts: str | list[str], **how: Any) -> Sent:
        """Send a message to other domains through the gateway, as a client in mynetworks."""
        return self.send(source=addresses.LOCALHOST, rcpts=rcpts, **how)

    def session(self, source: str | None = addresses.NAMELESS,
                **how: Any) -> ContextManager[Session]:
        """A connection for raw commands; how: as for Client.session()."""
        how.setdefault("server", addresses.server_for(source))
        return self._client.session(source=source, **how)

    # What became of a message

    def arrivals(self, wanted: Sent | str) -> list[Mail]:
        """Copies delivered by now, at the gateway or a partner; by token or by subject."""
        token = wanted.token if isinstance(wanted, Sent) else wanted
        return self.gateway.store.find(token) + self.partners.store.find(token)

    def arrived(self, wanted: Sent | str, timeout: float | None = None) -> Mail:
        """Wait until a message has been delivered, and return it."""
        return self.arrived_all(wanted, 1, timeout)[0]

    def arrived_all(self, wanted: Sent | str, count: int,
                    timeout: float | None = None) -> list[Mail]:
        """Wait until so many copies of a message have been delivered, and return all."""

        def arrived() -> list[Mail]:
            found = self.arrivals(wanted)
            return found if len(found) >= count else []
        return until(arrived, f"arrival of {wanted}", timeout)

    def outcomes(self, wanted: Sent | str, timeout: float | None = None) -> list[Outcome]:
        """Wait until the gateway tried each recipient of a message; every attempt in order."""
        token = wanted.token if isinstance(wanted, Sent) else wanted

        def tried() -> list[Outcome]:
            found, expected = outcomes(self.gateway.log(), token)
            return found if expected and len({each.to for each in found}) >= expected else []
        return until(tried, f"delivery of {wanted}", timeout)

    def outcome(self, wanted: Sent | str, timeout: float | None = None) -> Outcome:
        """The latest attempt for a message to one recipient."""
        return self.outcomes(wanted, timeout)[-1]

    # Logs

    def syslog(self, ident: str | None = None) -> list[Line]:
        """Lines written to syslog, of all programs or of one, such as "postfix/tlsgate"."""
        return self._syslog.lines(ident)

    def wait_syslog(self, text: str, ident: str | None = None,
                    timeout: float | None = None) -> Line:
        """Wait for a line of syslog that contains text."""
        return until(lambda: next((line for line in self.syslog(ident) if text in line.text), None),
                     f"{text!r} in syslog", timeout)

    def recent_log(self) -> str:
        """What helps to understand a failure: other programs' syslog, then the gateway's log."""
        own = self.gateway.log() if hasattr(self, "gateway") else ""
        others = [f"syslog: {line.ident}[{line.pid}]: {line.text}" for line in self.syslog()
                  if line.text not in own]
        return "\n".join([*others[-8:], own])

    # Programs under test

    def install(self, build_dir: str | Path) -> Installed:
        """Copy the programs to where the unprivileged user can execute them."""
        target = self.directory / "libexec"
        target.mkdir(exist_ok=True)
        for name in Installed._fields:
            shutil.copy(Path(build_dir) / name / name, target / name)
            (target / name).chmod(0o755)
        return Installed(target / "policyd", target / "tlsmap")


def _path() -> str:
    system = "/usr/sbin:/usr/bin:/sbin:/bin"
    return f"{system}:{os.environ['PATH']}" if os.environ.get("PATH") else system
