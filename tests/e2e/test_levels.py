#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The global levels, both ways: each value of the document against real clients and real servers."""

from typing import NamedTuple

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

# Clients: how they come.
CLEAR, TLS, TRUSTED = "clear", "tls", "trusted"
REFUSED_CLEAR = (530, "5.7.0")
REFUSED_NO_CERTIFICATE = (421, "4.7.1")
OFFERED, NOT_OFFERED = True, False


class Receiving(NamedTuple):
    """One valid pair, and for each client the refusal; those not named are accepted."""
    level: str
    certificate: str
    offered: bool
    refused: dict[str, tuple[int, str]]


RECEIVING = (
    Receiving("none", "none", NOT_OFFERED, {}),
    Receiving("may", "none", OFFERED, {}),
    Receiving("may", "request", OFFERED, {}),
    Receiving("encrypt", "none", OFFERED, {CLEAR: REFUSED_CLEAR}),
    Receiving("encrypt", "request", OFFERED, {CLEAR: REFUSED_CLEAR}),
    Receiving("encrypt", "require", OFFERED,
              {CLEAR: REFUSED_CLEAR, TLS: REFUSED_NO_CERTIFICATE}),
)

# Level: what becomes of mail to an MX without TLS, and to one with a trusted, right certificate.
SENDING = {
    "none": ("sent in clear", "sent in clear"),
    "may": ("sent in clear", "sent Trusted"),
    "encrypt": ("deferred 4.7.4", "sent Trusted"),
    "verify": ("deferred 4.7.4", "sent Verified"),
}


def receive(world: World, client: str, row: Receiving) -> None:
    cert = world.certificates["client-cn"].pair if client == TRUSTED else None
    sent = world.send(tls=None if client == CLEAR else "starttls", cert=cert)
    if client != CLEAR and row.offered == NOT_OFFERED:
        assert (sent.stage, sent.code) == ("starttls", 502), sent
    elif client in row.refused:
        assert not sent.accepted and (sent.code, sent.enhanced) == row.refused[client], sent
        assert not world.arrivals(sent)
    else:
        assert sent.accepted, sent
        received = str(world.arrived(sent).message["Received"])
        asked = row.certificate != "none" and client == TRUSTED
        assert ("verified OK" in received) == asked, received


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
    for row in RECEIVING:
        tlsmap.apply(tlsmap.document(receive={"security_level": row.level,
                                              "client_certificate": row.certificate}))
        for client in (CLEAR, TLS, TRUSTED):
            with tap.case(f"receive-{row.level}-certificate-{row.certificate}-client-{client}"):
                receive(world, client, row)
    for level, (plain, right) in SENDING.items():
        tlsmap.apply(tlsmap.document(receive={"security_level": "may"},
                                     send={"security_level": level}))
        with tap.case(f"send-{level}-to-an-mx-without-tls"):
            send(world, "plain.test", plain)
        with tap.case(f"send-{level}-to-an-mx-with-a-trusted-certificate"):
            send(world, "right.test", right)


if __name__ == "__main__":
    World.run(main)
