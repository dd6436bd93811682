#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules for partners: each selector and each demand, met and broken; no way round; policyd gone."""

from __future__ import annotations

from lib import addresses
from lib.tlsmap import Tlsmap
from lib.world import Tap, World

BANK = "payments@bank.example"
RULE = {"name": "bank", "sender_domains": ["bank.example", ".bank.example"]}
TRUSTED = RULE | {"require": {"certificate": "trusted"}}


def is_refused(sent, code, enhanced, rule=None) -> None:
    assert not sent.accepted and (sent.code, sent.enhanced) == (code, enhanced), sent
    assert rule is None or f"rule {rule}" in sent.text, sent


def is_accepted(world, sent) -> None:
    assert sent.accepted, sent
    assert world.arrived(sent)


def plain_tls(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
    with tap.case("clear-mail-under-a-rule-is-refused"):
        is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
    with tap.case("tls-mail-under-a-rule-is-accepted"):
        is_accepted(world, world.send(mail_from=BANK, tls="starttls"))
    with tap.case("a-rule-holds-below-its-domain-where-it-says-so"):
        is_refused(world.send(mail_from="x@deep.bank.example"), 550, "5.7.10", "bank")
    with tap.case("a-rule-is-not-about-other-domains"):
        is_accepted(world, world.send(mail_from="x@notbank.example"))
    with tap.case("a-rule-holds-for-ipv6-clients"):
        is_refused(world.send(source=addresses.NAMELESS6, mail_from=BANK), 550, "5.7.10", "bank")
    for name, sender in (("upper-case", "X@BANK.EXAMPLE"), ("trailing-dot", "x@bank.example."),
                         ("percent", "x%bank.example"), ("bang", "bank.example!x"),
                         ("quoted-local-part", '"a@b"@bank.example'),
                         ("source-route", "@relay.example:x@bank.example")):
        with tap.case(f"no-way-round-by-spelling-{name}"):
            is_refused(world.send(mail_from=sender), 550, "5.7.10", "bank")
    with tap.case("clear-mail-from-loopback-is-exempt-by-default"):
        is_accepted(world, world.send(source=addresses.LOCALHOST, mail_from=BANK))


def postmaster(world, tap) -> None:
    """RCPT TO:<postmaster> skips every list but the one for DATA (smtpd_check_rcpt(), 3.7)."""
    with tap.case("bare-postmaster-is-no-way-round"):
        sent = world.send(mail_from=BANK, rcpts="postmaster")
        is_refused(sent, 550, "5.7.10", "bank")
        assert sent.stage == "data", sent
        assert not world.arrivals(sent)
    with tap.case("bare-postmaster-beside-another-recipient-is-no-way-round"):
        sent = world.send(mail_from=BANK, rcpts=["postmaster", "user@gw.example"])
        is_refused(sent, 550, "5.7.10", "bank")
    with tap.case("the-second-message-of-a-session-is-judged-too"):
        with world.session() as session:
            session.ehlo("client.example")
            for sender, code in (("x@other.example", 250), (BANK, 550)):
                assert session.cmd(f"MAIL FROM:<{sender}>").code == 250
                assert session.cmd("RCPT TO:<user@gw.example>").code == code
                assert session.cmd("RSET").code == 250


def permits(world, tap) -> None:
    """Our element stands first: what permits behind it comes too late."""
    with tap.case("a-permit-in-the-other-lists-is-no-way-round"):
        with world.gateway.settling():
            world.gateway.set(mynetworks="127.0.0.0/8 192.0.2.0/24",
                              smtpd_client_restrictions="permit_mynetworks",
                              smtpd_sender_restrictions="permit_mynetworks",
                              smtpd_relay_restrictions="permit_mynetworks, reject")
            world.gateway.reload()
        is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
        is_accepted(world, world.send(mail_from="x@other.example"))
    with tap.case("smtpd_delay_reject-no-is-no-way-round"):
        world.gateway.set(smtpd_delay_reject="no")
        world.gateway.reload()
        is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
        is_accepted(world, world.send(mail_from=BANK, tls="starttls"))
    world.gateway.set(mynetworks="127.0.0.0/8 [::1]/128", smtpd_client_restrictions=None,
                      smtpd_sender_restrictions=None, smtpd_relay_restrictions=None,
                      smtpd_delay_reject=None)
    world.gateway.reload()


def nobody_exempt(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"exempt_networks": [], "rules": [RULE]}))
    with tap.case("without-exempt-networks-loopback-is-ruled-too"):
        is_refused(world.send(source=addresses.LOCALHOST, mail_from=BANK), 550, "5.7.10", "bank")
    tlsmap.apply(tlsmap.document(receive={"exempt_networks": ["192.0.2.40"], "rules": [RULE]}))
    with tap.case("an-exempt-network-is-not-ruled"):
        is_accepted(world, world.send(source=addresses.NAMELESS, mail_from=BANK))
    with tap.case("beside-an-exempt-network-the-rule-holds"):
        is_refused(world.send(source=addresses.SHOP, mail_from=BANK), 550, "5.7.10", "bank")


