#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The proof by real handshakes: what is tried where, and that a listener which got worse brings back what was before.

Programs of a folder that tlsmap finds first stand between it and the real ones: a postfix that damages a file just
before the reload, when all checks are behind it, and a posttls-finger that counts, or waits."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from lib.tlsmap import Tlsmap
from lib.wait import until
from lib.world import Tap, World

BANK = {"name": "bank", "sender_domains": ["bank.example"]}
SHOP = {"name": "shop", "sender_domains": ["shop.example"]}
NOT_PROVED = ("not-proved", None)

# Each service of master.cf: how it is tried, and where.
LISTENERS = {
    "smtp inet n - n - - smtpd": ("good", "[127.0.0.1]:smtp"),
    "192.0.2.1:2525 inet n - n - - smtpd": ("good", "[192.0.2.1]:2525"),
    "[2001:db8::1]:2526 inet n - n - - smtpd": ("good", "[2001:db8::1]:2526"),
    "localhost:2527 inet n - n - - smtpd": ("good", "[localhost]:2527"),
    "465 inet n - n - - smtpd -o smtpd_tls_wrappermode=yes": ("good", "[127.0.0.1]:465"),
    "2528 inet n - n - 1 postscreen": ("good", "[127.0.0.1]:2528"),
    "smtpd pass - - n - - smtpd": None,
    "2529 inet n - n - - smtpd -o smtpd_delay_reject=no"
    " -o smtpd_client_restrictions=check_client_access,inline:{127.0.0.1=reject}": ("good", "[192.0.2.1]:2529"),
    "127.0.0.1:2530 inet n - n - - smtpd -o smtpd_delay_reject=no -o smtpd_client_restrictions=reject":
    ("not-proved", "[127.0.0.1]:2530"),
    "2531 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy": NOT_PROVED,
    "2532 inet n - n - 1 postscreen -o postscreen_upstream_proxy_protocol=haproxy": NOT_PROVED,
    "local-smtp unix n - n - - smtpd": NOT_PROVED,
    "other pass - - n - - smtpd": NOT_PROVED,
    "2533 inet n - n - - smtpd -o smtpd_tls_chain_files=/nonexistent": ("other-tls", "[127.0.0.1]:2533"),
    "2534 inet n - n - 0 smtpd -o smtpd_tls_security_level=$own_level": ("good", "[127.0.0.1]:2534"),
}


def ask(tlsmap: Tlsmap, code: int, *arguments: str, **how: Any) -> dict[str, Any]:
    run = tlsmap.run("--json", *arguments, **how)
    assert run.returncode == code, run
    return json.loads(run.stdout)


def ids(found: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((finding["id"], finding["where"].split(" at ")[0]) for finding in found["findings"])


def files(world: World) -> tuple[bytes, bytes]:
    return tuple((world.gateway.config_dir / name).read_bytes() for name in ("main.cf", "master.cf"))


def proved(tlsmap: Tlsmap, code: int = 0) -> dict[str, tuple[str, str | None]]:
    return {item["service"]: (item["proof"], item["address"]) for item in ask(tlsmap, code, "status")["listeners"]}


def program(world: World, name: str, text: str) -> Path:
    """The folder, with this program added."""
    folder = world.directory / "first"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\nexec {shutil.which(name)} \"$@\"\n")
    (folder / name).chmod(0o755)
    return folder


