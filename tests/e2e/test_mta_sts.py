#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""MTA-STS behind the rows of a document: Debian's postfix-mta-sts-resolver as fallback_policy_maps, and policies
that it fetches by HTTPS. What becomes of mail tells which level decided."""

from __future__ import annotations

from typing import NamedTuple

from lib import mta_sts
from lib.mta_sts import Policy
from lib.tlsmap import Document, Tlsmap
from lib.world import Tap, World


class Domain(NamedTuple):
    """policy: None: there is none. wanted: status, code and TLS of the delivery."""
    host: str
    policy: Policy | None
    wanted: tuple[str, str, str]


VERIFIED, TRUSTED = ("sent", "2.0.0", "Verified"), ("sent", "2.0.0", "Trusted")
NOT_VERIFIED, NO_TLS = ("deferred", "4.7.5", "Untrusted"), ("deferred", "4.7.4", "")
CLEAR = ("sent", "2.0.0", "")
# The certificate of mx.wrong.test names another host.
DOMAINS = {
    "enforced.test": Domain("mx.right.test", Policy("enforce", "mx.right.test"), VERIFIED),
    "all-below.test": Domain("mx.right.test", Policy("enforce", "*.right.test"), VERIFIED),
    "other-certificate.test": Domain("mx.wrong.test", Policy("enforce", "mx.wrong.test"), NOT_VERIFIED),
    "other-host.test": Domain("mx.right.test", Policy("enforce", "mx.named.test"), NOT_VERIFIED),
    "no-tls.test": Domain("mx.plain.test", Policy("enforce", "mx.plain.test"), NO_TLS),
    "testing.test": Domain("mx.wrong.test", Policy("testing", "mx.wrong.test"), TRUSTED),
    "none.test": Domain("mx.wrong.test", Policy("none", "mx.wrong.test"), TRUSTED),
    "not-published.test": Domain("mx.wrong.test", Policy(None, ""), TRUSTED),
    "not-announced.test": Domain("mx.wrong.test", None, TRUSTED),
    "weaker-row.test": Domain("mx.wrong.test", Policy("enforce", "mx.wrong.test"), TRUSTED),
    "stronger-row.test": Domain("mx.wrong.test", Policy("none", "mx.wrong.test"), NOT_VERIFIED),
}
ROWS = [{"destination": "weaker-row.test", "security_level": "encrypt"},
        {"destination": "stronger-row.test", "security_level": "secure"},
        {"destination": "zürich.test", "security_level": "none"}]
POLICIES = {name: domain.policy for name, domain in DOMAINS.items() if domain.policy is not None}


def delivery(world: World, domain: str, options: str = "") -> tuple[str, str, str]:
    outcome = world.outcome(world.relay(f"someone@{domain}", mail_options=options))
    return outcome.status, outcome.dsn, outcome.tls


def document(tlsmap: Tlsmap) -> Document:
    return tlsmap.document(send={"security_level": "may", "domains": ROWS, "fallback_policy_maps": [mta_sts.TABLE]})


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    with tap.case("apply-refuses-a-resolver-that-does-not-answer"):
        run = tlsmap.run("apply", document=document(tlsmap))
        assert run.returncode == 78 and "[fallback-fails]" in run.stderr, run
    mta_sts.serve(world, POLICIES)
    resolver = mta_sts.Resolver(world)
    tlsmap.apply(document(tlsmap))
    for name, domain in DOMAINS.items():
        with tap.case(f"mail-to-{name}"):
            assert delivery(world, name) == domain.wanted, delivery(world, name)
    with tap.case("a-domain-in-utf8-which-this-resolver-can-not-read-is-deferred"):
        assert delivery(world, "münchen.test", " SMTPUTF8") == ("deferred", "4.7.5", "")
    with tap.case("a-domain-in-utf8-with-a-row-is-not-asked-of-it"):
        assert delivery(world, "zürich.test", " SMTPUTF8") == CLEAR
    resolver.kill()
    with tap.case("without-the-resolver-mail-is-deferred"):
        assert delivery(world, "not-announced.test")[0] == "deferred"
    with tap.case("without-the-resolver-rows-hold"):
        assert delivery(world, "weaker-row.test") == TRUSTED


if __name__ == "__main__":
    World.run(main, smtputf8_enable="yes", records=[*mta_sts.records(POLICIES),
                             *(f"{name} MX 10 {domain.host}." for name, domain in DOMAINS.items())])