def certificates(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"client_certificate": "request", "rules": [TRUSTED]}))
    with tap.case("certificate-rule-refuses-clear-mail"):
        is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
    with tap.case("certificate-rule-refuses-tls-without-certificate"):
        is_refused(world.send(mail_from=BANK, tls="starttls"), 550, "5.7.1", "bank")
    for name in ("client-other-ca", "client-self-signed", "client-expired"):
        with tap.case(f"certificate-rule-refuses-{name}"):
            is_refused(world.send(mail_from=BANK, tls="starttls",
                                  cert=world.certificates[name].pair), 550, "5.7.1", "bank")
    for name in ("client-cn", "client-san-only", "client-no-subject"):
        with tap.case(f"certificate-rule-accepts-{name}"):
            is_accepted(world, world.send(mail_from=BANK, tls="starttls",
                                          cert=world.certificates[name].pair))


def partners(world):
    """One demand each: what a rule requires, how a client meets it, how one does not, and what the
    latter is told."""
    cert = {name: {"cert": world.certificates[name].pair}
            for name in ("client-cn", "client-other-cn", "client-self-signed", "client-other-ca",
                         "client-san-only")}
    umlaut = world.certificates.issue("client-umlaut", "/CN=J\u00f6rg M\u00fcller", "DNS:mx.bank.example")
    pinned = world.certificates["client-self-signed"].fingerprint
    key = world.certificates["client-other-ca"].public_key_fingerprint
    aes128 = {"max_version": "TLSv1_2", "ciphers": "ECDHE-ECDSA-AES128-GCM-SHA256"}
    return {
        "subject": ({"subjects": ["MX.Bank.Example"]}, cert["client-cn"], cert["client-other-cn"],
                    "agreed subject"),
        "subject-absent": ({"subjects": ["mx.bank.example"]}, cert["client-cn"],
                           cert["client-san-only"], "agreed subject"),
        "subject-untrusted": ({"subjects": ["mx.bank.example"]}, cert["client-cn"],
                              cert["client-self-signed"], "Trusted client certificate"),
        "subject-utf-8": ({"subjects": ["J\u00d6RG Mu\u0308ller"]}, {"cert": umlaut.pair},
                          cert["client-cn"], "agreed subject"),
        "issuer": ({"issuers": ["test world CA"]}, cert["client-cn"], cert["client-other-ca"],
                   "Trusted client certificate"),
        "issuer-other": ({"issuers": ["Another CA"], "violation": "defer"}, None, cert["client-cn"],
                         "agreed issuer"),
        "fingerprint": ({"fingerprints": [pinned.lower()]}, cert["client-self-signed"],
                        cert["client-cn"], "agreed fingerprint"),
        "public-key": ({"fingerprints": [pinned, key]}, cert["client-other-ca"], {},
                       "agreed fingerprint"),
        "network": ({"client_networks": ["192.0.2.0/28", "2001:db8::10"]},
                    {"source": addresses.BANK}, {"source": addresses.SHOP}, "client network"),
        "network-ipv6": ({"client_networks": ["192.0.2.0/28", "2001:db8::10"]},
                         {"source": addresses.BANK6}, {"source": addresses.NAMELESS6},
                         "client network"),
        "client-name": ({"client_names": ["mx.bank.example"]}, {"source": addresses.BANK},
                        {"source": addresses.SHOP}, "client name"),
        "client-name-unverified": ({"client_names": [".example"]}, {"source": addresses.SHOP},
                                   {"source": addresses.LIAR}, "client name"),
        "client-name-absent": ({"client_names": [".example"]}, {"source": addresses.BANK6},
                               {"source": addresses.NAMELESS}, "client name"),
        "protocol": ({"min_protocol": "TLSv1.3"}, {}, {"max_version": "TLSv1_2"},
                     "TLSv1.3 or newer"),
        "cipher": ({"min_cipher_bits": 256}, {}, aes128, "256 bits"),
        "cipher-limit": ({"min_cipher_bits": 128}, aes128, None, ""),
    }


