#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""demo: a settings document at work: real mail both ways through a real Postfix, told line by line.

Usage: demo.py BUILD_DIRECTORY [--tap]. Ends with 0 only if every message went as the document says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.world import World  # noqa: E402  pylint: disable=wrong-import-position

BANK, SHOP, TRIAL = "payments@bank.example", "orders@shop.example", "news@trial.example"


def document(world: World, policyd: Path) -> dict[str, object]:
    """The document that the demo applies: the paths are this world's."""
    certificates = world.certificates.directory
    return {
        "receive": {
            "security_level": "may",
            "client_certificate": "request",
            "certificate": {"chain_files": [str(certificates / "gateway.chain")]},
            "trusted_ca_file": str(certificates / "ca.pem"),
            "rules": [
                {"name": "bank", "sender_domains": ["bank.example", ".bank.example"],
                 "require": {"certificate": "trusted"}, "note": "contract 4711"},
                {"name": "shop", "sender_domains": ["shop.example"]},
                {"name": "trial", "sender_domains": ["trial.example"], "violation": "report"}]},
        "send": {
            "security_level": "may",
            "trusted_ca_file": str(certificates / "ca.pem"),
            "domains": [
                {"destination": "plain.test", "security_level": "encrypt"},
                {"destination": "right.test", "security_level": "secure"},
                {"destination": "wrong.test", "security_level": "verify"},
                {"destination": "self-signed.test", "security_level": "encrypt"}]},
        "postfix": {"policyd_path": str(policyd)}}


class Incoming(NamedTuple):
    who: str
    tls: bool
    certificate: str | None
    says: str  # the document
    wanted: str  # "accepted", or code and enhanced code
    rule: str = ""  # that the reply must name


class Outgoing(NamedTuple):
    to: str
    how: str
    says: str
    wanted: str  # "sent WORD" by the word of the TLS log line, or "deferred DSN"


INCOMING = (
    Incoming("anyone@client.example", False, None, "offered, not required", "accepted"),
    Incoming("anyone@client.example", True, None, "offered", "accepted"),
    Incoming(BANK, False, None, "rule bank: a trusted certificate", "550 5.7.10", "bank"),
    Incoming(BANK, True, None, "rule bank: a trusted certificate", "550 5.7.1", "bank"),
    Incoming(BANK, True, "client-other-ca", "rule bank: a trusted certificate", "550 5.7.1", "bank"),
    Incoming(BANK, True, "client-cn", "rule bank: a trusted certificate", "accepted"),
    Incoming(SHOP, False, None, "rule shop: TLS", "550 5.7.10", "shop"),
    Incoming(SHOP, True, None, "rule shop: TLS", "accepted"),
    Incoming(TRIAL, False, None, "rule trial: TLS, report only", "accepted"),
)
OUTGOING = (
    Outgoing("user@sub.plain.test", "MX without TLS", "may", "sent in clear"),
    Outgoing("user@plain.test", "MX without TLS", "encrypt", "deferred 4.7.4"),
    Outgoing("user@self-signed.test", "MX with a self-signed certificate", "encrypt",
             "sent Untrusted"),
    Outgoing("user@right.test", "MX with a trusted certificate", "secure", "sent Verified"),
    Outgoing("user@wrong.test", "MX with a certificate for another name", "verify",
             "deferred 4.7.5"),
)


class Show:
    """Prints each message's story, for people or as TAP, and keeps count."""

    def __init__(self, tap: bool) -> None:
        self.tap = tap
        self.count = self.failed = 0

    def tell(self, title: str, says: str, wanted: str, happened: str, reply: str, good: bool) -> None:
        self.count += 1
        self.failed += not good
        if self.tap:
            print(f"{'ok' if good else 'not ok'} {self.count} - {title}: {wanted}")
        if not self.tap or not good:
            mark = "#   " if self.tap else "    "
            if not self.tap:
                print(f"{self.count:2}. {title}")
            print(f"{mark}document  {says}\n{mark}wanted    {wanted}\n{mark}happened  {happened}"
                  f"{'' if good else '   <-- NOT as the document says'}\n{mark}reply     {reply}")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        for line in text.splitlines():
            print(f"# {line}" if self.tap else line)
        sys.stdout.flush()


def receive(world: World, show: Show, mail: Incoming) -> None:
    cert = world.certificates[mail.certificate].pair if mail.certificate else None
    sent = world.send(mail_from=mail.who, tls="starttls" if mail.tls else None, cert=cert)
    how = "in clear" if not mail.tls else f"{sent.tls}, " + (
        f"certificate {mail.certificate}" if mail.certificate else "no certificate")
    happened = "accepted" if sent.accepted else f"{sent.code} {sent.enhanced}"
    good = happened == mail.wanted and (not mail.rule or f"rule {mail.rule}" in sent.text)
    if sent.accepted:
        good = good and world.arrived(sent) is not None
        happened += " and delivered"
    show.tell(f"from <{mail.who}>, {how}", mail.says, mail.wanted, happened,
              f"{sent.code} {' '.join(sent.text.split())}", good)


def deliver(world: World, show: Show, mail: Outgoing) -> None:
    sent = world.relay(mail.to)
    outcome = world.outcome(sent)
    happened = f"deferred {outcome.dsn}" if outcome.status == "deferred" else \
        f"{outcome.status} {outcome.tls or 'in clear'}"
    good = happened == mail.wanted
    if outcome.status == "sent":
        good = good and world.arrived(sent) is not None
        happened += " and delivered"
    show.tell(f"to <{mail.to}>, {mail.how}", mail.says, mail.wanted, happened,
              f"relay={outcome.relay} ({outcome.text})", good)


def tlsmap(world: World, program: Path, *arguments: str) -> str:
    run = subprocess.run([program, "-c", world.gateway.config_dir, *arguments], capture_output=True,
                         text=True, check=False)
    if run.returncode not in (0, 1):
        sys.exit(f"not ok - tlsmap {' '.join(arguments)}: status {run.returncode}\n{run.stderr}")
    return run.stdout


def main() -> int:
    world = World.enter()
    show = Show("--tap" in sys.argv)
    programs = world.install(sys.argv[1])
    settings = world.gateway.config_dir / "tls-settings.json"
    settings.write_text(json.dumps(document(world, programs.policyd), indent=2))
    show.say(f"The document:\n{settings.read_text()}\n\ntlsmap apply:")
    show.say(tlsmap(world, programs.tlsmap, "apply"))
    show.say("Receiving:")
    for incoming in INCOMING:
        receive(world, show, incoming)
    show.say("Sending:")
    for outgoing in OUTGOING:
        deliver(world, show, outgoing)
    show.say(f"The log has of policyd:\n" + "\n".join(
        line.text for line in world.syslog("postfix/tlsgate")))
    if show.tap:
        print(f"1..{show.count}")
    else:
        print(f"\n{show.count - show.failed} of {show.count} messages went as the document says.")
    return 1 if show.failed else 0


if __name__ == "__main__":
    sys.exit(main())
