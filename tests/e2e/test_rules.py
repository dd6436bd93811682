#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules for partners: refused and accepted, exempt networks, no way round, policyd gone."""

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
    violations(world, tap, tlsmap)
    policyd_gone(world, tap, tlsmap)
    rules_go(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
