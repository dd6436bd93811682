#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions that began before an apply are judged wholly by the old generation, new ones wholly by the new;
sessions that begin while it is at work, wholly by one of the two."""

import shutil
import threading
import uuid
from contextlib import contextmanager
from typing import Iterator, NamedTuple

from lib import addresses
from lib.client import Session
from lib.tlsmap import Document, Tlsmap
from lib.world import Tap, World

BANK, OTHER = "x@bank.example", "x@other.example"
SHOP_RULE = {"name": "shop", "sender_domains": ["shop.example"]}
BANK_RULE = {"name": "bank", "sender_domains": ["bank.example"], "require": {"certificate": "trusted"}}
RULES = {"no-rule": [], "weaker-rules": [SHOP_RULE], "stricter-rules": [SHOP_RULE, BANK_RULE]}


class State(NamedTuple):
    """What a generation says. The rule for the bank demands more than encrypt does, so that each shows beside
    the other; the one for the shop, of which nothing is sent, is there for policyd to be asked."""
    level: str
    rules: str

    def __str__(self) -> str:
        return f"{self.level}-{self.rules}"

    @property
    def is_strict(self) -> bool:
        return BANK_RULE in RULES[self.rules]

    def document(self, tlsmap: Tlsmap) -> Document:
        return tlsmap.document(receive={"security_level": self.level, "client_certificate": "request",
                                        "rules": RULES[self.rules]})

    def verdict(self, sender: str, tls: bool) -> str:
        if not tls and self.level == "encrypt":
            return "530 5.7.0"
        if sender == BANK and self.is_strict:
            return "550 5.7.1" if tls else "550 5.7.10"
        return "accepted"

    def verdicts(self) -> tuple[str, ...]:
        return tuple(self.verdict(*mail) for mail in MAILS)


# What each client tries, in this order, in one session: sender, and whether by TLS (without a certificate).
MAILS = ((OTHER, False), (BANK, False), (BANK, True), (OTHER, True))

BARE = State("may", "no-rule")
OPEN, RULED = State("may", "weaker-rules"), State("may", "stricter-rules")
CLOSED, BOTH = State("encrypt", "weaker-rules"), State("encrypt", "stricter-rules")
# Levels and rules each become stricter, become weaker, or stay: all eight orders.
# In the first policyd comes into the path, in the last it goes.
WALK = (BARE, BOTH, OPEN, CLOSED, RULED, CLOSED, BOTH, RULED, BARE)
LEVELS = ("may", "encrypt")


def content(session: Session, token: str) -> str:
    reply = session.content(f"Message-ID: <{token}@client.example>\n\nA line.\n")
    return "accepted" if reply.code == 250 else f"{reply.code} {reply.enhanced}"


def mail(session: Session, sender: str, token: str) -> str:
    """Send a message in a session that is open, and leave it open."""
    for line in (f"MAIL FROM:<{sender}>", "RCPT TO:<user@gw.example>", "DATA"):
        if not (reply := session.cmd(line)).good:
            session.cmd("RSET")
            return f"{reply.code} {reply.enhanced}"
    return content(session, token)


def all_mails(session: Session) -> tuple[tuple[str, ...], list[str]]:
    """Try all of MAILS; what each came to, and the tokens of those that were accepted."""
    verdicts, accepted = [], []
    for sender, tls in MAILS:
        if tls and not session.tls:
            assert session.starttls().code == 220
            assert session.ehlo("client.example").code == 250
        token = uuid.uuid4().hex
        verdicts.append(mail(session, sender, token))
        if verdicts[-1] == "accepted":
            accepted.append(token)
    return tuple(verdicts), accepted


def new_session(world: World, source: str = addresses.NAMELESS) -> tuple[tuple[str, ...], list[str]]:
    with world.session(source=source) as session:
        assert session.ehlo("client.example").code == 250
        return all_mails(session)


@contextmanager
def sessions_all_the_time(world: World) -> Iterator[list[tuple[str, ...]]]:
    """While the block runs, session after session begins; at its end the list holds what they came to."""
    seen: list[tuple[str, ...]] = []
    trouble: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                seen.append(new_session(world, addresses.SHOP)[0])
        except BaseException as error:  # pylint: disable=broad-exception-caught
            trouble.append(error)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    if trouble:
        raise trouble[0]


def begun(session: Session, old: State) -> str:
    """Begin a message that the old generation lets pass, up to its recipient; its sender."""
    tls = old.level == "encrypt"
    if tls:
        assert session.starttls().code == 220
        assert session.ehlo("client.example").code == 250
    sender = BANK if old.verdict(BANK, tls) == "accepted" else OTHER
    assert session.cmd(f"MAIL FROM:<{sender}>").code == 250
    assert session.cmd("RCPT TO:<user@gw.example>").code == 250
    return sender


def change(world: World, tap: Tap, tlsmap: Tlsmap, old: State, new: State) -> None:
    name = f"{old}-becomes-{new}"
    with world.session() as idle, world.session() as busy:
        for session in (idle, busy):
            assert session.ehlo("client.example").code == 250
        begun(busy, old)
        with sessions_all_the_time(world) as seen:
            tlsmap.apply(new.document(tlsmap))
        with tap.case(f"{name}-old-session"):
            verdicts, accepted = all_mails(idle)
            assert verdicts == old.verdicts(), verdicts
            assert all(world.arrived(token) for token in accepted)
        with tap.case(f"{name}-message-that-had-begun"):
            # Its recipient was accepted before: DATA, too, is asked of the old generation.
            assert busy.cmd("DATA").code == 354
            token = uuid.uuid4().hex
            assert content(busy, token) == "accepted" and world.arrived(token)
    with tap.case(f"{name}-new-session"):
        verdicts, accepted = new_session(world)
        assert verdicts == new.verdicts(), verdicts
        assert all(world.arrived(token) for token in accepted)
    with tap.case(f"{name}-meanwhile-wholly-old-or-wholly-new"):
        assert seen and set(seen) <= {old.verdicts(), new.verdicts()}, set(seen)


def pruned(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Who still names a generation that is gone has no answer, and Postfix does what the document said: it is not
    judged by another one. Here the next one has a rule less."""
    generations = world.gateway.config_dir / "tlsgate/gen"
    for on_failure, verdict in (("defer", "451 4.3.5"), ("accept", "accepted")):
        old, new = RULED.document(tlsmap), OPEN.document(tlsmap)
        for each in old, new:
            each["receive"]["on_policy_failure"] = on_failure
        with tap.case(f"a-session-of-a-generation-that-is-gone-at-{on_failure}"):
            tlsmap.apply(old)
            newest = max(int(path.name) for path in generations.iterdir() if path.name.isdigit())
            with world.session() as session:
                assert session.ehlo("client.example").code == 250
                tlsmap.apply(new)
                shutil.rmtree(generations / str(newest))
                for sender in BANK, OTHER:
                    token = uuid.uuid4().hex
                    assert mail(session, sender, token) == verdict
                    assert verdict != "accepted" or world.arrived(token)
            assert new_session(world)[0] == OPEN.verdicts()


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    tlsmap.apply(WALK[0].document(tlsmap))
    with tap.case("the-walk-has-all-eight-orders"):
        orders = {(LEVELS.index(new.level) - LEVELS.index(old.level), new.is_strict - old.is_strict)
                  for old, new in zip(WALK, WALK[1:])}
        assert len(orders) == 8 and (0, 0) not in orders, orders
    for old, new in zip(WALK, WALK[1:]):
        change(world, tap, tlsmap, old, new)
    pruned(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
