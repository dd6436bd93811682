#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rounds of apply and rollback while mail comes and goes all the time.

Usage: test_rounds.py [--all]: 200 rounds, else 2. Sessions in clear and over TLS, of one message and of many, bring
mail that the one document forbids, the other, both or neither; other mail is relayed to a partner. Each answer must
be that of a document that was in force when the session began; all that was accepted must arrive, once."""

import collections
import random
import smtplib
import ssl
import sys
import threading
import time
from typing import Any, Callable, Iterator

from lib import addresses
from lib.tlsmap import Tlsmap
from lib.wait import until
from lib.world import Tap, World

ROUNDS = 200 if "--all" in sys.argv else 2
BANK, SHOP, VAULT, OTHER = "a@bank.example", "a@shop.example", "a@vault.example", "a@other.example"
SENDERS = (BANK, SHOP, VAULT, OTHER)
# Which senders the rules of each document refuse in clear.
FORBIDDEN = {"X": {BANK, VAULT}, "Y": {SHOP, VAULT}}
PAUSE = 0.12
LONG_SESSION = 25


def document(tlsmap: Tlsmap, name: str) -> dict[str, Any]:
    rules = [{"name": sender[2:].partition(".")[0], "sender_domains": [sender[2:]]} for sender in FORBIDDEN[name]]
    rows = [{"destination": "right.test", "security_level": "encrypt"}] if name == "Y" else []
    return tlsmap.document(receive={"rules": sorted(rules, key=lambda rule: rule["name"])}, send={"domains": rows})


class History:
    """Which document was in force when."""

    def __init__(self, name: str) -> None:
        self._lock = threading.Lock()
        self._spans = [(0.0, 0.0, name)]  # begun, settled, name

    def change(self, name: str, how: Callable[[], object]) -> None:
        with self._lock:
            self._spans.append((time.monotonic(), float("inf"), name))
        how()
        with self._lock:
            self._spans[-1] = (self._spans[-1][0], time.monotonic(), name)

    def names(self, first: float, last: float) -> set[str]:
        """Those by which a session may be judged that a process took between first and last."""
        with self._lock:
            spans = list(self._spans)
        found = set()
        for number, (begun, _, name) in enumerate(spans):
            settled = spans[number + 1][1] if number + 1 < len(spans) else float("inf")
            if begun <= last and first <= settled:
                found.add(name)
        return found


class Traffic:
    """Threads that send until they are told to end, and what became of what they sent."""

    def __init__(self, world: World, history: History) -> None:
        self._world, self._history = world, history
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self.accepted: set[str] = set()
        self.relayed: set[str] = set()
        self.counts: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []
        streams = (self._short, self._short, self._short, self._short, self._long, self._long, self._relay)
        self._threads = [threading.Thread(target=self._guard, args=(stream,)) for stream in streams]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _guard(self, stream: Callable[[], None]) -> None:
        while not self._ending.is_set():
            try:
                stream()
            except (OSError, smtplib.SMTPException) as error:
                self.wrong.append(f"{stream.__name__}: {error!r}")
                return

    def _token(self) -> str:
        with self._lock:
            self._number += 1
            return f"round{self._number}"

    def _connect(self, source: str, has_tls: bool) -> tuple[smtplib.SMTP, set[str]]:
        """With the names of the documents that may judge it."""
        first = time.monotonic()
        server = addresses.server_for(source)
        session = smtplib.SMTP(server, local_hostname="client.example", source_address=(source, 0), timeout=60)
        names = self._history.names(first, time.monotonic())
        if has_tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            session.starttls(context=context)
        return session, names

    def _send(self, session: smtplib.SMTP, sender: str, recipient: str, accepted: set[str]) -> int:
        """The code of the answer to RCPT, or to the end of the message."""
        token = self._token()
        session.mail(sender)
        code, text = session.rcpt(recipient)
        if code == 250:
            code, text = session.data(f"Message-ID: <{token}@client.example>\r\nSubject: {token}\r\n\r\nA line.\r\n")
        if code == 250:
            with self._lock:
                accepted.add(token)
        else:
            session.rset()
        with self._lock:
            self.counts[f"{code}"] += 1
        return code

    def _judge(self, names: set[str], sender: str, has_tls: bool, code: int) -> set[str]:
        """Those of the names whose document gives this answer."""
        fitting = {name for name in names if code == (550 if not has_tls and sender in FORBIDDEN[name] else 250)}
        if not fitting:
            self.wrong.append(f"{sender} {'TLS' if has_tls else 'clear'}: {code} under {names}")
        return fitting

    def _short(self) -> None:
        has_tls, sender = random.random() < 0.4, random.choice(SENDERS)
        session, names = self._connect(addresses.NAMELESS, has_tls)
        self._judge(names, sender, has_tls, self._send(session, sender, "user@gw.example", self.accepted))
        session.quit()
        time.sleep(PAUSE)

    def _long(self) -> None:
        """All of it by one document."""
        has_tls = random.random() < 0.3
        session, names = self._connect(addresses.NAMELESS, has_tls)
        for _ in range(LONG_SESSION):
            sender = random.choice(SENDERS)
            code = self._send(session, sender, "user@gw.example", self.accepted)
            names = self._judge(names, sender, has_tls, code)
            if self._ending.is_set() or not names:
                break
            time.sleep(3 * PAUSE)
        session.quit()

    def _relay(self) -> None:
        session, _ = self._connect(addresses.LOCALHOST, False)
        code = self._send(session, OTHER, "user@right.test", self.relayed)
        if code != 250:
            self.wrong.append(f"relay: {code}")
        session.quit()
        time.sleep(3 * PAUSE)


def tokens(mails: Iterator[Any]) -> collections.Counter[str]:
    return collections.Counter(mail.token for mail in mails)


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    tlsmap.apply(document(tlsmap, "X"))
    history = History("X")

    def roll_back() -> None:
        with world.gateway.settling():
            run = tlsmap.run("rollback")
            assert run.returncode == 0, run

    began = time.monotonic()
    with Traffic(world, history) as traffic:
        for _ in range(ROUNDS):
            history.change("Y", lambda: tlsmap.apply(document(tlsmap, "Y")))
            time.sleep(1)
            history.change("X", roll_back)
            time.sleep(1)
    rate = sum(traffic.counts.values()) / (time.monotonic() - began)
    with tap.case("each-answer-is-that-of-a-document-in-force"):
        assert not traffic.wrong, traffic.wrong[:10]
        assert set(traffic.counts) == {"250", "550"}, traffic.counts
    with tap.case("all-that-was-accepted-has-arrived-once"):
        until(lambda: not world.gateway.queue(), "the queue to be empty", 120)
        until(lambda: sum(tokens(world.partners.store.mails()).values()) >= len(traffic.relayed),
              "the relayed mail to arrive", 120)
        assert tokens(world.gateway.store.mails()) == collections.Counter(traffic.accepted)
        assert tokens(world.partners.store.mails()) == collections.Counter(traffic.relayed)
    with tap.case("nothing-was-bounced"):
        assert "status=bounced" not in world.gateway.log()
    tap.note(f"{ROUNDS} rounds, {sum(traffic.counts.values())} messages, {rate:.0f} a second: {dict(traffic.counts)}")


World.run(main)
