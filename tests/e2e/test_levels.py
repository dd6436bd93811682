#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The global level of sending: each value of the document against real servers. For receiving: test_receiving."""

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

# Level: what becomes of mail to an MX without TLS, and to one with a trusted, right certificate.
SENDING = {
    "none": ("sent in clear", "sent in clear"),
    "may": ("sent in clear", "sent Trusted"),
    "encrypt": ("deferred 4.7.4", "sent Trusted"),
    "verify": ("deferred 4.7.4", "sent Verified"),
}


def send(world: World, to: str, wanted: str) -> None:
    sent = world.relay(f"user@{to}")
    outcome = world.outcome(sent)
    happened = f"deferred {outcome.dsn}" if outcome.status == "deferred" else \
        f"{outcome.status} {outcome.tls or 'in clear'}"
    assert happened == wanted, outcome
    if outcome.status == "sent":
        assert world.arrived(sent)


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    for level, (plain, right) in SENDING.items():
        tlsmap.apply(tlsmap.document(receive={"security_level": "may"},
                                     send={"security_level": level}))
        with tap.case(f"send-{level}-to-an-mx-without-tls"):
            send(world, "plain.test", plain)
        with tap.case(f"send-{level}-to-an-mx-with-a-trusted-certificate"):
            send(world, "right.test", right)


if __name__ == "__main__":
    World.run(main)
