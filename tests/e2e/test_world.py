#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The first mail through: the test world works, shown with settings made by hand.

What Postfix itself promises at each TLS level is shown here once, without tlsmap and policyd, so
that a red row of another test means our programs and not the ground they stand on.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import syslog
from pathlib import Path
from typing import NamedTuple

from lib import addresses, process
from lib.wait import until
from lib.world import Tap, World


class Receive(NamedTuple):
    """One message into the gateway. settings: level and client certificate as main.cf says."""
    name: str
    level: str
    certificate: str
    tls: str | None
    client_cert: str | None
    stage: str
    code: int
    enhanced: str
    received: str = ""


RECEIVE = (
    Receive("may-accepts-a-clear-client", "may", "none", None, None, "end", 250, "2.0.0",
            "with ESMTP id"),
    Receive("may-accepts-a-tls-client", "may", "none", "starttls", None, "end", 250, "2.0.0",
            "with ESMTPS id"),
    Receive("encrypt-refuses-a-clear-client", "encrypt", "none", None, None,
            "mail", 530, "5.7.0"),
    Receive("encrypt-accepts-a-tls-client", "encrypt", "none", "starttls", None,
            "end", 250, "2.0.0", "with ESMTPS id"),
    Receive("request-accepts-without-certificate", "may", "request", "starttls", None,
            "end", 250, "2.0.0", "Client did not present a certificate"),
    Receive("request-accepts-an-untrusted-certificate", "may", "request", "starttls",
            "client-self-signed", "end", 250, "2.0.0", "not verified"),
    Receive("request-sees-a-trusted-certificate", "may", "request", "starttls",
            "client-cn", "end", 250, "2.0.0", 'Client CN "mx.bank.example", Issuer "Test World CA"'
            " (verified OK)"),
    Receive("require-accepts-a-trusted-certificate", "encrypt", "require", "starttls",
            "client-cn", "end", 250, "2.0.0", "verified OK"),
    Receive("require-accepts-names-in-san-only", "encrypt", "require", "starttls",
            "client-san-only", "end", 250, "2.0.0", "verified OK"),
    Receive("require-accepts-an-empty-subject", "encrypt", "require", "starttls",
            "client-no-subject", "end", 250, "2.0.0", "verified OK"),
    Receive("require-refuses-without-certificate", "encrypt", "require", "starttls", None,
            "ehlo", 421, "4.7.1"),
    Receive("require-refuses-a-self-signed-certificate", "encrypt", "require", "starttls",
            "client-self-signed", "ehlo", 421, "4.7.1"),
    Receive("require-refuses-another-authority", "encrypt", "require", "starttls",
            "client-other-ca", "ehlo", 421, "4.7.1"),
    Receive("require-refuses-an-expired-certificate", "encrypt", "require", "starttls",
            "client-expired", "ehlo", 421, "4.7.1"),
    Receive("require-refuses-a-clear-client", "encrypt", "require", None, None,
            "mail", 530, "5.7.0"),
)


class Seen(NamedTuple):
    """How the gateway sees a client by its address."""
    name: str
    source: str
    received: str


SEEN = (
    Seen("a-client-is-seen-by-its-address", addresses.NAMELESS, "(unknown [192.0.2.40])"),
    Seen("a-client-is-seen-by-its-name", addresses.BANK, "(mx.bank.example [192.0.2.10])"),
    Seen("a-name-that-does-not-point-back-is-unknown", addresses.LIAR, "(unknown [192.0.2.30])"),
    Seen("an-ipv6-client-is-seen-by-its-name", addresses.BANK6,
         "(mx.bank.example [IPv6:2001:db8::10])"),
    Seen("a-local-client-is-localhost", addresses.LOCALHOST, "(localhost [127.0.0.1])"),
)


class Deliver(NamedTuple):
    """One message out of the gateway. tls: word of the log; protocol: what the partner saw."""
    name: str
    level: str
    domain: str
    status: str
    dsn: str
    tls: str = ""
    protocol: str = ""


