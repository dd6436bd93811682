#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""No way round the rules: each attempt once without them, when it is a way, and once with them.

Attempts need services of all kinds. They stand side by side in master.cf, each on a port of its own, so
that two applies are enough for all. What a rule refuses is answered with its name, and nothing of it is
delivered, which is looked for when the queue is empty.
"""

from __future__ import annotations

import ctypes
import re
import uuid
from pathlib import Path
from typing import Any, Callable, NamedTuple

from lib import addresses
from lib.client import Reply, Sent, Session
from lib.tlsmap import Document, Tlsmap
from lib.wait import until
from lib.world import Tap, World

SASL_SET_CREATE = 1
BANK = "x@bank.example"
SEALED = "x@sealed.example"
USER = "user@gw.example"
RULES = [
    {"name": "bank", "sender_domains": ["bank.example", ".bank.example", "b\u00fccher.example"]},
    {"name": "origin", "sender_domains": ["inside.example"]},
    {"name": "sealed", "sender_domains": ["sealed.example"], "require": {"certificate": "trusted"}},
    {"name": "pay", "recipient_domains": ["payments.example", ".payments.example", "m\u00fcnze.example",
                                          "inside.example"]},
    {"name": "safe", "recipient_domains": ["safe.example"], "require": {"certificate": "trusted"}},
    {"name": "net", "client_networks": ["192.0.2.16/28", "2001:db8::10"]},
]
MAIN_CF = {
    "myorigin": "inside.example",
    # A local domain: what stands before it is unwrapped (src/trivial-rewrite/resolve.c, 3.7).
    "mydestination": "here.example",
    "append_dot_mydomain": "yes",
    "smtputf8_enable": "yes",
    "virtual_mailbox_domains": "gw.example, inside.example, payments.example, deep.payments.example, "
                               "safe.example, m\u00fcnze.example, xn--mnze-0ra.example",
    "postscreen_greet_wait": "1s",
}

# ---- services ----

OK_TABLES = {
    "client": "check_client_access,static:OK",
    "helo": "check_helo_access,static:OK",
    "sender": "check_sender_access,static:OK",
    "relay": "check_recipient_access,static:OK,reject_unauth_destination",
    "recipient": "$tlsgate_policy,check_recipient_access,static:OK",
}


def every_list(restrictions: str) -> str:
    """Each list of a service, with our token where apply demands it."""
    return " ".join(f"-o smtpd_{name}_restrictions={'$tlsgate_policy,' * (name == 'recipient')}{restrictions}"
                    for name in OK_TABLES)


SERVICES = {
    "permit-mynetworks": "-o mynetworks=192.0.2.0/24 " + every_list("permit_mynetworks,reject"),
    "permit-sasl": "-o smtpd_sasl_auth_enable=yes "
                   + every_list("permit_sasl_authenticated,reject"),
    "delay-reject-no": "-o smtpd_delay_reject=no",
    "xclient": "-o smtpd_authorized_xclient_hosts=192.0.2.0/24",
    "proxy-filter": "-o smtpd_proxy_filter=127.0.0.1:10025",
    "content-filter": "-o content_filter=smtp:[127.0.0.1]:10026",
    **{f"ok-in-{name}-list-delay-reject-{delay}":
       f"-o smtpd_{name}_restrictions={table} -o smtpd_delay_reject={delay}"
       for delay in ("yes", "no") for name, table in OK_TABLES.items()},
}
OK_SERVICES = [name for name in SERVICES if name.startswith("ok-in-")]
PORTS = {name: 2501 + i for i, name in enumerate(SERVICES)} | {"postscreen": 2500}


def add_service(world: World, service: str, kind: str, command: str) -> None:
    maxproc = "1" if command == "postscreen" else "-"
    world.gateway.postconf("-Me", f"{service}/{kind}={service} {kind} "
                           f"{'n' if kind == 'inet' else '-'} - n - {maxproc} {command}")


def add_services(world: World) -> None:
    for name, options in SERVICES.items():
        add_service(world, f"{addresses.GATEWAY}:{PORTS[name]}", "inet", f"smtpd {options}")
    # What the filters hand mail back to. Here Postfix is the filter, too: one that changes nothing.
    add_service(world, "127.0.0.1:10025", "inet", "smtpd -o smtpd_authorized_xforward_hosts=127.0.0.0/8")
    add_service(world, "127.0.0.1:10026", "inet", "smtpd")
    add_service(world, f"{addresses.GATEWAY}:{PORTS['postscreen']}", "inet", "postscreen")
    for name, kind in (("smtpd", "pass"), ("dnsblog", "unix"), ("tlsproxy", "unix")):
        add_service(world, name, kind, name)
    make_sasl_user()
    world.gateway.set(**MAIN_CF)
    world.gateway.stop()
    world.gateway.start(quick=True)
    for port in PORTS.values():
        world.gateway.wait_listening(port, addresses.GATEWAY)


def make_sasl_user() -> None:
    """An account of Cyrus SASL, as saslpasswd2(8) would make it, which is in no package we need otherwise."""
    conf = Path("/etc/postfix/sasl/smtpd.conf")
    conf.parent.mkdir(exist_ok=True)
    conf.write_text("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n", encoding="ascii")
    sasl = ctypes.CDLL("libsasl2.so.2")
    connection = ctypes.c_void_p()
    host = addresses.HOSTNAME.encode()
    created = (sasl.sasl_server_init(None, b"tests"),
               sasl.sasl_server_new(b"smtp", host, host, None, None, None, 0, ctypes.byref(connection)),
               sasl.sasl_setpass(connection, b"user", b"secret", 6, None, 0, SASL_SET_CREATE))
    assert created == (0, 0, 0), created
    Path("/etc/sasldb2").chmod(0o644)


# ---- what clients say ----

def text_of(token: str) -> str:
    return f"Message-ID: <{token}@client.example>\r\n\r\nA line.\r\n"


def first_refusal(token: str, replies: list[Reply]) -> Sent:
    """The reply that counts: the first that is a refusal, else the last."""
    for reply in replies:
        if not reply.good:
            return Sent(token, "refused", reply.code, reply.text)
    return Sent(token, "end", replies[-1].code, replies[-1].text)


def message(session: Session, sender: str, *rcpts: str) -> Sent:
    """A message of a client that goes on whatever it is told, as far as DATA."""
    token = uuid.uuid4().hex
    replies = [session.cmd(f"MAIL FROM:<{sender}>")]
    replies += [session.cmd(f"RCPT TO:<{rcpt}>") for rcpt in rcpts or (USER,)]
    replies.append(session.cmd("DATA"))
    if replies[-1].code == 354:
        replies.append(session.content(text_of(token)))
    return first_refusal(token, replies)


def bdat(session: Session, *rcpts: str) -> Sent:
    token = uuid.uuid4().hex
    text = text_of(token)
    replies = [session.cmd(f"MAIL FROM:<{BANK}>")]
    replies += [session.cmd(f"RCPT TO:<{rcpt}>") for rcpt in rcpts or (USER,)]
    return first_refusal(token, replies + session.raw(f"BDAT {len(text)} LAST\r\n{text}", 1))


def pipelined(session: Session) -> Sent:
    token = uuid.uuid4().hex
    replies = session.raw(f"MAIL FROM:<{BANK}>\r\nRCPT TO:<{USER}>\r\nDATA\r\n", 3)
    if replies[-1].code == 354:
        replies.append(session.content(text_of(token)))
    return first_refusal(token, replies)


def pipelined_bdat(session: Session) -> Sent:
    """All in one write, the message too."""
    token = uuid.uuid4().hex
    text = text_of(token)
    return first_refusal(token, session.raw(f"MAIL FROM:<{BANK}>\r\nRCPT TO:<{USER}>\r\n"
                                            f"BDAT {len(text)} LAST\r\n{text}", 3))


def second_message(session: Session) -> Sent:
    assert message(session, "x@other.example").accepted
    return message(session, BANK)


def rset_after_a_good_recipient(session: Session) -> Sent:
    for line in ("MAIL FROM:<x@other.example>", f"RCPT TO:<{USER}>", "RSET"):
        assert session.cmd(line).code == 250
    return message(session, BANK)


def ehlo_after_a_good_recipient(session: Session) -> Sent:
    for line in ("MAIL FROM:<x@other.example>", f"RCPT TO:<{USER}>", "EHLO again.example"):
        assert session.cmd(line).code == 250
    return message(session, BANK)


def rset_after_a_refusal(session: Session) -> Sent:
    for line in (f"MAIL FROM:<{BANK}>", f"RCPT TO:<{USER}>", "RSET"):
        session.cmd(line)
    return message(session, BANK)


def second_mail_command(session: Session) -> Sent:
    """MAIL within a transaction is refused; it must not take the place of the one that is ruled."""
    token = uuid.uuid4().hex
    assert session.cmd(f"MAIL FROM:<{BANK}>").code == 250
    assert session.cmd("MAIL FROM:<x@other.example>").code == 503
    replies = [session.cmd(f"RCPT TO:<{USER}>"), session.cmd("DATA")]
    if replies[-1].code == 354:
        replies.append(session.content(text_of(token)))
    return first_refusal(token, replies)


def refused_starttls(session: Session) -> Sent:
    assert session.cmd("STARTTLS now").code == 501
    return message(session, BANK)


def begun_before_starttls(session: Session) -> Sent:
    """STARTTLS ends a transaction of before (starttls_cmd(), 3.7); what comes then is judged anew."""
    for line in ("MAIL FROM:<x@other.example>", f"RCPT TO:<{USER}>"):
        assert session.cmd(line).code == 250
    assert session.starttls().code == 220
    assert session.cmd("DATA").code == 503
    assert session.ehlo("client.example").code == 250
    return message(session, SEALED)


def after_starttls(session: Session) -> Sent:
    """TLS alone is not what the rule demands; a message in clear before makes no difference."""
    assert message(session, "x@other.example").accepted
    assert session.starttls().code == 220 and session.ehlo("client.example").code == 250
    return message(session, SEALED)


def authenticated(session: Session, mail_from: str = BANK, *rcpts: str) -> Sent:
    reply = session.cmd("AUTH PLAIN AHVzZXIAc2VjcmV0")  # user, secret
    assert reply.code == 235, reply
    return message(session, mail_from, *rcpts)


def xclient(attributes: str, sender: str) -> Callable[[Session], Sent]:
    def said(session: Session) -> Sent:
        assert session.cmd(f"XCLIENT {attributes}").code == 220
        assert session.ehlo("client.example").code == 250
        return message(session, sender)
    return said


def xclient_not_allowed(session: Session) -> Sent:
    assert session.cmd("XCLIENT ADDR=198.51.100.9").code == 550
    return message(session, "x@other.example")


# ---- attempts ----

class Attempt(NamedTuple):
    """how: for world.send(), or, where said is given, for world.session(). becomes: a header and the
    address in it, which shows in the delivered message that this was a way."""
    name: str
    rule: str
    how: dict[str, Any]
    said: Callable[[Session], Sent] | None = None
    enhanced: str = "5.7.10"
    copies: int = 1
    becomes: tuple[str, str] | None = None


def at(service: str, **how: Any) -> dict[str, Any]:
    return {"mail_from": BANK, "port": PORTS[service], **how}


def talk(name: str, said: Callable[[Session], Sent], service: str | None = None, **how: Any) -> Attempt:
    where = {"port": PORTS[service]} if service else {}
    return Attempt(name, how.pop("rule", "bank"), where, said, **how)


def sender(name: str, spelling: str, becomes: str, rule: str = "bank", **how: Any) -> Attempt:
    return Attempt(f"sender-{name}", rule, {"mail_from": spelling, **how}, becomes=("Return-Path", becomes))


def recipient(name: str, spelling: str, becomes: str = "u@payments.example", **how: Any) -> Attempt:
    return Attempt(f"recipient-{name}", "pay", {"rcpts": spelling, **how}, becomes=("Delivered-To", becomes))


TWO = [USER, "other@gw.example"]
UTF8 = {"mail_options": " SMTPUTF8"}
ATTEMPTS = (
    Attempt("permit-mynetworks", "bank", at("permit-mynetworks")),
    talk("permit-sasl-authenticated", authenticated, "permit-sasl"),
    *(Attempt(name, "bank", at(name)) for name in OK_SERVICES),
    *(Attempt(f"{name}-two-recipients", "bank", at(name, rcpts=TWO), copies=2) for name in OK_SERVICES),
    Attempt("delay-reject-yes-two-recipients", "bank", {"mail_from": BANK, "rcpts": TWO}, copies=2),
    Attempt("delay-reject-no", "bank", at("delay-reject-no")),
    Attempt("delay-reject-no-two-recipients", "bank", at("delay-reject-no", rcpts=TWO), copies=2),
    Attempt("delay-reject-no-two-ruled-recipients", "pay", at(
        "delay-reject-no", mail_from="x@other.example", rcpts=["a@payments.example", "b@payments.example"]),
        copies=2),
    Attempt("bare-postmaster-alone", "bank", {"mail_from": BANK, "rcpts": "postmaster"}),
    Attempt("bare-postmaster-alone-delay-reject-no", "bank", at("delay-reject-no", rcpts="PostMaster")),
    Attempt("bare-postmaster-alone-a-ruled-recipient", "pay", {"rcpts": "postmaster"}),
    Attempt("bare-postmaster-beside-another", "bank", {"mail_from": BANK, "rcpts": ["postmaster", USER]},
            copies=2),
    Attempt("bare-postmaster-ok-in-every-list", "bank", at("permit-mynetworks", rcpts="postmaster")),
    talk("bdat", bdat),
    talk("bdat-two-recipients", lambda session: bdat(session, *TWO), copies=2),
    talk("bdat-to-bare-postmaster", lambda session: bdat(session, "postmaster")),
    talk("pipelining", pipelined),
    talk("pipelining-with-bdat", pipelined_bdat),
    talk("second-message-of-a-session", second_message),
    talk("rset-after-a-good-recipient", rset_after_a_good_recipient),
    talk("rset-after-a-refusal", rset_after_a_refusal),
    talk("ehlo-after-a-good-recipient", ehlo_after_a_good_recipient),
    talk("second-mail-command", second_mail_command),
    talk("after-a-refused-starttls", refused_starttls),
    talk("begun-before-starttls", begun_before_starttls, rule="sealed", enhanced="5.7.1"),
    talk("after-starttls", after_starttls, rule="sealed", enhanced="5.7.1"),
    talk("xclient-other-address", xclient("NAME=mx.client.example ADDR=198.51.100.9", BANK), "xclient"),
    talk("xclient-unknown-address", xclient("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]", BANK), "xclient"),
    talk("xclient-from-a-ruled-network", xclient("ADDR=192.0.2.20", "x@other.example"), "xclient", rule="net"),
    talk("xclient-from-a-ruled-ipv6-network", xclient("ADDR=IPV6:2001:db8::10", "x@other.example"), "xclient",
         rule="net"),
    Attempt("xclient-not-allowed", "net", {"source": addresses.SHOP}, xclient_not_allowed),
    Attempt("ipv6", "bank", {"mail_from": BANK, "source": addresses.NAMELESS6}),
    Attempt("ipv6-from-a-ruled-network", "net", {"source": addresses.BANK6}),
    Attempt("postscreen", "bank", at("postscreen")),
    Attempt("smtpd-proxy-filter", "bank", at("proxy-filter")),
    Attempt("content-filter", "bank", at("content-filter")),
    Attempt("null-sender-from-a-ruled-network", "net", {"mail_from": "", "source": addresses.SHOP}),
    Attempt("address-literal-from-a-ruled-network", "net",
            {"mail_from": "x@[192.0.2.20]", "source": addresses.SHOP}),
    sender("upper-case", "X@BANK.EXAMPLE", "X@BANK.EXAMPLE"),
    sender("trailing-dot", "x@bank.example.", BANK),
    sender("percent", "x%bank.example", BANK),
    sender("bang", "bank.example!x", BANK),
    sender("quoted-at", '"a@b"@bank.example', '"a@b"@bank.example'),
    sender("quoted-whole", '"x@bank.example"', BANK),
    sender("quoted-percent", '"x%bank.example"', BANK),
    sender("percent-behind-a-source-route", "@relay.example:x%bank.example", BANK),
    sender("source-route", "@relay.example:x@bank.example", BANK),
    sender("sub-domain", "x@deep.bank.example", "x@deep.bank.example"),
    sender("short-domain", "x@bank", BANK),
    sender("bare-user", "x", "x@inside.example", "origin"),
    sender("idn-ascii", "x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
    sender("idn-smtputf8", "x@B\u00dcCHER.example", "x@B\u00dcCHER.example", **UTF8),
    recipient("upper-case", "U@PAYMENTS.Example"),
    recipient("trailing-dot", "u@payments.example."),
    recipient("percent", "u%payments.example"),
    recipient("bang", "payments.example!u"),
    recipient("percent-at-us", "u%payments.example@here.example"),
    recipient("percent-at-our-address-literal", "u%payments.example@[192.0.2.1]"),
    recipient("quoted-at-us", '"u@payments.example"@here.example'),
    recipient("quoted-local-part", '"a b"@payments.example', '"a b"@payments.example'),
    recipient("source-route", "@relay.example:u@payments.example"),
    recipient("sub-domain", "u@deep.payments.example", "u@deep.payments.example"),
    recipient("short-domain", "u@payments"),
    recipient("bare-user", "u", "u@inside.example"),
    recipient("routes-within-at-us", '"@a.example:@b.example:u"@here.example', "u@inside.example"),
    recipient("idn-ascii", "u@xn--mnze-0ra.example", "u@xn--mnze-0ra.example"),
    recipient("idn-smtputf8", "u@M\u00dcNZE.example", "u@m\u00fcnze.example", **UTF8),
)


def tried(world: World, attempt: Attempt) -> Sent:
    if attempt.said is None:
        return world.send(**attempt.how)
    with world.session(**attempt.how) as session:
        assert session.ehlo("client.example").code == 250
        return attempt.said(session)


def nothing_arrived(world: World, sent: Sent) -> None:
    until(lambda: not world.gateway.queue(), "an empty queue")
    assert not world.arrivals(sent), world.arrivals(sent)


def is_refused(world: World, attempt: Attempt) -> None:
    sent = tried(world, attempt)
    assert (sent.code, sent.enhanced) == (550, attempt.enhanced), sent
    assert f"rule {attempt.rule}:" in sent.text, sent
    nothing_arrived(world, sent)


def is_a_way(world: World, attempt: Attempt) -> None:
    sent = tried(world, attempt)
    assert sent.accepted, sent
    mails = world.arrived_all(sent, attempt.copies)
    assert len(mails) == attempt.copies, mails
    if attempt.becomes:
        header, address = attempt.becomes
        assert str(mails[0].message[header]).strip("<>").lower() == address.lower(), mails[0].message[header]


def document(tlsmap: Tlsmap, rules: list[dict[str, Any]], **parts: Any) -> Document:
    return tlsmap.document(receive={"client_certificate": "request", "rules": rules}, **parts)


# ---- what has no hook, and what must go on working ----

def known_holes(world: World, tap: Tap) -> None:
    """Postfix asks nobody about RCPT TO:<postmaster>, and at DATA names no recipient where there are several
    (smtpd_check_rcpt(), 3.7). It counts a recipient as often as it is given: twice postmaster is several."""
    for name, rcpts, copies in (("beside-another", ["postmaster", USER], 2),
                                ("twice", ["postmaster", "Postmaster"], 1)):
        with tap.case(f"known-hole-bare-postmaster-{name}-a-ruled-recipient"):
            sent = world.send(rcpts=rcpts)
            assert sent.accepted, sent
            delivered = {str(mail.message["Delivered-To"]).lower() for mail in world.arrived_all(sent, copies)}
            assert "postmaster@inside.example" in delivered, delivered
    with tap.case("known-limit-an-allowed-proxy-speaks-for-an-exempt-client"):
        with world.session(port=PORTS["xclient"]) as session:
            session.ehlo("client.example")
            sent = xclient("ADDR=127.0.0.1", BANK)(session)
        assert sent.accepted and world.arrived(sent), sent
    with tap.case("known-limit-tls-of-an-allowed-proxy-counts-as-the-client-s"):
        with world.session(port=PORTS["xclient"]) as session:
            session.ehlo("client.example")
            assert session.starttls().code == 220 and session.ehlo("client.example").code == 250
            sent = xclient("ADDR=198.51.100.9", BANK)(session)
        assert sent.accepted and world.arrived(sent), sent


def wrapped_senders(world: World, tap: Tap) -> None:
    """A sender is not unwrapped at our domain as a recipient is: it is delivered as one of our domain."""
    for name, spelling in (("percent", "x%bank.example@here.example"), ("bang", "bank.example!x@here.example"),
                           ("quoted", '"x@bank.example"@here.example'),
                           ("percent-at-our-address-literal", "x%bank.example@[192.0.2.1]")):
        with tap.case(f"a-sender-wrapped-at-our-domain-by-{name}-is-not-the-partner-s"):
            sent = world.send(mail_from=spelling)
            assert sent.accepted, sent
            assert str(world.arrived(sent).message["Return-Path"]) == f"<{spelling}>"


def of_two_recipients_the_ruled_one_is_refused(world: World, tap: Tap) -> None:
    """Where a list says OK, too; the other one has the mail."""
    for service in OK_SERVICES:
        with tap.case(f"{service}-beside-another-recipient-a-ruled-one-is-refused"):
            sent = world.send(mail_from="x@other.example", port=PORTS[service],
                              rcpts=["a@payments.example", USER, "b@payments.example"])
            assert [reply.code for reply in sent.recipients] == [550, 250, 550] and sent.accepted, sent
            assert all("rule pay:" in sent.recipients[i].text for i in (0, 2)), sent
            world.arrived(sent)
            until(lambda: not world.gateway.queue(), "an empty queue")
            assert [mail.message["Delivered-To"] for mail in world.arrivals(sent)] == [USER], sent


def filters_go_on(world: World, tap: Tap) -> None:
    """What was accepted by TLS comes back from the filter in clear: it is not refused a second time."""
    for service in ("proxy-filter", "content-filter"):
        with tap.case(f"tls-mail-comes-through-the-{service}"):
            sent = world.send(**at(service), tls="starttls")
            assert sent.accepted and world.arrived(sent), sent
            assert len(world.arrivals(sent)) == 1


# ---- submission ----

SUBMISSION = {"submission": {"port": 587}, "submissions": {"port": 465, "wrapper": True}}


def stock_options(service: str) -> str:
    """The options that the package's master.cf has for a service, there as comments."""
    text = Path("/usr/share/postfix/master.cf.dist").read_text(encoding="ascii")
    found = re.search(rf"(?m)^#{service} +inet .*\n((?:#.*\n)*?)(?=#\S)", text)
    assert found, service
    return " ".join(re.findall(r"(?m)^#  (-o \S+)", found[1]))


