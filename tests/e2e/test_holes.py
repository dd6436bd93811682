#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What Postfix gives no hook for: mail that no rule is asked about, shown to pass, and named by status.

The rule is about all mail, and the one host that it exempts sends none: what passes does so because nobody is
asked."""

import json
import socket
import subprocess
import uuid
from pathlib import Path
from typing import Callable, NamedTuple

from lib import addresses
from lib.tlsmap import Tlsmap
from lib.wait import PATIENCE
from lib.world import Tap, World

SENDER, RCPT = "x@bank.example", "user@gw.example"
EXEMPT = "198.51.100.9"
RULES = {"rules": [{"name": "all"}], "exempt_networks": [EXEMPT]}
QMQP_PORT, PROXY_PORT = 628, 2525


def text_of(token: str) -> str:
    return f"Message-ID: <{token}@client.example>\n\nA line.\n"


# ---- the doors: each hands in a message with this token ----


def as_user(world: World, *arguments: str, said: str) -> str:
    """sendmail(1) as a program of this machine runs it: without privilege."""
    run = subprocess.run(["sendmail", "-C", world.gateway.config_dir, *arguments], input=said, user="vmail",
                         capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert run.returncode == 0, run
    return run.stdout


def by_sendmail(world: World, token: str) -> None:
    as_user(world, "-f", SENDER, RCPT, said=text_of(token))


def by_sendmail_bs(world: World, token: str) -> None:
    lines = ["EHLO here", f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{RCPT}>", "DATA", text_of(token) + ".", "QUIT", ""]
    replies = as_user(world, "-bs", said="\n".join(lines).replace("\n", "\r\n"))
    assert "\n250 2.0.0 Ok" in replies and "STARTTLS" not in replies, replies


def netstring(data: bytes) -> bytes:
    return b"%d:%s," % (len(data), data)


def by_qmqpd(_: World, token: str) -> None:
    with socket.create_connection((addresses.GATEWAY, QMQP_PORT), PATIENCE, (addresses.NAMELESS, 0)) as peer:
        peer.sendall(netstring(b"".join(netstring(part.encode()) for part in (text_of(token), SENDER, RCPT))))
        reply = peer.recv(1000)
    assert reply.split(b":")[1].startswith(b"K"), reply


class Door(NamedTuple):
    """note: what tlsmap status says while the service is in master.cf."""
    hand_in: Callable[[World, str], None]
    service: str
    note: str


DOORS = {"sendmail": Door(by_sendmail, "pickup/unix", "hand in by sendmail(1)"),
         # It gives what it was told to postdrop(1), as sendmail does (smtpd(8), 3.7), so that pickup(8) takes it.
         "sendmail-bs": Door(by_sendmail_bs, "pickup/unix", "with -bs too"),
         "qmqpd": Door(by_qmqpd, "628/inet", "by qmqpd(8)")}


def notes(tlsmap: Tlsmap) -> str:
    run = tlsmap.run("--json", "status")
    return "\n".join(json.loads(run.stdout).get("notes", []))


def a_door(world: World, tap: Tap, tlsmap: Tlsmap, name: str) -> None:
    door = DOORS[name]
    with tap.case(f"{name}-lets-mail-pass-and-status-says-so"):
        token = uuid.uuid4().hex
        door.hand_in(world, token)
        assert world.arrived(token).message["Return-Path"] == f"<{SENDER}>"
        assert door.note in notes(tlsmap), notes(tlsmap)
    with tap.case(f"{name}-is-not-named-where-its-service-is-not-there"):
        line = world.gateway.postconf("-M", door.service)
        world.gateway.postconf("-MX", door.service)
        assert door.note not in notes(tlsmap), notes(tlsmap)
        world.gateway.postconf("-Me", f"{door.service}={line}")


def proxied(world: World, client: str, tls: bool) -> tuple[int, str]:
    """A message by a proxy that ends TLS, and names this client; the last reply, and its token."""
    token = uuid.uuid4().hex
    said = f"PROXY TCP4 {client} {addresses.GATEWAY} 1234 25\r\n"
    with world.session(port=PROXY_PORT, before=said) as session:
        assert session.ehlo("client.example").code == 250
        if tls:
            assert session.starttls().code == 220 and session.ehlo("client.example").code == 250
        assert session.cmd(f"MAIL FROM:<{SENDER}>").code == 250
        reply = session.cmd(f"RCPT TO:<{RCPT}>")
        if reply.good:
            assert session.cmd("DATA").code == 354
            reply = session.content(text_of(token))
    return reply.code, token


def proxies(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """It is smtpd(8) that is asked, and it can't know more than the proxy tells."""
    note = "where a proxy in front of Postfix ends TLS"
    with tap.case("a-proxy-is-not-named-where-there-is-none"):
        assert note not in notes(tlsmap), notes(tlsmap)
    world.gateway.postconf("-Me", f"{PROXY_PORT}/inet={PROXY_PORT} inet n - n - - smtpd "
                           "-o smtpd_upstream_proxy_protocol=haproxy")
    world.gateway.reload()
    world.gateway.wait_listening(PROXY_PORT)
    with tap.case("behind-a-proxy-that-speaks-clear-mail-is-refused-and-status-says-so"):
        assert proxied(world, "198.51.100.10", tls=False)[0] == 550
        assert note in notes(tlsmap), notes(tlsmap)
    for name, client, tls in (("tls-of-a-proxy-counts-as-the-client-s", "198.51.100.10", True),
                              ("a-proxy-may-name-an-exempt-client", EXEMPT, False)):
        with tap.case(name):
            code, token = proxied(world, client, tls)
            assert code == 250 and world.arrived(token)


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    # For sendmail(1).
    Path("/etc/postfix/main.cf").write_text(f"alternate_config_directories = {world.gateway.config_dir}\n",
                                            encoding="ascii")
    world.gateway.set(qmqpd_authorized_clients=addresses.NAMELESS)
    world.gateway.postconf("-Me", f"628/inet={QMQP_PORT} inet n - n - - qmqpd")
    world.gateway.reload()
    world.gateway.wait_listening(QMQP_PORT)
    tlsmap.apply(tlsmap.document(receive=RULES))
    with tap.case("by-smtp-such-mail-is-refused"):
        for source in (addresses.NAMELESS, addresses.LOCALHOST):
            sent = world.send(source=source, mail_from=SENDER)
            assert (sent.code, sent.enhanced) == (550, "5.7.10"), sent
    for name in DOORS:
        a_door(world, tap, tlsmap, name)
    proxies(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