DELIVER = (
    Deliver("may-sends-in-clear-where-no-tls-is", "may", "plain.test", "sent", "2.0.0", "",
            "ESMTP"),
    Deliver("may-sends-by-tls-where-it-is", "may", "self-signed.test", "sent", "2.0.0",
            "Untrusted", "ESMTPS"),
    Deliver("sub-domains-have-the-same-server", "may", "deep.below.right.test", "sent", "2.0.0",
            "Trusted", "ESMTPS"),
    Deliver("encrypt-defers-where-no-tls-is", "encrypt", "plain.test", "deferred", "4.7.4"),
    Deliver("encrypt-sends-to-any-certificate", "encrypt", "wrong.test", "sent", "2.0.0",
            "Trusted", "ESMTPS"),
    Deliver("verify-sends-to-the-right-certificate", "verify", "right.test", "sent", "2.0.0",
            "Verified", "ESMTPS"),
    Deliver("verify-defers-at-the-wrong-name", "verify", "wrong.test", "deferred", "4.7.5",
            "Untrusted"),
    Deliver("verify-defers-at-self-signed", "verify", "self-signed.test", "deferred", "4.7.5",
            "Untrusted"),
    Deliver("verify-defers-at-another-authority", "verify", "other-ca.test", "deferred", "4.7.5",
            "Untrusted"),
    Deliver("verify-defers-at-expired", "verify", "expired.test", "deferred", "4.7.5",
            "Untrusted"),
    Deliver("verify-defers-where-no-tls-is", "verify", "plain.test", "deferred", "4.7.4"),
    Deliver("verify-defers-where-only-the-domain-is-named", "verify", "named.test", "deferred",
            "4.7.5"),
    Deliver("secure-sends-where-the-domain-is-named", "secure", "named.test", "sent", "2.0.0",
            "Verified", "ESMTPS"),
    Deliver("secure-sends-where-the-host-is-below-the-domain", "secure", "right.test", "sent",
            "2.0.0", "Verified", "ESMTPS"),
    Deliver("secure-defers-where-the-host-is-elsewhere", "secure", "hosted.test", "deferred",
            "4.7.5"),
    Deliver("dane-sends-where-the-record-is-right", "dane", "dane.example", "sent", "2.0.0",
            "Verified", "ESMTPS"),
    Deliver("dane-defers-where-the-record-is-wrong", "dane", "dane-wrong.example", "deferred",
            "4.7.5"),
    Deliver("dane-is-may-without-a-record", "dane", "dane-none.example", "sent", "2.0.0",
            "Trusted", "ESMTPS"),
    Deliver("dane-only-defers-in-an-unsigned-zone", "dane-only", "right.test", "deferred",
            "4.7.5"),
)


def receive(world: World, tap: Tap) -> None:
    in_force = ("", "")
    for row in RECEIVE:
        with tap.case(row.name):
            if (row.level, row.certificate) != in_force:
                world.gateway.set(
                    smtpd_tls_security_level=row.level,
                    smtpd_tls_ask_ccert="no" if row.certificate == "none" else "yes",
                    smtpd_tls_req_ccert="yes" if row.certificate == "require" else "no")
                world.gateway.reload()
                in_force = (row.level, row.certificate)
            cert = world.certificates[row.client_cert].pair if row.client_cert else None
            sent = world.send(tls=row.tls, cert=cert)
            assert (sent.stage, sent.code, sent.enhanced) == (row.stage, row.code, row.enhanced)
            if sent.accepted:
                assert row.received in world.arrived(sent).received


