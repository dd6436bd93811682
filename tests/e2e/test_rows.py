#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of send.domains: every attribute and every kind of destination, by real deliveries."""

from typing import Any, NamedTuple

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

NO_MATCH = "deferred 4.7.5"
VERIFIED, TRUSTED, UNTRUSTED, CLEAR = "sent Verified", "sent Trusted", "sent Untrusted", "sent in clear"
WRONG_PIN = ":".join(["AB"] * 32)


class Row(NamedTuple):
    """A row for destination, mail to it, and what becomes of it. PIN, KEY and OTHER_CA stand for what the
    world has made."""
    name: str
    destination: str
    row: dict[str, Any]
    wanted: str


ROWS = (
    Row("the-right-pin-verifies", "a.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": ["PIN"]}, VERIFIED),
    Row("the-pin-of-the-key-verifies", "b.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": ["KEY"]}, VERIFIED),
    Row("one-of-several-pins-is-enough", "c.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": [WRONG_PIN, "PIN"]}, VERIFIED),
    Row("a-wrong-pin-defers", "d.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": [WRONG_PIN]}, NO_MATCH),
    Row("a-pin-in-small-letters-verifies", "e.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": ["pin"]}, VERIFIED),
    Row("secure-defers-another-name", "hosted.test", {"security_level": "secure"}, NO_MATCH),
    Row("secure-with-match-verifies", "a.right.test",
        {"security_level": "secure", "match": ["MX.right.test"]}, VERIFIED),
    Row("secure-with-another-match-defers", "b.right.test",
        {"security_level": "secure", "match": ["mx.elsewhere.test"]}, NO_MATCH),
    Row("secure-with-match-below-verifies", "c.right.test",
        {"security_level": "secure", "match": [".right.test", "nowhere.test"]}, VERIFIED),
    Row("a-trust-anchor-file-trusts-another-ca", "a.other-ca.test",
        {"security_level": "secure", "match": ["mx.other-ca.test"], "trust_anchor_files": ["OTHER_CA"]}, VERIFIED),
    Row("without-it-that-ca-is-not-trusted", "b.other-ca.test",
        {"security_level": "secure", "match": ["mx.other-ca.test"]}, NO_MATCH),
    Row("a-floor-that-is-met-sends", "a.old.test",
        {"security_level": "encrypt", "min_protocol": "TLSv1.2"}, TRUSTED),
    Row("a-floor-that-is-not-met-defers", "b.old.test",
        {"security_level": "encrypt", "min_protocol": "TLSv1.3"}, NO_MATCH),
    Row("high-ciphers-send", "c.old.test", {"security_level": "encrypt", "ciphers": "high"}, TRUSTED),
    Row("an-excluded-cipher-defers", "d.old.test",
        {"security_level": "encrypt", "exclude": ["aECDSA"]}, NO_MATCH),
    Row("server-name-and-reuse-send", "d.right.test",
        {"security_level": "encrypt", "server_name": "mx.right.test", "connection_reuse": False}, TRUSTED),
    Row("none-is-clear", "e.right.test", {"security_level": "none"}, CLEAR),
    Row("a-row-below-a-domain-is-for-names-below", ".wrong.test",
        {"security_level": "verify"}, ""),
    Row("a-next-hop-is-its-own-key", "[mx.right.test]:587",
        {"security_level": "secure", "match": ["mx.right.test"]}, ""),
    Row("an-international-name-in-both-forms", "bücher.test", {"security_level": "secure"}, ""),
)


def happened(world: World, to: str, mail_options: str = "") -> str:
    sent = world.relay(f"user@{to}", mail_options=mail_options)
    outcome = world.outcome(sent)
    assert "TLS configuration problem" not in outcome.text, outcome
    if outcome.status == "sent":
        assert world.arrived(sent)
        return f"sent {outcome.tls or 'in clear'}"
    return f"{outcome.status} {outcome.dsn}"


def filled(world: World, value: Any) -> Any:
    """The world's own values for the words that stand for them."""
    self_signed = world.certificates["mx-self-signed-test"]
    words = {"PIN": self_signed.fingerprint, "pin": self_signed.fingerprint.lower(),
             "KEY": self_signed.public_key_fingerprint, "OTHER_CA": str(world.certificates["other-ca"].pem)}
    if isinstance(value, list):
        return [filled(world, item) for item in value]
    return words.get(value, value) if isinstance(value, str) else value


def document(world: World, tlsmap: Tlsmap, **send: Any) -> dict[str, Any]:
    rows = [{"destination": row.destination, **{key: filled(world, value) for key, value in row.row.items()}}
            for row in ROWS]
    return tlsmap.document(send={"security_level": "may", "domains": rows, **send})


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    world.gateway.set(transport_maps="inline:{routed.test=smtp:[mx.right.test]:587}", smtputf8_enable="yes")
    tlsmap.apply(document(world, tlsmap))
    for row in ROWS:
        if row.wanted:
            with tap.case(row.name):
                assert happened(world, row.destination) == row.wanted
    with tap.case("a-row-below-a-domain-is-for-names-below"):
        assert happened(world, "a.wrong.test") == NO_MATCH
        assert happened(world, "wrong.test") == TRUSTED
    with tap.case("a-next-hop-is-its-own-key"):
        assert happened(world, "routed.test") == VERIFIED
        assert happened(world, "right.test") == TRUSTED
    with tap.case("an-international-name-in-both-forms"):
        # The certificate names mx.right.test: at "secure", which the row demands, that is another name.
        assert happened(world, "xn--bcher-kva.test") == NO_MATCH
        assert happened(world, "bücher.test", " SMTPUTF8") == NO_MATCH
        assert happened(world, "BÜCHER.test", " SMTPUTF8") == NO_MATCH
    with tap.case("a-partner-that-demands-our-certificate-gets-it"):
        assert happened(world, "mutual.test").startswith("deferred")
        chain = str(world.certificates["gateway-client"].chain)
        tlsmap.apply(document(world, tlsmap, certificate={"chain_files": [chain]}))
        assert happened(world, "mutual.test") == TRUSTED
    with tap.case("the-floor-for-all-binds-the-rows-that-demand-tls"):
        tlsmap.apply(document(world, tlsmap, min_protocol="TLSv1.3"))
        assert happened(world, "c.old.test") == NO_MATCH
        assert happened(world, "a.old.test") == TRUSTED  # its own floor
        assert happened(world, "old.test") == TRUSTED  # may


if __name__ == "__main__":
    World.run(main)