def submitted(world: World, service: str) -> Sent:
    """Mail of an authenticated client by TLS, without the certificate that the rule demands; to several
    recipients, because the stock services leave smtpd_data_restrictions alone (3.7) and the rules about
    senders, and about one recipient, hold there all the same."""
    with world.session(**SUBMISSION[service]) as session:
        assert session.ehlo("client.example").code == 250
        if not session.tls:
            assert session.starttls().code == 220 and session.ehlo("client.example").code == 250
        return authenticated(session, "x@other.example", "a@safe.example", "b@safe.example")


def submission(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    for service in SUBMISSION:
        add_service(world, service, "inet", f"smtpd {stock_options(service)}")
    # Another document than that in force: apply must have something to do.
    rules = [*RULES, {"name": "one-more", "sender_domains": ["a.example"]}]
    with tap.case("stock-submission-services-are-refused-by-apply"):
        run = tlsmap.run("apply", document=document(tlsmap, rules))
        assert run.returncode == 78, run
        for service in SUBMISSION:
            assert re.search(rf"(?m)master.cf: {service}/inet: error: .*\[hidden-service\]", run.stderr), run.stderr
    tlsmap.apply(document(tlsmap, rules, postfix={
        "unguarded_services": [f"{service}/inet" for service in SUBMISSION]}))
    for service, how in SUBMISSION.items():
        world.gateway.wait_listening(how["port"])
        with tap.case(f"unguarded-{service}-is-not-ruled"):
            sent = submitted(world, service)
            assert sent.accepted and world.arrived_all(sent, 2), sent
    run = tlsmap.run("plan", document=document(tlsmap, RULES))
    for service in SUBMISSION:
        cures = re.findall(rf"master.cf: {service}/inet: .*write -o (\S+)", run.stderr)
        assert cures, run.stderr
        for cure in cures:
            world.gateway.postconf("-Pe", f"{service}/inet/{cure}")
    tlsmap.apply(document(tlsmap, RULES))
    for service in SUBMISSION:
        with tap.case(f"with-the-printed-line-{service}-is-ruled"):
            sent = submitted(world, service)
            assert (sent.code, sent.enhanced) == (550, "5.7.1") and "rule safe:" in sent.text, sent
            nothing_arrived(world, sent)


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    add_services(world)
    tlsmap.apply(document(tlsmap, []))
    for attempt in ATTEMPTS:
        with tap.case(f"without-the-rule-{attempt.name}"):
            is_a_way(world, attempt)
    tlsmap.apply(document(tlsmap, RULES))
    for attempt in ATTEMPTS:
        with tap.case(f"with-the-rule-{attempt.name}"):
            is_refused(world, attempt)
    known_holes(world, tap)
    wrapped_senders(world, tap)
    of_two_recipients_the_ruled_one_is_refused(world, tap)
    filters_go_on(world, tap)
    submission(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