def seen(world: World, tap: Tap) -> None:
    world.gateway.set(smtpd_tls_security_level="may", smtpd_tls_ask_ccert=None,
                      smtpd_tls_req_ccert=None)
    world.gateway.reload()
    for row in SEEN:
        with tap.case(row.name):
            sent = world.send(source=row.source)
            assert sent.accepted
            assert row.received in world.arrived(sent).received
    with tap.case("a-stranger-may-not-relay"):
        sent = world.send(rcpts="someone@right.test")
        assert (sent.stage, sent.code, sent.enhanced) == ("rcpt", 454, "4.7.1")
    with tap.case("addresses-reach-the-server-untouched"):
        with world.session() as session:
            assert session.greeting.code == 220
            assert session.ehlo("client.example").good
            assert session.cmd('MAIL FROM:<"a b"@bank.example> SIZE=10').good
            assert session.cmd("rcpt to:<@a.example,@b.example:user@gw.example>").good
            reply = session.cmd("RCPT TO:<user%right.test@gw.example>")
            assert reply.code == 454 and "<user%right.test@gw.example>" in reply.text
            assert session.cmd("NONSENSE").code in (500, 502)
    with tap.case("several-recipients-are-several-copies"):
        sent = world.send(rcpts=["one@gw.example", "two@inside.example", "no@right.test"])
        assert sent.accepted and [reply.code for reply in sent.recipients] == [250, 250, 454]
        assert {mail.recipient for mail in world.arrived_all(sent, 2)} == \
            {"one@gw.example", "two@inside.example"}


def deliver(world: World, tap: Tap) -> None:
    """All levels at once, by a table with a row for each destination, level by level."""
    table = world.directory / "policy"
    world.gateway.set(smtp_tls_policy_maps=f"texthash:{table}", smtp_dns_support_level="dnssec")
    for level in dict.fromkeys(row.level for row in DELIVER):
        rows = [row for row in DELIVER if row.level == level]
        table.write_text("".join(f"{row.domain} {level}\n.{row.domain} {level}\n" for row in rows))
        os.utime(table, (0, 0))
        world.gateway.reload()
        sent = {row: world.relay(f"someone@{row.domain}") for row in rows}
        for row in rows:
            with tap.case(row.name):
                assert sent[row].accepted
                outcome = world.outcome(sent[row])
                assert (outcome.status, outcome.dsn) == (row.status, row.dsn)
                assert row.tls in ("", outcome.tls)
                if row.status == "sent":
                    received = world.arrived(sent[row]).received
                    assert f"by mx.{'.'.join(row.domain.split('.')[-2:])} " in received
                    assert f"with {row.protocol} id" in received
    with tap.case("deferred-mail-stays-in-the-queue"):
        deferred = {f"someone@{row.domain}" for row in DELIVER if row.status == "deferred"}
        until(lambda: deferred == {entry["recipients"][0]["address"]
                                   for entry in world.gateway.queue()
                                   if entry["queue_name"] == "deferred"}, "all deferred mail")
        world.gateway.empty_queue()
        assert world.gateway.queue() == []
    world.gateway.set(smtp_tls_policy_maps=None, smtp_dns_support_level=None)


def fittings(world: World, tap: Tap) -> None:
    with tap.case("syslog-can-be-read"):
        syslog.openlog("postfix/tlsgate", syslog.LOG_PID, syslog.LOG_MAIL)
        syslog.syslog(syslog.LOG_WARNING, "result=test")
        line = world.wait_syslog("result=test", "postfix/tlsgate")
        assert (line.severity, line.pid, line.facility) == ("warning", os.getpid(), 2)
    with tap.case("the-unprivileged-user-can-run-an-installed-program"):
        build = world.directory / "build"
        for name in ("policyd", "tlsmap"):
            (build / name).mkdir(parents=True)
            (build / name / name).write_text(
                "#!/bin/sh\nlogger -p mail.info -t probe ran as $(id -un)\n", encoding="ascii")
        build.chmod(0o700)
        installed = world.install(build)
        subprocess.run([installed.policyd], user="tlsgate", check=True)
        world.wait_syslog("ran as tlsgate", "probe")
    with tap.case("wrapper-mode-works"):
        world.gateway.postconf("-Me", "465/inet=465 inet n - n - - smtpd")
        world.gateway.postconf("-Pe", "465/inet/smtpd_tls_wrappermode=yes")
        world.gateway.reload()
        world.gateway.wait_listening(465)
        sent = world.send(port=465, tls="wrapper")
        assert sent.accepted and sent.tls == "TLSv1.3"
        assert "with ESMTPS id" in world.arrived(sent).received
    with tap.case("an-old-protocol-can-be-asked-for"):
        sent = world.send(tls="starttls", max_version="TLSv1_2")
        assert sent.accepted and sent.tls == "TLSv1.2"
    with tap.case("a-second-gateway-can-run-beside"):
        second = world.second_gateway(smtpd_tls_security_level="encrypt")
        sent = world.send(server=addresses.SECOND_GATEWAY)
        assert (sent.stage, sent.code) == ("mail", 530)
        second.stop()
        assert second.master_pid is None
    with tap.case("a-stopped-gateway-refuses-at-connect"):
        world.gateway.stop()
        assert world.send().stage == "connect"
        world.gateway.start(quick=True)
        assert world.send().accepted


