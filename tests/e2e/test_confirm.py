#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""apply --confirm and --expect-plan: what nobody confirms is undone, and what nobody has seen is not applied."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

from lib.tlsmap import Tlsmap
from lib.wait import until
from lib.world import Tap, World

BANK = {"name": "bank", "sender_domains": ["bank.example"]}
LONG, SHORT = "600", "4"


def is_ruled(world: World) -> bool:
    return world.send(mail_from="x@bank.example").code == 550


def in_force(tlsmap: Tlsmap) -> int:
    run = tlsmap.run("--json", "status")
    return json.loads(run.stdout).get("generation", 0)


def waiters(world: World, number: int) -> list[int]:
    """The processes that wait to undo this generation of the gateway, in sessions of their own.

    A child of theirs has the same arguments until it executes postconf."""
    wanted = ["-c", str(world.gateway.config_dir), "rollback", "--unconfirmed", str(number)]
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")
            if process_arguments(path)[1:] == wanted and leads_a_session(int(path.name))]


def leads_a_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def process_arguments(path: Path) -> list[str]:
    try:
        return (path / "cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def open_files(pid: int) -> list[str]:
    """Of a process that may open and close others meanwhile."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return found


def nobody_confirms(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    before = (world.gateway.config_dir / "main.cf").read_bytes()
    with tap.case("what-nobody-confirms-is-undone"):
        out = tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}), "--confirm", SHORT)
        assert f"undone in {SHORT} s unless" in out, out
        with world.gateway.settling():
            until(lambda: (world.gateway.config_dir / "main.cf").read_bytes() == before, "the undoing")
            until(lambda: not waiters(world, 1), "the end of the process that waited")
        assert not is_ruled(world)
        world.wait_syslog("nobody confirmed generation 1: it is undone")
    with tap.case("a-waiting-process-has-left-the-terminal-and-the-lock"):
        tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}), "--confirm", LONG)
        waiter, = waiters(world, 3)
        assert {os.readlink(f"/proc/{waiter}/fd/{n}") for n in range(3)} == {"/dev/null"}
        assert "tlsgate/lock" not in str(open_files(waiter))


def while_it_waits(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("another-document-is-refused"):
        run = tlsmap.run("apply", document=tlsmap.document(receive={"rules": []}))
        assert run.returncode == 78 and "[unconfirmed]" in run.stderr, run
        assert tlsmap.run("plan").returncode == 78
        assert is_ruled(world)
    with tap.case("status-says-that-it-waits"):
        run = tlsmap.run("status")
        assert run.returncode == 1 and "waits to be confirmed until" in run.stderr, run
    with tap.case("confirmed-it-stays"):
        waiter, = waiters(world, 3)
        run = tlsmap.run("apply", "--confirmed")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), run
        os.kill(waiter, signal.SIGKILL)
        run = tlsmap.run("rollback", "--unconfirmed", "3")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), run
        assert is_ruled(world)
    with tap.case("there-is-nothing-to-confirm-twice"):
        run = tlsmap.run("apply", "--confirmed")
        assert run.returncode == 78 and "nothing waits" in run.stderr, run


def the_waiting_process_dies(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    shop = tlsmap.document(receive={"rules": [BANK | {"sender_domains": ["shop.example"]}]})

    def leave_overdue() -> None:
        tlsmap.apply(shop, "--confirm", SHORT)
        number = in_force(tlsmap)
        for waiter in waiters(world, number):
            os.kill(waiter, signal.SIGKILL)
        until(lambda: "nobody confirmed it until" in tlsmap.run("status").stderr, "its time to be over")
        assert in_force(tlsmap) == number

    with tap.case("the-next-apply-undoes-what-is-overdue"):
        leave_overdue()
        with world.gateway.settling():
            run = tlsmap.run("apply", document=shop)
        assert run.returncode == 78 and "[unconfirmed]" in run.stderr, run
        assert is_ruled(world)
    with tap.case("too-late-to-confirm"):
        leave_overdue()
        with world.gateway.settling():
            run = tlsmap.run("apply", "--confirmed")
        assert run.returncode == 78 and "[unconfirmed]" in run.stderr, run
        assert is_ruled(world)
        assert tlsmap.run("--json", "apply", "--confirmed").returncode == 78
    with tap.case("rollback-undoes-what-waits"):
        tlsmap.apply(shop, "--confirm", LONG)
        number = in_force(tlsmap)
        waiter, = waiters(world, number)
        with world.gateway.settling():
            assert tlsmap.run("rollback").returncode == 0
        assert is_ruled(world)
        os.kill(waiter, signal.SIGKILL)


def what_is_expected(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    document = tlsmap.document(receive={"rules": [BANK]}, send={"security_level": "encrypt"})

    def digest() -> str:
        run = tlsmap.run("--json", "plan", document=document)
        assert run.returncode == 1, run
        return json.loads(run.stdout)["digest"]

    def is_refused(expected: str) -> None:
        run = tlsmap.run("apply", "--expect-plan", expected)
        assert run.returncode == 78 and "[plan-changed]" in run.stderr, run
        assert world.gateway.get("smtp_tls_security_level") == "may"

    with tap.case("a-plan-of-another-digest-is-refused"):
        is_refused("0" * 64)
    with tap.case("a-plan-from-another-value-is-refused"):
        expected = digest()
        world.gateway.set(smtp_tls_security_level="none")
        run = tlsmap.run("apply", "--adopt", "--expect-plan", expected)
        assert run.returncode == 78 and "[plan-changed]" in run.stderr, run
        assert world.gateway.get("smtp_tls_security_level") == "none"
        world.gateway.set(smtp_tls_security_level="may")
    with tap.case("a-plan-of-another-document-is-refused"):
        expected = digest()
        tlsmap.settings.write_text(tlsmap.settings.read_text() + "\n")
        is_refused(expected)
    with tap.case("the-plan-that-was-seen-comes"):
        expected = digest()
        world.gateway.set(myhostname="another.example")  # nobody's business
        tlsmap.apply(document, "--expect-plan", expected)
        assert world.gateway.get("smtp_tls_security_level") == "encrypt"


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    nobody_confirms(world, tap, tlsmap)
    while_it_waits(world, tap, tlsmap)
    the_waiting_process_dies(world, tap, tlsmap)
    what_is_expected(world, tap, tlsmap)


World.run(main)