def listeners(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    wanted = {}
    world.gateway.set(own_level="none", smtpd_tls_security_level="may")
    for line, proof in LISTENERS.items():
        service = "/".join(line.split()[:2])
        world.gateway.postconf("-Me", f"{service}={line}")
        if proof:
            wanted[service] = proof
    for name in ("tlsproxy", "dnsblog"):
        world.gateway.postconf("-Me", f"{name}/unix={name} unix - - n - 0 {name}")
    world.gateway.reload()
    document = tlsmap.document(postfix={"unguarded_services": ["2534/inet"]})
    with tap.case("what-can-t-be-proved-or-was-broken-before-is-a-warning"):
        with world.gateway.settling():
            found = ask(tlsmap, 0, "apply", document=document)
        expected = [("listener-broken" if proof == "other-tls" else proof, service)
                    for service, (proof, _) in wanted.items() if proof != "good"]
        assert ids(found) == sorted(expected), found
        assert all(finding["severity"] == "warning" for finding in found["findings"]), found
    with tap.case("each-listener-is-tried-where-it-listens"):
        assert proved(tlsmap, 1) == wanted, proved(tlsmap, 1)
    with tap.case("at-level-none-it-is-proved-that-none-is-offered"):
        level = {"receive": {"security_level": "none"}}
        assert tlsmap.run("apply", document=document | level).returncode == 0
        # The broken one has no TLS to fail any more.
        wanted["2533/inet"] = ("good", "[127.0.0.1]:2533")
        assert proved(tlsmap) == wanted, proved(tlsmap)


def from_first_on(world: World, tap: Tap, tlsmap: Tlsmap, new: Path) -> None:
    """A first apply, whose new certificate is damaged between check and reload."""
    document = tlsmap.document(receive={"rules": [BANK], "certificate": {"chain_files": [str(new)]}})
    whole = new.read_bytes()
    folder = program(world, "postfix", f"cp {world.certificates['gateway'].pem} {new}")
    with tap.case("a-first-apply-that-fails-its-proof-is-undone"):
        before = files(world)
        with world.gateway.settling():
            found = ask(tlsmap, 78, "apply", "--adopt", document=document, first=folder)
        assert ids(found) == [("proof-failed", "smtp/inet")], found
        assert "STARTTLS rejected: 454" in str(found), found
        assert files(world) == before
        assert {path.name for path in (world.gateway.config_dir / "tlsgate").iterdir()} == {"gen", "lock"}
        assert world.send(mail_from="x@bank.example", tls="starttls").accepted
    with tap.case("history-says-that-it-was-undone"):
        assert [(item["generation"], item["in_force"], item["undone"])
                for item in ask(tlsmap, 0, "history")["history"]] == [(1, False, True)]
        assert "undone" in tlsmap.run("history").stdout
        assert "not in force" in tlsmap.run("status").stdout
    with tap.case("applied-again-with-the-cure-it-is-in-force"):
        new.write_bytes(whole)
        with world.gateway.settling():
            found = ask(tlsmap, 0, "apply", "--adopt")
        assert (found["generation"], found["findings"]) == (2, []), found
        assert world.send(mail_from="x@bank.example").code == 550
        found = proved(tlsmap)
        assert found == {"smtp/inet": ("good", "[127.0.0.1]:smtp")}, found
    (folder / "postfix").unlink()


def meanwhile(world: World, tap: Tap, tlsmap: Tlsmap, new: Path) -> None:
    """A session that begins before what failed is taken back."""
    other = world.directory / "other.chain"
    shutil.copy(new, other)
    document = tlsmap.document(receive={"rules": [SHOP], "certificate": {"chain_files": [str(other)]}})
    reloaded, go, waits = (world.directory / name for name in ("reloaded", "go", "waits"))
    folder = program(world, "postfix", f"cp {world.certificates['gateway'].pem} {other}; touch {reloaded}")
    program(world, "posttls-finger", f"[ ! -e {reloaded} ] || touch {waits}; "
            f"while [ -e {waits} ] && [ ! -e {go} ]; do sleep 0.05; done")
    tlsmap.settings.write_text(json.dumps(document))
    before = files(world)
    with tap.case("what-failed-its-proof-is-taken-back"):
        with world.gateway.settling(), subprocess.Popen(
                [tlsmap.program, "-c", world.gateway.config_dir, "apply"], stderr=subprocess.PIPE, text=True,
                env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}) as run:
            until(waits.exists, "proof after the reload")
            with world.session() as session:
                session.ehlo("client.example")
                assert session.cmd("MAIL FROM:<x@shop.example>").code == 250
                go.touch()
                errors = run.communicate()[1]
                assert run.returncode == 78 and "[proof-failed]" in errors, errors
                # The first that this smtpd(8) asks.
                late = session.cmd("RCPT TO:<user@gw.example>").code
        assert files(world) == before
    with tap.case("a-session-of-meanwhile-is-judged-by-what-was-in-force-then"):
        assert late == 550, late
        assert world.send(mail_from="x@shop.example").accepted
        assert world.send(mail_from="x@bank.example").code == 550
        assert [item["generation"] for item in ask(tlsmap, 0, "history")["history"] if item["in_force"]] == [2]
    for name in ("postfix", "posttls-finger"):
        (folder / name).unlink()