def debian(world: World, tap: Tap) -> None:
    with tap.case("debian-starts-as-its-unit-starts-it"):
        world.replace_gateway("debian")
        world.gateway.stop()
        mark = world.gateway.mark()
        world.gateway.start()
        world.gateway.wait_log("daemon started", since=mark)
        log = world.gateway.log(mark)
        assert "warning" not in log and "fatal" not in log
        assert world.gateway.postconf("-Fh", "smtp/inet/chroot") == "y"
        assert world.gateway.get("inet_interfaces") == "all"
    with tap.case("debian-receives-through-its-chroot"):
        sent = world.send(tls="starttls", source=addresses.BANK)
        assert sent.accepted and sent.tls
        mail = world.arrived(sent)
        assert mail.recipient == "user@gw.example"
        assert "(mx.bank.example [192.0.2.10]) by gw.example (Postfix) with ESMTPS" in mail.received
        assert any(_root_of(pid) == "/var/spool/postfix" for pid in process.named("smtpd"))
    with tap.case("debian-gives-postmaster-to-the-administrator"):
        assert world.arrived(world.send(rcpts="postmaster")).recipient == "postmaster"
    with tap.case("debian-sends-through-its-chroot"):
        sent = world.relay("someone@right.test")
        assert world.outcome(sent).status == "sent"
        assert "by mx.right.test (Postfix) with ESMTPS" in world.arrived(sent).received
    with tap.case("debian-logs-to-syslog-alone"):
        assert world.gateway.get("maillog_file") == ""
        assert any(line.ident == "postfix/qmgr" for line in world.syslog())


def killed(tap: Tap) -> None:
    """A world inside this one: to it, we are the machine that must stay as it was."""
    with tap.case("a-killed-world-leaves-nothing"):
        before = _residue()
        with subprocess.Popen([Path(__file__).with_name("shell"), "--gateway", "debian", "sh", "-c",
                               "touch /etc/left /tmp/tlsgate-left-$$; rm /tmp/tlsgate-left-$$;"
                               "echo up; exec sleep 600"],
                              stdout=subprocess.PIPE, text=True) as outer:
            assert outer.stdout is not None and outer.stdout.readline() == "up\n"
            family = process.descendants(outer.pid)
            assert len(family) > 10
            os.kill(outer.pid, signal.SIGKILL)
        until(lambda: not any(process.started(pid) == when for pid, when in family.items()),
              "end of the killed world's processes")
        assert _residue() == before


def _residue() -> set[str]:
    """Mounts, network devices, and files where a world puts files."""
    found = set(Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines())
    found |= {f"link {name}" for name in os.listdir("/sys/class/net")}
    for top in ("/mnt", "/media", "/srv", "/etc", "/dev", "/run", "/var/spool", "/var/lib/postfix",
                "/var/log", "/var/mail", "/var/tmp"):
        for directory, _, files in os.walk(top):
            for path in (Path(directory), *(Path(directory, name) for name in files)):
                if not stat.S_ISCHR(path.lstat().st_mode):
                    found.add(f"file {path}")
    return found


def _root_of(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/root")


def main(world: World, tap: Tap) -> None:
    receive(world, tap)
    seen(world, tap)
    deliver(world, tap)
    fittings(world, tap)
    debian(world, tap)
    world.gateway.stop()
    killed(tap)


if __name__ == "__main__":
    World.run(main)
