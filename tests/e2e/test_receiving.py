#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The receiving matrix: each valid pair of level and client certificate against each kind of client."""

from __future__ import annotations

from typing import NamedTuple

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

OFFERED, NOT_OFFERED = True, False


class Client(NamedTuple):
    """How a client comes. received is what the Received line says of it where certificates are asked for
    (src/smtpd/smtpd.c, 3.7); without it the client does not start TLS."""
    name: str
    certificate: str | None
    received: str | None

    @property
    def is_clear(self) -> bool:
        return self.received is None

    @property
    def is_trusted(self) -> bool:
        return self.received == "verified OK"


CLIENTS = (
    Client("clear", None, None),
    Client("tls", None, "Client did not present a certificate"),
    Client("trusted", "client-cn", "verified OK"),
    Client("trusted-san-only", "client-san-only", "verified OK"),
    Client("other-ca", "client-other-ca", "not verified"),
    Client("self-signed", "client-self-signed", "not verified"),
    Client("expired", "client-expired", "not verified"),
)


class Pair(NamedTuple):
    """A valid pair of values, and what the clients are told that get no mail through."""
    level: str
    certificate: str
    offered: bool
    clear: tuple[int, str] | None
    untrusted: tuple[int, str] | None


CLEAR_REFUSED = (530, "5.7.0")
CERTIFICATE_REFUSED = (421, "4.7.1")
PAIRS = (
    Pair("none", "none", NOT_OFFERED, None, None),
    Pair("may", "none", OFFERED, None, None),
    Pair("may", "request", OFFERED, None, None),
    Pair("encrypt", "none", OFFERED, CLEAR_REFUSED, None),
    Pair("encrypt", "request", OFFERED, CLEAR_REFUSED, None),
    Pair("encrypt", "require", OFFERED, CLEAR_REFUSED, CERTIFICATE_REFUSED),
)


def is_not_offered(world: World, client: Client) -> None:
    """STARTTLS is neither offered nor done; the client is served in clear all the same."""
    cert = world.certificates[client.certificate].pair if client.certificate else None
    with world.session(cert=cert) as session:
        assert session.ehlo("client.example").code == 250
        assert "STARTTLS" not in session.capabilities, session.capabilities
        reply = session.cmd("STARTTLS")
        assert (reply.code, reply.enhanced) == (502, "5.5.1"), reply
        for line, code in (("MAIL FROM:<sender@client.example>", 250), ("RCPT TO:<user@gw.example>", 250),
                           ("DATA", 354)):
            assert session.cmd(line).code == code
        token = f"{client.name}-at-none"
        assert session.content(f"Message-ID: <{token}@client.example>\n\nA line.\n").code == 250
    assert "with ESMTP id" in world.arrived(token).received


def receive(world: World, client: Client, pair: Pair) -> None:
    cert = world.certificates[client.certificate].pair if client.certificate else None
    sent = world.send(tls=None if client.is_clear else "starttls", cert=cert)
    refusal = pair.clear if client.is_clear else None if client.is_trusted else pair.untrusted
    if refusal:
        assert not sent.accepted and (sent.code, sent.enhanced) == refusal, sent
        assert sent.stage == ("mail" if client.is_clear else "ehlo"), sent
        assert not world.arrivals(sent)
        return
    assert sent.accepted, sent
    received = world.arrived(sent).received
    if client.is_clear:
        assert "with ESMTP id" in received, received
    else:
        wanted = client.received if pair.certificate != "none" else "No client certificate requested"
        assert "with ESMTPS id" in received and f"({wanted})" in received, received


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    for pair in PAIRS:
        tlsmap.apply(tlsmap.document(receive={"security_level": pair.level,
                                              "client_certificate": pair.certificate}))
        for client in CLIENTS:
            with tap.case(f"receive-{pair.level}-certificate-{pair.certificate}-client-{client.name}"):
                if pair.offered == NOT_OFFERED:
                    is_not_offered(world, client)
                else:
                    receive(world, client, pair)


if __name__ == "__main__":
    World.run(main)
