#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sites as their administrators set them up: apply either makes the document true there, which mail shows, or it
refuses, and doing what it prints is enough."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from lib import addresses, filters, partners
from lib.client import Client, Pair, Reply
from lib.dovecot import PASSWORD, Dovecot
from lib.tlsmap import Document, Tlsmap
from lib.wait import until
from lib.world import Tap, World

GATEWAY = addresses.GATEWAY
USER, RIGHT, PLAIN = "user@gw.example", "someone@right.test", "someone@plain.test"
# TLS for all, a certificate that names its host for one partner.
STRICT: Document = {"security_level": "encrypt",
                    "domains": [{"destination": "right.test", "security_level": "secure"}]}


class Finding(NamedTuple):
    where: str
    message: str
    identifier: str

    @property
    def service(self) -> str:
        return self.where.partition("master.cf: ")[2]


def refused(tlsmap: Tlsmap, document: Document) -> list[Finding]:
    """What stands in the way."""
    run = tlsmap.run("apply", document=document)
    assert run.returncode == 78, run
    found = [Finding(*parts) for parts in re.findall(r"(?m)^(.*?): error: (.*) \[([a-z-]+)\]$", run.stderr)]
    assert found and len(found) == run.stderr.count(": error: "), run.stderr
    return found


def cured(world: World, document: Document, findings: list[Finding]) -> Document:
    """Do what each finding prints; the document with what is to be written there."""
    rows = list(document["send"].get("domains", []))
    services = list(document["postfix"].get("unguarded_services", []))
    for finding in findings:
        if lines := re.search(r"write -o (.*?)( below it|$)", finding.message):
            for line in lines[1].split(" -o "):
                world.gateway.postconf("-Pe", f"{finding.service}/{line}")
        if "postfix.unguarded_services" in finding.message:
            services.append(finding.service)
        if row := re.search(r"row.*?(\{ .*? \})", finding.message):
            rows.append(json.loads(row[1]))
    return document | {"send": document["send"] | {"domains": rows},
                       "postfix": document["postfix"] | {"unguarded_services": services}}


# ---- what is true of every site under STRICT ----


def clear_mail_is_refused(world: World, port: int = 25) -> None:
    sent = world.send(rcpts=USER, port=port)
    assert (sent.stage, sent.code, sent.enhanced) == ("mail", 530, "5.7.0"), sent


def mail_goes_out_protected(world: World, port: int = 25, mark: str | None = None) -> None:
    """To the partner of the row by its name, to another one not at all without TLS."""
    sent = world.relay(RIGHT, tls="starttls", port=port)
    arrived = world.arrived(sent)
    assert arrived.message[filters.MARK] == mark, arrived
    word = outcome_at(world, sent.token, "mx.right.test")
    assert word.tls == "Verified", word
    sent = world.relay(PLAIN, tls="starttls", port=port)
    deferred = outcome_at(world, sent.token, "mx.plain.test")
    assert (deferred.status, deferred.tls) == ("deferred", "") and "TLS is required" in deferred.text, deferred
    assert not world.arrivals(sent)
    world.gateway.empty_queue()


def outcome_at(world: World, token: str, host: str) -> Any:
    """Of the attempt with a partner: filters before it are others."""
    return until(lambda: next((each for each in world.outcomes(token) if each.relay.startswith(host)), None),
                 f"an attempt of {token} at {host}")


def mail_comes_in(world: World, port: int = 25, mark: str | None = None) -> Any:
    sent = world.send(rcpts=USER, tls="starttls", port=port)
    assert sent.accepted, sent
    arrived = world.arrived(sent)
    assert arrived.message[filters.MARK] == mark, arrived
    return arrived


# ---- submission with SASL, and LMTP into mailboxes, on Debian ----


def uncomment(text: str, service: str) -> str:
    """Take the marks off a service that Debian's master.cf offers, and off its options."""
    head, line, tail = text.partition(f"\n#{service} ")
    assert line, service
    lines = (line[2:] + tail).split("\n")
    end = next(n for n in range(1, len(lines)) if not lines[n].startswith("#  "))
    options = [each[1:] for each in lines[1:end] if each.startswith("#  -o")]
    return "\n".join([head, lines[0], *options, *lines[end:]])