def killed(world: World, tap: Tap, tlsmap: Tlsmap, new: Path) -> None:
    other, reloaded = world.directory / "killed.chain", world.directory / "reloaded-once"
    shutil.copy(new, other)
    folder = program(world, "postfix", f"cp {world.certificates['gateway'].pem} {other}\n"
                     f"[ ! -e {reloaded} ] || {{ kill -KILL $PPID; exit; }}; touch {reloaded}")
    document = tlsmap.document(receive={"rules": [SHOP], "certificate": {"chain_files": [str(other)]}})
    with tap.case("a-run-that-is-killed-on-the-way-back-leaves-what-was-before"):
        before, count = files(world), len(ask(tlsmap, 0, "history")["history"])
        with world.gateway.settling():
            run = tlsmap.run("apply", document=document, first=folder)
            assert run.returncode == -signal.SIGKILL, run
        assert files(world) == before
        assert [item["generation"] for item in ask(tlsmap, 0, "history")["history"] if item["in_force"]] == [2]
    with tap.case("the-next-run-finds-its-way"):
        document["receive"] = tlsmap.document()["receive"] | {
            "rules": [BANK], "certificate": {"chain_files": [str(new)]}}
        with world.gateway.settling():
            found = ask(tlsmap, 0, "apply", document=document)
        assert (found["generation"], found["findings"]) == (2, []), found
        assert world.send(mail_from="x@shop.example").accepted
        assert len(ask(tlsmap, 0, "history")["history"]) == count
        assert {path.name for path in (world.gateway.config_dir / "tlsgate").iterdir()} == {"gen", "lock"}
    (folder / "postfix").unlink()


def edited(world: World, tap: Tap, tlsmap: Tlsmap, new: Path) -> None:
    """Somebody else writes main.cf between commit and proof: their edit is not lost for the way back."""
    other, reloaded = world.directory / "edited.chain", world.directory / "reloaded-now"
    shutil.copy(new, other)
    folder = program(world, "postfix", f"cp {world.certificates['gateway'].pem} {other}; touch {reloaded}")
    program(world, "posttls-finger",
            f"[ ! -e {reloaded} ] || postconf -c {world.gateway.config_dir} -e delay_warning_time=4h")
    document = tlsmap.document(receive={"rules": [BANK], "certificate": {"chain_files": [str(other)]}})
    with tap.case("over-the-edit-of-another-nothing-is-taken-back"):
        with world.gateway.settling():
            found = ask(tlsmap, 73, "apply", document=document, first=folder)
        assert [name for name, _ in ids(found)] == ["main-cf-changed", "not-undone", "proof-failed"], found
        assert world.gateway.postconf("-h", "delay_warning_time") == "4h"
        assert {path.name for path in (world.gateway.config_dir / "tlsgate").iterdir()} == {"gen", "lock"}
    for name in ("postfix", "posttls-finger"):
        (folder / name).unlink()
    with tap.case("what-could-not-be-taken-back-is-in-force"):
        assert world.send(mail_from="x@bank.example").code == 550
        shutil.copy(new, other)
        world.gateway.reload()
        assert ask(tlsmap, 0, "status")["generation"] == found["generation"]


