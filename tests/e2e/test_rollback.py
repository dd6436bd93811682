#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rollback and history: what was in force comes back, and back to 0 leaves a Postfix as it was found."""

import json

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

BANK = {"name": "bank", "sender_domains": ["bank.example"]}
SHOP = {"name": "shop", "sender_domains": ["shop.example"]}


def configuration(world: World) -> tuple[str, str]:
    """What postconf says of main.cf and master.cf."""
    return world.gateway.postconf("-n"), world.gateway.postconf("-M") + world.gateway.postconf("-P")


def code(world: World, domain: str) -> int:
    return world.send(mail_from=f"x@{domain}").code


def rollback(world: World, tlsmap: Tlsmap, *arguments: str) -> str:
    with world.gateway.settling():
        run = tlsmap.run("rollback", *arguments)
        assert run.returncode == 0, run
    return run.stdout


def history(tlsmap: Tlsmap) -> list[dict[str, object]]:
    run = tlsmap.run("--json", "history")
    assert run.returncode == 0, run
    return json.loads(run.stdout)["history"]


def nothing_to_go_back_to(tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("before-the-first-apply-there-is-no-history"):
        assert history(tlsmap) == []
        run = tlsmap.run("rollback")
        assert run.returncode == 64 and "never in force" in run.stderr, run


def there_and_back(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}))
    tlsmap.apply(tlsmap.document(receive={"rules": [SHOP]}, send={"security_level": "encrypt"}))
    with tap.case("without-a-number-back-to-the-one-before"):
        out = rollback(world, tlsmap)
        assert "generation 3 is in force" in out and "[weaker]" in out and "[stricter]" in out, out
        assert (code(world, "bank.example"), code(world, "shop.example")) == (550, 250)
        assert world.gateway.postconf("-h", "smtp_tls_security_level") == "may"
    with tap.case("to-a-generation-that-is-named"):
        rollback(world, tlsmap, "2")
        assert (code(world, "bank.example"), code(world, "shop.example")) == (250, 550)
        assert world.gateway.postconf("-h", "smtp_tls_security_level") == "encrypt"
    with tap.case("to-what-is-in-force-changes-nothing"):
        run = tlsmap.run("rollback", "2")
        assert (run.returncode, run.stdout) == (0, ""), run
    with tap.case("history-tells-it"):
        found = history(tlsmap)
        assert [item["generation"] for item in found] == [0, 1, 2, 3, 4], found
        assert [item.get("rollback_of") for item in found] == [None, None, None, 1, 2], found
        assert [item["generation"] for item in found if item["in_force"]] == [4], found
        assert "again what 2 was" in tlsmap.run("history").stdout
    with tap.case("a-session-that-began-before-is-judged-by-the-generation-before"):
        with world.session() as session:
            session.ehlo("client.example")
            rollback(world, tlsmap, "1")
            for sender, wanted in (("x@shop.example", 550), ("x@bank.example", 250)):
                assert session.cmd(f"MAIL FROM:<{sender}>").code == 250
                assert session.cmd("RCPT TO:<user@gw.example>").code == wanted
                session.cmd("RSET")


def refusals(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    before = configuration(world)
    for name, arguments, status, words in (("a-generation-that-is-not-there", ("77",), 64, "no generation 77"),
                                           ("two-numbers", ("1", "2"), 64, "unexpected argument")):
        with tap.case(f"refused/{name}"):
            run = tlsmap.run("rollback", *arguments)
            assert run.returncode == status and words in run.stderr, run
            assert configuration(world) == before
    with tap.case("refused/a-value-that-somebody-edited"):
        world.gateway.set(smtp_tls_security_level="none")
        edited = configuration(world)
        run = tlsmap.run("rollback", "2")
        assert run.returncode == 78 and "[drift]" in run.stderr, run
        assert configuration(world) == edited
        rollback(world, tlsmap, "--adopt", "2")
        assert world.gateway.postconf("-h", "smtp_tls_security_level") == "encrypt"
    with tap.case("refused/a-document-that-is-damaged"):
        document = world.gateway.config_dir / "tlsgate/gen/1/settings.json"
        whole = document.read_bytes()
        document.write_bytes(whole[:-5])
        run = tlsmap.run("rollback", "1")
        assert run.returncode == 65 and "[truncated]" in run.stderr, run
        document.write_bytes(whole)


def report_only_comes_back_as_such(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-generation-that-only-reports-comes-back-as-one"):
        tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}), "--report-only")
        tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}))
        assert code(world, "bank.example") == 550
        assert "they report" in rollback(world, tlsmap)
        assert code(world, "bank.example") == 250


def out_of_it(world: World, tap: Tap, tlsmap: Tlsmap, found: tuple[str, str]) -> None:
    with tap.case("back-to-0-leaves-postfix-as-it-was-found"):
        out = rollback(world, tlsmap, "0")
        assert "tlsgate is out of this Postfix" in out, out
        assert configuration(world) == found
        assert code(world, "bank.example") == 250
    with tap.case("out-is-no-drift"):
        run = tlsmap.run("status")
        assert run.returncode == 0 and "not in force" in run.stdout, run
        run = tlsmap.run("rollback", "0")
        assert (run.returncode, run.stdout) == (0, ""), run
        assert "tlsgate taken out" in tlsmap.run("history").stdout
    with tap.case("what-changed-while-it-was-out-is-what-0-is-then"):
        world.gateway.set(smtp_tls_security_level="dane")
        changed = configuration(world)
        tlsmap.apply(tlsmap.document(receive={"rules": [BANK]}), "--adopt")
        assert code(world, "bank.example") == 550
        rollback(world, tlsmap, "0")
        assert configuration(world) == changed
    with tap.case("back-from-out-to-what-was-in-force"):
        rollback(world, tlsmap, "--adopt")
        assert code(world, "bank.example") == 550


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    found = configuration(world)
    nothing_to_go_back_to(tap, tlsmap)
    there_and_back(world, tap, tlsmap)
    refusals(world, tap, tlsmap)
    report_only_comes_back_as_such(world, tap, tlsmap)
    out_of_it(world, tap, tlsmap, found)


if __name__ == "__main__":
    World.run(main)
