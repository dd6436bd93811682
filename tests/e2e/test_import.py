#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import on a stock Debian Postfix and on a hardened one: applied, mail goes as it did before."""

from typing import Any

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

# What the hardened gateway sends: to whom, and how it ends.
PARTNERS = {"plain.test": "deferred", "self-signed.test": "sent", "wrong.test": "deferred", "right.test": "sent"}


def imported(tlsmap: Tlsmap) -> str:
    run = tlsmap.run("import")
    assert run.returncode == 0, run
    return run.stdout


def received(world: World) -> list[Any]:
    """How mail in clear and by TLS fares: accepted and there, or the reply."""
    found = []
    for tls in (None, "starttls"):
        sent = world.send(rcpts="user@gw.example", tls=tls)
        found.append(bool(world.arrived(sent)) if sent.accepted else (sent.stage, sent.code))
    return found


def sent_to(world: World, partner: str) -> str:
    return world.outcome(world.relay(f"user@{partner}", tls="starttls")).status


def stock_debian(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-stock-debian-postfix-is-said-and-stays-as-it-is"):
        before = received(world), sent_to(world, "plain.test")
        assert before == ([True, True], "sent"), before
        document = imported(tlsmap)
        with world.gateway.settling():
            run = tlsmap.run("apply", document=document)
            assert run.returncode == 0, run
        assert (received(world), sent_to(world, "plain.test")) == before
        assert imported(tlsmap) == document


def hardened(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    table = world.gateway.config_dir / "tls_policy"
    table.write_text("self-signed.test encrypt\nright.test secure match=mx.right.test\n"
                     "wrong.test secure match=mx.wrong.test\n")
    world.gateway.set(smtpd_tls_security_level="encrypt", smtp_tls_security_level="encrypt",
                      smtp_tls_mandatory_protocols="!SSLv2, !SSLv3, !TLSv1, !TLSv1.1",
                      smtp_tls_CAfile=str(world.certificates.directory / "ca.pem"),
                      smtp_tls_policy_maps=f"texthash:{table}")
    world.gateway.reload()
    before = received(world), {partner: sent_to(world, partner) for partner in PARTNERS}
    with tap.case("the-hardened-postfix-is-one"):
        assert before == ([("mail", 530), True], PARTNERS), before
    with tap.case("its-table-is-taken-over-only-with-adopt"):
        run = tlsmap.run("apply", document=imported(tlsmap))
        assert run.returncode == 78 and "smtp_tls_policy_maps" in run.stderr, run
        with world.gateway.settling():
            run = tlsmap.run("apply", "--adopt")
            assert run.returncode == 0 and "[weaker]" not in run.stdout, run
        assert "/tlsgate/gen/" in world.gateway.postconf("-h", "smtp_tls_policy_maps")
    with tap.case("mail-goes-as-before"):
        after = received(world), {partner: sent_to(world, partner) for partner in PARTNERS}
        assert after == before, after
    with tap.case("audit-finds-nothing-off"):
        run = tlsmap.run("audit")
        assert run.returncode == 0, run


def main(world: World, tap: Tap) -> None:
    stock_debian(world, tap, Tlsmap(world))
    world.replace_gateway("minimal")
    hardened(world, tap, Tlsmap(world))


if __name__ == "__main__":
    World.run(main, gateway="debian")
