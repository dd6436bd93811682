#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Spellings of a partner's domain: each once without rows, when it reaches the partner, and once with.

smtp(8) looks a row up under the domain as the recipient spells it, case aside, and asks DNS for what ICU
(UTS #46) makes of it. So a spelling that only DNS takes for the partner must not pass the partner's row.
"""

import unicodedata
from typing import NamedTuple

from lib.tlsmap import Document, Tlsmap
from lib.world import Tap, World

CLEAR, NO_TLS, NO_MATCH = "sent in clear", "deferred 4.7.4", "deferred 4.7.5"
UNREADABLE = "domain-not-in-normal-form"
UTF8 = " SMTPUTF8"


class Spelling(NamedTuple):
    """A spelling of a partner without TLS, plain.test or m\u00fcnchen.test."""
    name: str
    domain: str


SPELLINGS = (
    Spelling("full-width-letter", "\uff50lain.test"),
    Spelling("full-width-capitals", "\uff30\uff2c\uff21\uff29\uff2e.\uff34\uff25\uff33\uff34"),
    Spelling("ideographic-full-stop", "plain\u3002test"),
    Spelling("full-width-full-stop", "plain\uff0etest"),
    Spelling("half-width-ideographic-full-stop", "plain\uff61test"),
    Spelling("soft-hyphen", "pl\u00adain.test"),
    Spelling("word-joiner", "plain\u2060.test"),
    Spelling("variation-selector", "plain.te\ufe0fst"),
    Spelling("grapheme-joiner", "pla\u034fin.test"),
    Spelling("mathematical-letters", "\U0001d429\U0001d425ain.test"),
    Spelling("enclosed-letter", "\u24dflain.test"),
    Spelling("squared-letter", "\U0001f13flain.test"),
    Spelling("superscript-letter", "pla\u2071n.test"),
    Spelling("ordinal-indicator", "pl\u00aain.test"),
    Spelling("roman-numeral", "pla\u2170n.test"),
    Spelling("ligature", "plain.te\ufb06"),
    Spelling("below-the-domain", "a.\uff50lain.test"),
    # Letters that Postfix folds with the case: they find the row.
    Spelling("long-s", "plain.te\u017ft"),
    Spelling("kelvin-sign", "\u212aeller.plain.test"),
    Spelling("upper-case", "PLAIN.Test"),
    Spelling("idn", "m\u00fcnchen.test"),
    Spelling("idn-upper-case", "M\u00dcNCHEN.TEST"),
    Spelling("idn-ascii", "xn--mnchen-3ya.test"),
    Spelling("idn-decomposed", unicodedata.normalize("NFD", "m\u00fcnchen.test")),
    Spelling("idn-decomposed-upper-case", unicodedata.normalize("NFD", "M\u00dcNCHEN.test")),
    Spelling("idn-full-width", "m\u00fcn\uff43hen.test"),
    Spelling("idn-mixed-labels", "m\u00fcnchen.xn--mnchen-3ya.test"),
    Spelling("idn-mixed-labels-decomposed", "mu\u0308nchen.xn--mnchen-3ya.test"),
)
ROWS = [{"destination": name, "security_level": "encrypt"}
        for name in ("plain.test", ".plain.test", "keller.plain.test", "m\u00fcnchen.test",
                     "m\u00fcnchen.m\u00fcnchen.test")]


def happened(world: World, domain: str) -> str:
    sent = world.relay(f"user@{domain}", mail_options="" if domain.isascii() else UTF8)
    if not sent.accepted:
        return f"refused {sent.code} {sent.text}"
    outcome = world.outcome(sent)
    if outcome.status == "sent":
        assert world.arrived(sent)
        return f"sent {outcome.tls or 'in clear'}"
    if "TLS configuration problem" in outcome.text:
        return UNREADABLE
    return f"{outcome.status} {outcome.dsn}"


def document(tlsmap: Tlsmap, *rows: dict[str, object], **send: object) -> Document:
    return tlsmap.document(send={"security_level": "may", "domains": list(rows), **send})


def every_spelling(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    tlsmap.apply(document(tlsmap))
    open_ways = [spelling for spelling in SPELLINGS if happened(world, spelling.domain) == CLEAR]
    tlsmap.apply(document(tlsmap, *ROWS))
    for spelling in SPELLINGS:
        with tap.case(spelling.name):
            assert spelling in open_ways, "mail does not reach the partner by this spelling"
            assert happened(world, spelling.domain) == NO_TLS


def names_of_others(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """The table of spellings is about spellings: others' names go as the global level says."""
    with tap.case("an-idn-without-a-row-goes-as-all-mail"):
        assert happened(world, "z\u00fcrich.test") == CLEAR
        assert happened(world, "Z\u00dcRICH.test") == CLEAR
        assert happened(world, "b\u00fccher.test") == "sent Trusted"
    with tap.case("a-row-below-a-domain-is-found-for-an-idn"):
        assert happened(world, "z\u00fcrich.plain.test") == NO_TLS


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    world.gateway.set(smtputf8_enable="yes")
    every_spelling(world, tap, tlsmap)
    names_of_others(world, tap, tlsmap)
    with tap.case("a-joiner-that-the-older-mapping-removes"):
        world.gateway.set(enable_idna2003_compatibility="yes")
        world.gateway.reload()
        assert happened(world, "pl\u200dain.test") == NO_TLS
        world.gateway.set(enable_idna2003_compatibility="no")
    with tap.case("secure-rows-make-other-spellings-secure"):
        tlsmap.apply(document(tlsmap, *ROWS, {"destination": "named.test", "security_level": "secure"}))
        assert happened(world, "\uff4eamed.test") == "sent Verified"
        assert happened(world, "\uff57rong.test") == NO_MATCH
    with tap.case("rows-that-demand-more-defer-other-spellings"):
        pin = world.certificates["mx-self-signed-test"].fingerprint
        tlsmap.apply(document(tlsmap, *ROWS, {"destination": "self-signed.test", "security_level": "fingerprint",
                                              "fingerprints": [pin]}))
        assert happened(world, "self-signed.test") == "sent Verified"
        assert happened(world, "\uff53elf-signed.test") == UNREADABLE
        assert f'invalid security level "{UNREADABLE}"' in world.gateway.log()
        assert happened(world, "z\u00fcrich.test") == CLEAR


if __name__ == "__main__":
    World.run(main)
