#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Filters that change the mail and give it back, set up as Postfix's own documents write them.

Mail in clear that a rule forbids is refused before a filter sees it; what was accepted by TLS comes back from
the filter in clear, and is not refused a second time."""

from __future__ import annotations

import re
from pathlib import Path

from lib import addresses, filters
from lib.client import Sent
from lib.filters import AFTER_PROXY, AFTER_SCAN, MARK
from lib.tlsmap import Document, Tlsmap
from lib.wait import until
from lib.world import Tap, World

BANK = "x@bank.example"
RULE = {"name": "bank", "sender_domains": ["bank.example"]}

# Without a word of their own: they have all lists from main.cf.
PLAIN = ""
GATEWAY = addresses.GATEWAY
MASTER_CF = f"""\
{GATEWAY}:2501 inet n - n - 20 smtpd -o smtpd_proxy_filter=127.0.0.1:10025
{GATEWAY}:2502 inet n - n - 20 smtpd -o smtpd_proxy_filter=127.0.0.1:10025 -o smtpd_proxy_options=speed_adjust
127.0.0.1:10025 inet n n n - 10 spawn user=vmail argv={{smtp_filter}} 127.0.0.1 10026
127.0.0.1:10026 inet n - n - - smtpd {AFTER_PROXY}
{GATEWAY}:2503 inet n - n - - smtpd -o content_filter=scan:localhost:10027
scan unix - - n - 10 smtp -o smtp_send_xforward_command=yes -o disable_mime_output_conversion=yes -o smtp_generic_maps=
localhost:10027 inet n n n - 10 spawn user=vmail argv={{smtp_filter}} 127.0.0.1 10028
localhost:10028 inet n - n - 10 smtpd {AFTER_SCAN}
{GATEWAY}:2504 inet n - n - - smtpd -o content_filter=filter:dummy
filter unix - n n - 10 pipe flags=Rq user=vmail null_sender= argv={{simple_filter}} -f ${{{{sender}}}} -- ${{{{recipient}}}}
{GATEWAY}:2505 inet n - n - 20 smtpd -o smtpd_proxy_filter=127.0.0.1:10029
127.0.0.1:10029 inet n n n - 10 spawn user=vmail argv={{smtp_filter}} 127.0.0.1 10030
127.0.0.1:10030 inet n - n - - smtpd {PLAIN}
"""
FILTERED = {"smtpd-proxy-filter": 2501, "smtpd-proxy-filter-speed-adjust": 2502, "advanced-content-filter": 2503,
            "simple-content-filter": 2504, "smtpd-proxy-filter-that-gives-back-to-a-plain-smtpd": 2505}
# Those that take mail back with lists of their own, which do not begin with our element.
UNGUARDED = ["127.0.0.1:10026/inet", "localhost:10028/inet"]


def add_services(world: World) -> None:
    smtp_filter, simple_filter = filters.make(world.directory)
    master_cf = world.gateway.config_dir / "master.cf"
    with open(master_cf, "a", encoding="ascii") as file:
        file.write(MASTER_CF.format(smtp_filter=smtp_filter, simple_filter=simple_filter))
    # For sendmail(1) of the simple filter.
    Path("/etc/postfix/main.cf").write_text(f"alternate_config_directories = {world.gateway.config_dir}\n",
                                            encoding="ascii")
    world.gateway.stop()
    world.gateway.start(quick=True)
    for port in FILTERED.values():
        world.gateway.wait_listening(port, GATEWAY)


def document(tlsmap: Tlsmap, unguarded: list[str], **receive: object) -> Document:
    return tlsmap.document(receive=receive, postfix={"unguarded_services": unguarded})


def sent_to(world: World, port: int, tls: bool) -> Sent:
    return world.send(mail_from=BANK, rcpts=["user@gw.example", "other@gw.example"], port=port,
                      tls="starttls" if tls else None)


def comes_changed(world: World, sent: Sent) -> None:
    """Each copy once, and through the filter."""
    assert sent.accepted, sent
    world.arrived_all(sent, 2)
    until(lambda: not world.gateway.queue(), "an empty queue")
    mails = world.arrivals(sent)
    assert [str(mail.message[MARK]) for mail in mails] == ["yes", "yes"], mails


def is_refused(world: World, sent: Sent) -> None:
    assert (sent.code, sent.enhanced) == (550, "5.7.10") and "rule bank:" in sent.text, sent
    until(lambda: not world.gateway.queue(), "an empty queue")
    assert not world.arrivals(sent), world.arrivals(sent)


def ruled(world: World, tap: Tap, what: str) -> None:
    for name, port in FILTERED.items():
        with tap.case(f"{what}-{name}-clear-mail-is-refused"):
            is_refused(world, sent_to(world, port, tls=False))
        with tap.case(f"{what}-{name}-tls-mail-comes-changed"):
            comes_changed(world, sent_to(world, port, tls=True))


def findings(tlsmap: Tlsmap, wanted: Document) -> set[tuple[str, str, str]]:
    """What apply refuses: identifier, service, and the lines of master.cf that cure it, or where to name it."""
    run = tlsmap.run("apply", document=wanted)
    assert run.returncode == 78, run
    found = re.findall(r"(?m)master.cf: (\S+): error: .*; (?:write (-o .*) below it, and )?"
                       r"name (?:it|the service) in postfix.unguarded_services.* \[(\S+)\]$", run.stderr)
    assert len(found) == len(run.stderr.splitlines()), run.stderr
    return {(identifier, service, lines) for service, lines, identifier in found}


def nobody_is_exempt(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """What a filter gives back in clear would be refused, and bounce: apply says so before."""
    strict = {"rules": [RULE], "exempt_networks": []}
    empty = "-o smtpd_data_restrictions="
    inherits = {("loopback-inherits", "127.0.0.1:10030/inet",
                 f"-o smtpd_recipient_restrictions=permit_mynetworks,reject {empty}"),
                ("loopback-inherits", "localhost:10028/inet", empty)}
    with tap.case("nobody-exempt-listeners-of-filters-are-refused-by-apply-with-the-lines-that-cure-them"):
        found = findings(tlsmap, document(tlsmap, UNGUARDED, **strict))
        assert found == inherits, found
    with tap.case("nobody-exempt-the-cures-do-not-contradict-each-other"):
        found = findings(tlsmap, document(tlsmap, [], **strict))
        assert found == inherits | {("hidden-service", service, "") for service in UNGUARDED}, found
    for _, service, lines in inherits:
        for line in lines.removeprefix("-o ").split(" -o "):
            world.gateway.postconf("-Pe", f"{service}/{line}")
    tlsmap.apply(document(tlsmap, [*UNGUARDED, "127.0.0.1:10030/inet"], **strict))
    ruled(world, tap, "nobody-exempt")


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    add_services(world)
    tlsmap.apply(document(tlsmap, []))
    for name, port in FILTERED.items():
        with tap.case(f"without-a-rule-{name}-clear-mail-comes-changed"):
            comes_changed(world, sent_to(world, port, tls=False))
    with tap.case("listeners-as-postfix-writes-them-are-refused-by-apply-and-named"):
        run = tlsmap.run("apply", document=document(tlsmap, [], rules=[RULE]))
        found = re.findall(r"(?m)master.cf: (\S+): error: .*\[hidden-service\]", run.stderr)
        assert run.returncode == 78 and set(found) == set(UNGUARDED), run.stderr
    tlsmap.apply(document(tlsmap, UNGUARDED, rules=[RULE]))
    ruled(world, tap, "with-a-rule")
    nobody_is_exempt(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