def submitted(world: World, port: int, sender: str, rcpt: str, cert: Pair | None = None) -> tuple[Reply, str]:
    """A user's message: the last reply, and its token."""
    token = uuid.uuid4().hex
    secret = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
    with world.session(port=port, cert=cert, wrapper=port == 465) as session:
        assert session.ehlo("laptop.example").good
        if port != 465:
            assert session.starttls().good and session.ehlo("laptop.example").good
        for line in (f"AUTH PLAIN {secret}", f"MAIL FROM:<{sender}>", f"RCPT TO:<{rcpt}>", "DATA"):
            if not (reply := session.cmd(line)).good:
                return reply, token
        return session.content(f"Message-ID: <{token}@laptop.example>\n\nA line.\n"), token


def submission(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    gateway = world.replace_gateway("debian", mailbox_transport="lmtp:unix:private/dovecot-lmtp",
                                    smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth", smtp_tls_loglevel="1")
    dovecot = Dovecot(world.directory / "dovecot-submission", gateway)
    master_cf = gateway.config_dir / "master.cf"
    text = uncomment(uncomment(master_cf.read_text(), "submission inet"), "submissions     inet")
    master_cf.write_text(text)
    rule = {"name": "bank", "sender_domains": ["bank.example"], "require": {"certificate": "trusted", "subjects": ["mx.bank.example"]}}
    document = tlsmap.document(receive={"security_level": "encrypt", "client_certificate": "request",
                                        "rules": [rule]}, send=STRICT)
    with tap.case("submission-as-debian-offers-it-is-refused-with-the-lines-that-cure-it"):
        found = refused(tlsmap, document)
        assert {(each.identifier, each.service) for each in found} == {
            ("hidden-service", "submission/inet"), ("hidden-service", "submissions/inet")}, found
        tlsmap.apply(cured(world, document, found))
        for port in (465, 587):
            gateway.wait_listening(port)
    with tap.case("submission-lmtp-clear-mail-is-refused"):
        clear_mail_is_refused(world)
        clear_mail_is_refused(world, 587)
    with tap.case("submission-lmtp-mail-comes-to-the-mailbox"):
        assert " with LMTP id " in mail_comes_in(world).received
    with tap.case("submission-lmtp-mail-goes-out-protected"):
        mail_goes_out_protected(world)
    for port in (465, 587):
        with tap.case(f"a-user-at-port-{port}-sends-as-the-document-says"):
            reply, token = submitted(world, port, "user@gw.example", RIGHT)
            assert reply.code == 250 and world.outcome(token).tls == "Verified", reply
            reply, token = submitted(world, port, "user@gw.example", PLAIN)
            assert reply.code == 250 and world.outcome(token).status == "deferred", reply
        with tap.case(f"a-user-at-port-{port}-is-asked-the-rules"):
            reply, _ = submitted(world, port, "x@bank.example", RIGHT)
            assert (reply.code, reply.enhanced) == (550, "5.7.1") and "rule bank:" in reply.text, reply
            reply, token = submitted(world, port, "x@bank.example", RIGHT, world.certificates["client-cn"].pair)
            assert reply.code == 250 and world.arrived(token), reply
    dovecot.stop()


# ---- a host of two names, which hands its mail to another program by LMTP over TCP ----

NAMES = ("mail.one.example", "mail.two.example")


def names_are_served(world: World) -> None:
    """Each name with its certificate; who asks for another gets the document's."""
    for name in (*NAMES, "gw.example"):
        client = Client([world.certificates.ca], name)
        with client.session(GATEWAY) as session:
            assert session.ehlo("client.example").good
            reply = session.starttls()
            assert reply.good and session.tls, (name, reply)


def two_names(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    gateway = world.replace_gateway("minimal", virtual_transport="lmtp:inet:127.0.0.1:24")
    dovecot = Dovecot(world.directory / "dovecot-two-names", gateway)
    table = gateway.config_dir / "sni"
    table.write_text("".join(f"{name} {world.certificates.issue(name, f'/CN={name}', f'DNS:{name}').chain}\n"
                             for name in NAMES))
    gateway.postconf("-e", f"tls_server_sni_maps=hash:{table}")
    subprocess.run(["postmap", "-c", gateway.config_dir, "-F", f"hash:{table}"], check=True)
    gateway.cool_down()
    tlsmap.apply(tlsmap.document(receive={"security_level": "encrypt"}, send=STRICT))
    with tap.case("sni-each-name-has-its-certificate"):
        names_are_served(world)
    with tap.case("sni-clear-mail-is-refused"):
        clear_mail_is_refused(world)
    with tap.case("lmtp-over-tcp-is-not-ruled-by-the-levels-of-smtp"):
        assert " with LMTP id " in mail_comes_in(world).received
    with tap.case("lmtp-over-tcp-mail-goes-out-protected"):
        mail_goes_out_protected(world)
    dovecot.stop()


# ---- filters ----

MASTER_CF = f"""\
2501 inet n - n - - smtpd -o content_filter=smtp:[127.0.0.1]:10025
2502 inet n - n - - smtpd -o content_filter=scan:[localhost]:10025
scan unix - - n - 10 smtp -o smtp_send_xforward_command=yes -o smtp_tls_security_level=none
2503 inet n - n - - smtpd -o content_filter=filter:dummy
filter unix - n n - 10 pipe flags=Rq user=vmail null_sender= argv={{simple_filter}} -f ${{{{sender}}}} -- ${{{{recipient}}}}
2504 inet n - n - 20 smtpd -o smtpd_proxy_filter=127.0.0.1:10025
2505 inet n - n - - smtpd -o smtpd_sender_restrictions=check_sender_access,static:{{{{FILTER\tsmtp:[127.0.0.1]:10025}}}}
127.0.0.1:10025 inet n n n - 20 spawn user=vmail argv={{smtp_filter}} 127.0.0.1 10026
127.0.0.1:10026 inet n - n - 20 smtpd {filters.AFTER_SCAN}
"""
FILTERED = {"content-filter-by-smtp": 2501, "content-filter-by-a-service-of-its-own": 2502, "simple-content-filter": 2503,
            "filter-before-the-queue": 2504, "action-of-a-table": 2505}


def add_filters(world: World) -> None:
    gateway = world.replace_gateway("minimal")
    smtp_filter, simple_filter = filters.make(world.directory)
    with open(gateway.config_dir / "master.cf", "a", encoding="ascii") as file:
        file.write(MASTER_CF.format(smtp_filter=smtp_filter, simple_filter=simple_filter))
    # For sendmail(1) of the simple filter.
    Path("/etc/postfix/main.cf").write_text(f"alternate_config_directories = {gateway.config_dir}\n",
                                            encoding="ascii")


def filters_of_all_kinds(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    add_filters(world)
    gateway = world.gateway
    with tap.case("a-level-set-by-hand-keeps-all-mail-from-a-filter"):
        gateway.set(smtp_tls_security_level="encrypt")
        gateway.reload()
        gateway.wait_listening(2501)
        outcome = world.outcome(world.send(rcpts=USER, port=2501))
        assert (outcome.relay, outcome.status) == ("127.0.0.1[127.0.0.1]:10025", "deferred"), outcome
        gateway.empty_queue()
        gateway.set(smtp_tls_security_level=None)
    document = tlsmap.document(receive={"security_level": "encrypt"}, send=STRICT)
    with tap.case("filters-are-refused-with-what-cures-them"):
        found = refused(tlsmap, document)
        assert {(each.identifier, each.service) for each in found} == {
            ("filter-without-row", "2501/inet: -o content_filter"), ("hidden-service", "scan/unix"),
            ("loopback-inherits", "127.0.0.1:10026/inet")}, found
        tlsmap.apply(cured(world, document, found))
    for name, port in FILTERED.items():
        with tap.case(f"{name}-clear-mail-is-refused"):
            clear_mail_is_refused(world, port)
        with tap.case(f"{name}-mail-comes-through-the-filter"):
            mail_comes_in(world, port=port, mark="yes")
        with tap.case(f"{name}-mail-goes-out-through-the-filter-protected"):
            mail_goes_out_protected(world, port=port, mark="yes")


# ---- a relayhost ----

ADDRESS = {partner.host: partners.address_of(partner) for partner in partners.PARTNERS}
SPELLINGS = ("{host}", "{host}:25", "[{host}]", "[{host}]:25", "[{address}]", "[{address}]:25")


def relayhosts(host: str) -> list[str]:
    return [spelling.format(host=host, address=ADDRESS[host]) for spelling in SPELLINGS]


def relayhost(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """All mail goes there, whatever its domain: the row is asked for as relayhost is spelled."""
    gateway = world.replace_gateway("minimal")
    document = tlsmap.document(send={"security_level": "may", "domains": [
        {"destination": "partner.example", "security_level": "encrypt"}]})
    whole = document
    for spelled in relayhosts("mx.right.test") + relayhosts("mx.plain.test"):
        with tap.case(f"relayhost-{spelled}-is-refused-with-the-row-that-cures-it"):
            gateway.set(relayhost=spelled)
            found = refused(tlsmap, document)
            assert [each.identifier for each in found] == ["route-shared"], found
            rows = cured(world, document, found)["send"]["domains"]
            assert rows[1:] == [{"destination": spelled, "security_level": "encrypt"}], rows
            whole = whole | {"send": whole["send"] | {"domains": whole["send"]["domains"] + rows[1:]}}
    tlsmap.apply(whole)
    for spelled in relayhosts("mx.right.test"):
        with tap.case(f"relayhost-{spelled}-gets-mail-by-tls"):
            outcome = by_relayhost(world, spelled)
            assert (outcome.status, outcome.tls) == ("sent", "Trusted"), outcome
    for spelled in relayhosts("mx.plain.test"):
        with tap.case(f"relayhost-{spelled}-without-tls-gets-none"):
            outcome = by_relayhost(world, spelled)
            assert outcome.status == "deferred" and "TLS is required" in outcome.text, outcome


def by_relayhost(world: World, spelled: str) -> Any:
    world.gateway.set(relayhost=spelled)
    world.gateway.reload()
    return world.outcome(world.relay("someone@partner.example"))


# ---- transports for single destinations ----

TRANSPORTS = """\
inside.plain.test smtp:[mx.plain.test]
bank.right.test partner:[mx.right.test]:587
slow.plain.test slow:
box.gw.example lmtp:inet:127.0.0.1:24
"""
TRANSPORT_SERVICES = """\
partner unix - - n - 2 smtp -o smtp_helo_name=partner.gw.example
slow unix - - n - 1 smtp -o smtp_tls_security_level=none
"""


def transports(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    gateway = world.replace_gateway("minimal", relay_domains="box.gw.example")
    dovecot = Dovecot(world.directory / "dovecot-transports", gateway)
    table = gateway.config_dir / "transport"
    table.write_text(TRANSPORTS)
    gateway.set(transport_maps=f"hash:{table}")
    subprocess.run(["postmap", "-c", gateway.config_dir, f"hash:{table}"], check=True)
    with open(gateway.config_dir / "master.cf", "a", encoding="ascii") as file:
        file.write(TRANSPORT_SERVICES)
    rows = [{"destination": "inside.plain.test", "security_level": "none"},
            {"destination": "bank.right.test", "security_level": "secure", "match": ["mx.right.test"]}]
    with tap.case("a-row-for-a-domain-that-goes-by-lmtp-is-refused"):
        found = refused(tlsmap, tlsmap.document(send={"security_level": "encrypt", "domains": [
            {"destination": "box.gw.example", "security_level": "encrypt"}]}))
        assert {each.identifier for each in found} == {"hidden-service", "route-by-lmtp"}, found
    with tap.case("a-transport-in-clear-is-refused-until-it-is-named"):
        document = tlsmap.document(receive={"security_level": "encrypt"},
                                   send={"security_level": "encrypt", "domains": rows})
        found = refused(tlsmap, document)
        assert [(each.identifier, each.service) for each in found] == [("hidden-service", "slow/unix")], found
        tlsmap.apply(cured(world, document, found))
    for domain, wanted in {"inside.plain.test": ("sent", "", "mx.plain.test"),
                           "bank.right.test": ("sent", "Verified", "mx.right.test"),
                           "slow.plain.test": ("sent", "", "mx.plain.test"),
                           "box.gw.example": ("sent", "", "127.0.0.1"),
                           "other.right.test": ("sent", "Trusted", "mx.right.test"),
                           "other.plain.test": ("deferred", "", "mx.plain.test")}.items():
        with tap.case(f"transports-mail-to-{domain}-goes-as-the-document-says"):
            outcome = world.outcome(world.relay(f"someone@{domain}", tls="starttls"))
            assert (outcome.status, outcome.tls, outcome.relay.partition("[")[0]) == wanted, outcome
    dovecot.stop()


SITES = (submission, two_names, filters_of_all_kinds, relayhost, transports)


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    for site in SITES:
        site(world, tap, tlsmap)
        with tap.case(f"{site.__name__.replace('_', '-')}-plan-and-status-find-nothing-to-do"):
            for command in ("plan", "status"):
                run = tlsmap.run(command)
                assert run.returncode == 0, run


if __name__ == "__main__":
    World.run(main)