def demands(world, tap, tlsmap) -> None:
    rules = []
    demanded = partners(world)
    for name, (require, *_) in demanded.items():
        demand = {key: value for key, value in require.items() if key != "violation"}
        rules.append({"name": name, "sender_domains": [f"{name}.example"], "require": demand,
                      "violation": require.get("violation", "reject")})
    tlsmap.apply(tlsmap.document(receive={"client_certificate": "request", "rules": rules}))
    for name, (require, good, bad, told) in demanded.items():
        code, enhanced = (450, "4.7.1") if "violation" in require else (550, "5.7.1")
        if good is not None:
            with tap.case(f"demand-met-{name}"):
                is_accepted(world, world.send(mail_from=f"x@{name}.example", tls="starttls", **good))
        if bad is not None:
            with tap.case(f"demand-broken-{name}"):
                sent = world.send(mail_from=f"x@{name}.example", tls="starttls", **bad)
                is_refused(sent, code, enhanced, name)
                assert told in sent.text and not world.arrivals(sent), sent
        with tap.case(f"demand-includes-tls-{name}"):
            sent = world.send(mail_from=f"x@{name}.example")
            is_refused(sent, code, f"{enhanced}0", name)


def clients(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"rules": [
        {"name": "network", "client_networks": ["192.0.2.16/28", "2001:db8::10"]},
        {"name": "host", "client_names": ["mx.liar.example"]},
        {"name": "both", "client_names": [".example"], "recipient_domains": ["payments.example"]},
        {"name": "idn", "sender_domains": ["b\u00fccher.example"]}]}))
    for name, source, rule in (("network", addresses.SHOP, "network"), ("ipv6-address", addresses.BANK6, "network"),
                               ("unverified-name", addresses.LIAR, None)):
        with tap.case(f"client-rule-refuses-clear-mail-by-{name}"):
            is_refused(world.send(source=source), 550, "5.7.10", rule)
        with tap.case(f"client-rule-accepts-tls-by-{name}"):
            is_accepted(world, world.send(source=source, tls="starttls"))
    for source in (addresses.BANK, addresses.NAMELESS, addresses.NAMELESS6):
        with tap.case(f"client-rule-is-not-about-{source}"):
            is_accepted(world, world.send(source=source))
    with tap.case("a-rule-with-two-selectors-applies-where-both-match"):
        is_refused(world.send(source=addresses.BANK, rcpts="x@payments.example"), 550, "5.7.10", "both")
    with tap.case("a-rule-with-two-selectors-does-not-apply-where-one-does-not"):
        is_accepted(world, world.send(source=addresses.NAMELESS, rcpts="x@payments.example"))
        is_accepted(world, world.send(source=addresses.BANK))
    for name, sender, options in (("ascii", "x@xn--bcher-kva.example", ""),
                                  ("unicode", "x@b\u00fccher.example", " SMTPUTF8"),
                                  ("capitals", "x@B\u00dcCHER.example", " SMTPUTF8")):
        with tap.case(f"international-name-in-{name}"):
            is_refused(world.send(mail_from=sender, mail_options=options), 550, "5.7.10", "idn")
            is_accepted(world, world.send(mail_from=sender, mail_options=options, tls="starttls"))


def recipients(world, tap, tlsmap) -> None:
    # A local domain: what stands before it is unwrapped (src/trivial-rewrite/resolve.c, 3.7).
    world.gateway.set(mydestination="here.example")
    tlsmap.apply(tlsmap.document(receive={"rules": [
        {"name": "pay", "recipient_domains": ["payments.example"]},
        {"name": "our", "recipient_domains": ["gw.example"], "violation": "defer",
         "require": {"min_protocol": "TLSv1.3"}}]}))
    # In clear refused; by TLS accepted, and delivered where the rule is about: so each was a way.
    for name, recipient in (("plain", "u@payments.example"), ("upper-case", "U@PAYMENTS.Example"),
                            ("trailing-dot", "u@payments.example."), ("percent", "u%payments.example"),
                            ("bang", "payments.example!u"),
                            ("percent-at-us", "u%payments.example@here.example"),
                            ("bang-at-us", "payments.example!u@here.example"),
                            ("quoted-at-us", '"u@payments.example"@here.example'),
                            ("quoted-percent-at-us", '"u%payments.example."@here.example'),
                            ("twice-at-us", "u%payments.example%here.example@here.example"),
                            ("quoted-twice-at-us", '"u@payments.example@here.example"@here.example'),
                            ("route-within-at-us", '"@x.example:u%payments.example"@here.example'),
                            ("source-route-at-us", "@here.example:payments.example!u@here.example")):
        with tap.case(f"recipient-rule-holds-for-{name}"):
            is_refused(world.send(rcpts=recipient), 550, "5.7.10", "pay")
            sent = world.send(rcpts=recipient, tls="starttls")
            assert sent.accepted, sent
            delivered = str(world.arrived(sent).message["Delivered-To"]).lower()
            assert delivered == "u@payments.example", delivered
    with tap.case("recipient-rule-is-not-about-other-recipients"):
        is_accepted(world, world.send(rcpts="x@inside.example"))
    with tap.case("of-several-recipients-the-ruled-one-is-refused"):
        sent = world.send(rcpts=["x@inside.example", "x@payments.example"])
        assert [reply.code for reply in sent.recipients] == [250, 550], sent
        is_accepted(world, sent)
        assert len(world.arrivals(sent)) == 1
    with tap.case("bare-postmaster-is-a-recipient-of-ours"):
        is_refused(world.send(rcpts="postmaster"), 450, "4.7.10", "our")
        is_refused(world.send(rcpts="postmaster", tls="starttls", max_version="TLSv1_2"), 450, "4.7.1", "our")
        is_accepted(world, world.send(rcpts="postmaster", tls="starttls"))
    world.gateway.set(mydestination="")
    world.gateway.reload()