def back_to_0(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    gateway = world.certificates["gateway"]
    whole = gateway.chain.read_bytes()
    folder = program(world, "postfix", f"cp {gateway.pem} {gateway.chain}")
    with tap.case("a-rollback-that-fails-its-proof-is-undone"):
        before, number = files(world), ask(tlsmap, 0, "status")["generation"]
        with world.gateway.settling():
            found = ask(tlsmap, 78, "rollback", "0", first=folder)
        assert ids(found) == [("proof-failed", "smtp/inet")], found
        assert files(world) == before
        assert world.send(mail_from="x@bank.example").code == 550
        assert ask(tlsmap, 0, "status")["generation"] == number
    gateway.chain.write_bytes(whole)
    (folder / "postfix").unlink()
    with tap.case("a-proof-that-holds-lets-it-go"):
        with world.gateway.settling():
            run = tlsmap.run("rollback", "0")
        assert run.returncode == 0 and not run.stderr, run
        assert world.send(mail_from="x@bank.example").accepted


def certificates(world: World, tap: Tap, tlsmap: Tlsmap, new: Path) -> None:
    document = tlsmap.document(receive={"certificate": {"chain_files": [str(new)]}})
    tlsmap.apply(document, "--adopt")
    ask(tlsmap, 0, "status")
    whole = new.read_bytes()
    with tap.case("status-sees-a-renewed-certificate-that-is-not-served"):
        new.write_bytes(world.certificates["gateway"].chain.read_bytes())
        assert ids(ask(tlsmap, 1, "status")) == [("certificate-not-served", "smtp/inet")]
        world.gateway.reload()
        ask(tlsmap, 0, "status")
        new.write_bytes(whole)
        world.gateway.reload()
    with tap.case("status-says-which-certificates-end"):
        soon = world.certificates.issue("soon", "/CN=gw.example", "DNS:gw.example", days=13)
        later = world.certificates.issue("later", "/CN=gw.example", "DNS:gw.example", days=15)
        chain = world.directory / "soon.chain"
        chain.write_text(later.chain.read_text() + soon.pem.read_text())
        bundle = world.directory / "bundle.pem"
        bundle.write_text(world.certificates["client-expired"].pem.read_text() + later.pem.read_text())
        tlsmap.apply(tlsmap.document(receive={"trusted_ca_file": str(bundle), "certificate": {
            "chain_files": [str(chain)]}}, send={"certificate": {
                "chain_files": [str(world.certificates["client-expired"].chain)]}}))
        found = ask(tlsmap, 1, "status")
        assert ids(found) == [("certificate-expired", "send.certificate.chain_files"),
                              ("certificate-expires", "receive.certificate.chain_files")], found
        assert "EXPIRED at 2021-01-01" in str(found), found


def without(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    calls = world.directory / "calls"
    def document(level: str) -> dict[str, Any]:
        return tlsmap.document(send={"security_level": level})

    with tap.case("a-listener-that-fails-once-is-tried-again"):
        # At each of its three addresses.
        folder = program(world, "posttls-finger", f"date +%s >> {calls}\n"
                         f"case $(wc -l < {calls}) in 2|3|4) exit 0;; esac")
        assert ask(tlsmap, 0, "apply", document=document("may"), first=folder)["findings"] == []
        assert len(calls.read_text().splitlines()) == 5
    with tap.case("a-reload-is-proved-before-and-after-and-then-the-time-to-confirm-begins"):
        calls.unlink()
        program(world, "posttls-finger", f"date +%s >> {calls}")
        found = ask(tlsmap, 0, "apply", "--confirm", "600", document=document("encrypt"), first=folder)
        assert len(calls.read_text().splitlines()) == 2
        end = datetime.datetime.fromisoformat(found["confirm_until"]).timestamp()
        assert end >= int(calls.read_text().splitlines()[-1]) + 600
        assert tlsmap.run("apply", "--confirmed").returncode == 0
    with tap.case("without-a-reload-nothing-is-proved"):
        calls.unlink()
        ask(tlsmap, 0, "apply", "--no-reload", document=document("none"), first=folder)
        assert not calls.exists()
    with tap.case("a-stopped-postfix-is-not-tried"):
        world.gateway.stop()
        ask(tlsmap, 0, "apply", document=document("may"), first=folder)
        ask(tlsmap, 0, "status", first=folder)
        assert not calls.exists()
        world.gateway.start(quick=True)
    with tap.case("without-posttls-finger-apply-says-that-nothing-is-proved"):
        nothing = world.directory / "nothing"
        nothing.touch(0o644)
        tool = shutil.which("posttls-finger")
        subprocess.run(["mount", "--bind", nothing, tool], check=True)
        found = ask(tlsmap, 0, "apply", document=document("none"))
        subprocess.run(["umount", tool], check=True)
        assert ids(found) == [("not-proved", "smtp/inet")], found


def one_address(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-postfix-that-listens-on-one-address-only"):
        world.gateway.stop()
        world.gateway = world.second_gateway()
        with world.gateway.settling():
            assert ask(tlsmap, 0, "apply", document=tlsmap.document())["findings"] == []
        assert proved(tlsmap) == {"smtp/inet": ("good", "[192.0.2.2]:smtp")}
    with tap.case("a-postfix-that-listens-everywhere"):
        world.replace_gateway("debian")
        world.gateway.postconf("-Me", "2529/inet=2529 inet n - y - - smtpd -o smtpd_delay_reject=no"
                               " -o smtpd_client_restrictions=check_client_access,inline:{127.0.0.1=reject}")
        world.gateway.reload()
        with world.gateway.settling():
            assert ask(tlsmap, 0, "apply", document={})["findings"] == []
        found = proved(tlsmap)
        # At loopback the second refuses; at the first address of another interface it does not.
        assert found == {"smtp/inet": ("good", "[127.0.0.1]:smtp"),
                         "2529/inet": ("good", "[198.51.100.1]:2529")}, found


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    listeners(world, tap, tlsmap)
    world.replace_gateway("minimal", smtpd_tls_security_level="may")
    new = world.directory / "new.chain"
    shutil.copy(world.certificates.issue("new", "/CN=gw.example", "DNS:gw.example").chain, new)
    from_first_on(world, tap, tlsmap, new)
    meanwhile(world, tap, tlsmap, new)
    killed(world, tap, tlsmap, new)
    edited(world, tap, tlsmap, new)
    back_to_0(world, tap, tlsmap)
    certificates(world, tap, tlsmap, new)
    without(world, tap, tlsmap)
    one_address(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main)
