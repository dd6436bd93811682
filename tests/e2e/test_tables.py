#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Generations change, and types of tables, while mail flows, with every type that this Postfix has: no look-up
fails.

A look-up that fails defers the mail; one that finds no row sends it in clear, as the level for all says here. With
--all there are more changes."""

from __future__ import annotations

import re
import sys
import threading

from lib.tlsmap import Document, Tlsmap
from lib.wait import until
from lib.world import Tap, World

TYPES = ("cdb", "lmdb", "hash", "btree", "texthash")
CHANGES = 20 if "--all" in sys.argv else 2
# One row stays as it is, the other is another one in each generation. Each message goes to a domain of its own
# below them: qmgr(8) makes no second attempt soon at a domain to which one failed.
KEPT, TURNS = ".right.test", ".self-signed.test"
LEVELS = ("encrypt", "verify")
# Between two messages, so that Postfix keeps up on a small machine.
PAUSE = 0.03
STATUS = re.compile(r"postfix/\w+\[\d+\]: \w+: to=<user@(?P<domain>[^>]*)>.* status=(?P<status>\w+) \((?P<text>.*)\)$",
                    re.M)


class Flow(threading.Thread):
    """Mail to both domains, one after the other, as long as the block lasts."""

    def __init__(self, world: World, label: str) -> None:
        super().__init__(daemon=True)
        self._world = world
        self._label = label
        self._ends = threading.Event()
        self.accepted = 0
        self.refused: list[str] = []

    def run(self) -> None:
        while not self._ends.wait(PAUSE):
            for below in (KEPT, TURNS):
                sent = self._world.relay(f"user@{self._label}{self.accepted}{below}")
                if sent.accepted:
                    self.accepted += 1
                else:
                    self.refused.append(f"{sent.stage} {sent.code} {sent.text}")

    def __enter__(self) -> "Flow":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self.join()


def document(tlsmap: Tlsmap, kind: str, level: str) -> Document:
    rows = [{"destination": KEPT, "security_level": "encrypt"}, {"destination": TURNS, "security_level": level}]
    return tlsmap.document(send={"security_level": "none", "domains": rows}, postfix={
        "policyd_path": str(tlsmap.policyd), "table_type": kind})


def put(world: World, tlsmap: Tlsmap, wanted: Document, in_parts: bool) -> None:
    """In one go, or so that processes which come and go bring the new generation in before the reload does."""
    if not in_parts:
        tlsmap.apply(wanted)
        return
    run = tlsmap.run("apply", "--no-reload", document=wanted)
    assert run.returncode == 0, run
    world.gateway.cool_down()
    world.gateway.reload()


def judge(log: str) -> tuple[int, int]:
    """How many were sent and how many deferred; nothing else may have become of any mail."""
    sent = deferred = 0
    for hit in STATUS.finditer(log):
        if hit["status"] == "sent":
            sent += 1
        else:
            # What a generation demands at "verify" and the server can't do; all else is a failure of ours.
            assert hit["domain"].endswith(TURNS) and hit["text"] == "Server certificate not verified", hit[0]
            deferred += 1
    return sent, deferred


def change(world: World, tap: Tap, tlsmap: Tlsmap, kind: str) -> None:
    mark, arrived = world.gateway.mark(), len(world.partners.store.mails())
    with Flow(world, kind) as flow:
        for i in range(CHANGES):
            put(world, tlsmap, document(tlsmap, kind, LEVELS[i % 2]), in_parts=i % 2 == 1)
            before = flow.accepted
            until(lambda: flow.accepted > before + 4, "mail between two changes")  # pylint: disable=W0640
    assert flow.refused == [], flow.refused
    until(lambda: sum(judge(world.gateway.log(mark))) >= flow.accepted, "an attempt for all mail")
    log = world.gateway.log(mark)
    sent, deferred = judge(log)
    assert sent + deferred == flow.accepted
    assert not re.search(r"look-?up (error|failure)|TLS configuration problem|fatal:|panic:", log)
    assert f"{kind}:" in world.gateway.get("smtp_tls_policy_maps")
    assert sent and deferred, "each generation has decided some mail"
    until(lambda: len(world.partners.store.mails()) >= arrived + sent, "all that was sent")
    assert all("with ESMTPS id" in mail.received for mail in world.partners.store.mails()), "mail went in clear"
    world.gateway.empty_queue()  # or what was deferred is tried again, and counted, in a later flow
    tap.note(f"{kind}: {CHANGES} changes of generation, {flow.accepted} messages: {sent} sent in TLS, {deferred} "
             "deferred for the server's certificate, 0 for a look-up")


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    known = world.gateway.postconf("-m").split()
    tlsmap.apply(document(tlsmap, "texthash", LEVELS[1]))
    for kind in TYPES:
        with tap.case(f"no-look-up-fails-in-{kind}"):
            if kind not in known:
                tap.skip(f"this Postfix has no {kind}")
            change(world, tap, tlsmap, kind)


if __name__ == "__main__":
    World.run(main)