def violations(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"rules": [
        {"name": "later", "sender_domains": ["bank.example"], "violation": "defer"},
        {"name": "watch", "violation": "report"}]}))
    with tap.case("violation-defer-is-a-temporary-refusal"):
        is_refused(world.send(mail_from=BANK), 450, "4.7.10", "later")
    with tap.case("violation-report-lets-mail-pass-and-the-log-tells"):
        sent = world.send(mail_from="x@other.example")
        is_accepted(world, sent)
        line = world.wait_syslog("sender=x@other.example", "postfix/tlsgate").text
        assert "verdict=report" in line and "rule=watch" in line, line


def rewriting_changed(world, tap, tlsmap) -> None:
    """The rules hold what apply found: a Postfix that completes addresses otherwise since then needs another."""
    document = tlsmap.document(receive={"rules": [RULE]})
    world.gateway.set(append_dot_mydomain="no")
    tlsmap.apply(document)
    world.gateway.set(append_dot_mydomain="yes")
    world.gateway.reload()
    with tap.case("a-short-domain-that-is-completed-since-the-last-apply-is-seen-by-status"):
        sent = world.send(mail_from="payments@bank")
        is_accepted(world, sent)
        assert world.arrived(sent).message["Return-Path"] == f"<{BANK}>"
        run = tlsmap.run("status")
        assert run.returncode == 1 and "compiled for other settings of this Postfix" in run.stderr, run
    with tap.case("the-next-apply-compiles-the-rules-anew"):
        assert "compiled anew" in tlsmap.apply(document)
        is_refused(world.send(mail_from="payments@bank"), 550, "5.7.10", "bank")
        assert tlsmap.run("status").returncode == 0
    world.gateway.set(append_dot_mydomain=None)


def policyd_gone(world, tap, tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
    aside = tlsmap.policyd.with_suffix(".aside")
    tlsmap.policyd.rename(aside)
    world.gateway.reload()
    try:
        with tap.case("without-policyd-nothing-forbidden-is-accepted"):
            sent = world.send(mail_from=BANK)
            is_refused(sent, 451, "4.3.5")
            assert not world.arrivals(sent)
        with tap.case("without-policyd-bare-postmaster-is-no-way-round"):
            sent = world.send(mail_from=BANK, rcpts="postmaster")
            is_refused(sent, 451, "4.3.5")
            assert not world.arrivals(sent)
    finally:
        aside.rename(tlsmap.policyd)


def rules_go(world, tap, tlsmap) -> None:
    # spawn(8), throttled by the case before, starts again with Postfix itself.
    world.gateway.stop()
    world.gateway.start(quick=True)
    with tap.case("without-rules-nothing-is-asked-any-more"):
        tlsmap.apply(tlsmap.document())
        values = world.gateway.postconf("-n")
        assert "tlsgate" not in values, values
        is_accepted(world, world.send(mail_from=BANK))
    with tap.case("the-service-goes-with-the-next-change"):
        assert "policyd" in world.gateway.postconf("-M", "tlsgate/unix")
        assert tlsmap.run("plan").returncode == 0
        tlsmap.apply(tlsmap.document(send={"security_level": "encrypt"}))
        assert "tlsgate" not in world.gateway.postconf("-M")


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    plain_tls(world, tap, tlsmap)
    postmaster(world, tap)
    permits(world, tap)
    nobody_exempt(world, tap, tlsmap)
    certificates(world, tap, tlsmap)
    demands(world, tap, tlsmap)
    clients(world, tap, tlsmap)
    recipients(world, tap, tlsmap)
    violations(world, tap, tlsmap)
    rewriting_changed(world, tap, tlsmap)
    policyd_gone(world, tap, tlsmap)
    rules_go(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
