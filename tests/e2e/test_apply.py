#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""apply on a stock Debian Postfix and on a grown site: what is written, kept, and refused."""

import os
import re
import stat
from pathlib import Path

from lib.tlsmap import Tlsmap
from lib.world import Tap, World

RULE = {"name": "bank", "sender_domains": ["bank.example"]}
OWNED = re.compile(r"(smtpd?_tls_|smtp_dns_support|tls_required|tlsgate_|smtpd_(recipient|data)_restrictions)")


def files(world: World) -> dict[str, bytes]:
    """Everything in the configuration directory but the document and what tlsmap keeps."""
    base = world.gateway.config_dir
    return {str(path.relative_to(base)): path.read_bytes() for path in sorted(base.rglob("*"))
            if path.is_file() and path.name != "tls-settings.json"
            and path.relative_to(base).parts[0] != "tlsgate"}


def foreign_lines(text: bytes) -> list[bytes]:
    """The lines that are not of parameters of ours; continuation lines belong to theirs."""
    kept, ours = [], False
    for line in text.splitlines(keepends=True):
        if not line.startswith((b" ", b"\t")) and line.strip():
            ours = OWNED.match(line.decode()) is not None
        if not ours:
            kept.append(line)
    return kept


def reloads(world: World) -> int:
    return world.gateway.log().count("reload -- version")


def stock_debian(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    before = files(world)
    with tap.case("defaults-on-a-stock-debian-postfix"):
        tlsmap.apply({})
        values = world.gateway.postconf("-n")
        for line in ("smtpd_tls_security_level = may", "smtpd_tls_ask_ccert = no",
                     "smtpd_tls_req_ccert = no", "smtp_tls_security_level = may"):
            assert line in values.splitlines(), values
    with tap.case("all-other-lines-are-kept-byte-for-byte"):
        after = files(world)
        assert foreign_lines(after["main.cf"]) == foreign_lines(before["main.cf"])
        assert {name: text for name, text in after.items() if name != "main.cf"} == \
            {name: text for name, text in before.items() if name != "main.cf"}
    with tap.case("plan-afterwards-says-nothing"):
        run = tlsmap.run("plan")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), run
    with tap.case("a-second-apply-writes-and-reloads-nothing"):
        before, count = everything(world), reloads(world)
        run = tlsmap.run("apply")
        assert (run.returncode, run.stdout, run.stderr) == (0, "", ""), run
        assert everything(world) == before and reloads(world) == count
    with tap.case("mail-passes-as-the-defaults-say"):
        for tls in (None, "starttls"):
            sent = world.send(rcpts="user@gw.example", tls=tls)
            assert sent.accepted and world.arrived(sent), sent


def everything(world: World) -> dict[str, tuple[bytes, int]]:
    base = world.gateway.config_dir
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in base.rglob("*") if path.is_file()}


def chrooted_rules(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-rule-holds-in-debian-s-chroot"):
        tlsmap.apply({"receive": {"rules": [RULE]}, "postfix": {"policyd_path": str(tlsmap.policyd)}})
        sent = world.send(mail_from="x@bank.example", rcpts="user@gw.example")
        assert (sent.code, sent.enhanced) == (550, "5.7.10"), sent
        sent = world.send(mail_from="x@bank.example", rcpts="user@gw.example", tls="starttls")
        assert sent.accepted, sent
    with tap.case("a-row-holds-in-debian-s-chroot"):
        tlsmap.apply({"send": {"domains": [{"destination": "plain.test", "security_level": "encrypt"}]}})
        outcome = world.outcome(world.relay("user@plain.test"))
        assert (outcome.status, outcome.dsn) == ("deferred", "4.7.4"), outcome


def refused(tap: Tap, world: World, tlsmap: Tlsmap, name: str, document: object, identifier: str,
            status: int = 78, command: str = "apply") -> None:
    """A refusal says why, and nothing is different afterwards."""
    with tap.case(name):
        before, count = files(world), reloads(world)
        run = tlsmap.run(command, document=document)
        assert run.returncode == status, run
        assert f"[{identifier}]" in run.stderr, run.stderr
        assert files(world) == before and reloads(world) == count


def foreign(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    world.gateway.set(smtp_tls_security_level="dane", smtp_dns_support_level="dnssec",
                      smtp_tls_policy_maps="inline:{bank.example=secure}")
    row = [{"destination": "right.test", "security_level": "encrypt"}]
    for command in ("plan", "apply"):
        refused(tap, world, tlsmap, f"{command}-over-a-foreign-level-and-policy-maps-is-refused",
                tlsmap.document(send={"domains": row}), "foreign-value", command=command)
    with tap.case("the-refusal-shows-both-values-and-both-parameters"):
        errors = tlsmap.run("plan").stderr
        for text in ('found "dane", the document wants "may"', "inline:{bank.example=secure}"):
            assert text in errors, errors
    with tap.case("adopt-takes-foreign-values-over"):
        tlsmap.apply(tlsmap.document(send={"domains": row}), "--adopt")
        assert world.gateway.postconf("-h", "smtp_tls_security_level") == "may"
    world.gateway.set(smtp_tls_security_level="encrypt")
    refused(tap, world, tlsmap, "a-value-edited-behind-our-back-is-not-overwritten",
            tlsmap.document(send={"domains": row}), "drift")
    world.gateway.set(smtp_tls_security_level="may")
    with tap.case("a-parameter-no-longer-named-gets-its-old-value-back"):
        tlsmap.apply(tlsmap.document())
        assert world.gateway.postconf("-h", "smtp_tls_policy_maps") == "inline:{bank.example=secure}"


def wrong_documents(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    for name, document, identifier in (
            ("syntax", '{ "send": { "security_level": "may", } }', "trailing-comma"),
            ("unknown-key", '{ "recieve": {} }', "unknown-key"),
            ("duplicate-key", '{ "send": {}, "send": {} }', "duplicate-key"),
            ("wrong-word", '{ "send": { "security_level": "tls" } }', "unknown-word"),
            ("require-without-encrypt", '{ "receive": { "client_certificate": "require" } }',
             "require-without-encrypt"),
            ("certificate-at-none",
             '{ "receive": { "security_level": "none", "client_certificate": "request" } }',
             "certificate-at-none")):
        refused(tap, world, tlsmap, f"a-wrong-document-is-refused-{name}", document, identifier, 65)
        with tap.case(f"a-wrong-document-is-placed-{name}"):
            place = re.search(r"(?m)^\S+tls-settings.json:\d+:\d+: /\S*: error: ", tlsmap.run("check").stderr)
            assert place, tlsmap.run("check").stderr


def obstacles(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    ruled = tlsmap.document(receive={"rules": [RULE]})
    refused(tap, world, tlsmap, "unknown-policyd-user", ruled | {
        "postfix": ruled["postfix"] | {"policyd_user": "nobody-here"}}, "policyd-cannot-run")
    refused(tap, world, tlsmap, "missing-policyd", ruled | {
        "postfix": {"policyd_path": "/nonexistent/policyd"}}, "policyd-cannot-run")
    refused(tap, world, tlsmap, "missing-ca-file", tlsmap.document(
        receive={"trusted_ca_file": "/nonexistent/ca.pem"}), "unreadable-file")
    refused(tap, world, tlsmap, "table-type-that-this-postfix-lacks", tlsmap.document(
        send={"domains": [{"destination": "a.test", "security_level": "may"}]},
        postfix={"table_type": "btree"}) if "btree" not in world.gateway.postconf("-m").split() else
        tlsmap.document(receive={"trusted_ca_file": "/nonexistent"}),
        "no-table-type" if "btree" not in world.gateway.postconf("-m").split() else "unreadable-file")
    with tap.case("a-refused-apply-is-not-taken-for-one-that-was-in-force"):
        # Refused after its generation was built: the plan is what it was before.
        run = tlsmap.run("plan", document=ruled)
        assert run.returncode == 1 and "drift" not in run.stderr, run
        assert "policyd_user" not in run.stdout and "rule bank: (not set)" in run.stdout, run.stdout
    world.gateway.set(smtpd_enforce_tls="yes", smtpd_tls_security_level=None)
    refused(tap, world, tlsmap, "an-obsolete-parameter-is-not-put-out-of-force", ruled, "foreign-value")
    world.gateway.set(smtpd_enforce_tls=None, smtpd_tls_security_level="may")
    world.gateway.postconf("-Pe", "smtp/unix/smtp_tls_policy_maps=")
    refused(tap, world, tlsmap, "a-service-that-hides-the-rows", tlsmap.document(
        send={"domains": [{"destination": "a.test", "security_level": "encrypt"}]}), "hidden-service")
    world.gateway.postconf("-PX", "smtp/unix/smtp_tls_policy_maps")
    world.gateway.postconf("-Pe", "smtp/inet/smtpd_recipient_restrictions=permit_mynetworks,reject")
    refused(tap, world, tlsmap, "a-service-that-hides-the-rules", ruled, "hidden-service")
    with tap.case("the-line-that-cures-a-hidden-service-is-printed"):
        cure = re.search(r"write -o (\S+)", tlsmap.run("plan").stderr)
        assert cure, tlsmap.run("plan").stderr
        world.gateway.postconf("-Pe", f"smtp/inet/{cure[1]}")
        assert tlsmap.run("plan").returncode == 1
    world.gateway.postconf("-PX", "smtp/inet/smtpd_recipient_restrictions")


def kept(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """main.cf as the administrator has it: a link, a mode, lists over several lines, comments."""
    main_cf = world.gateway.config_dir / "main.cf"
    elsewhere = world.gateway.config_dir / "real-main.cf"
    main_cf.rename(elsewhere)
    main_cf.symlink_to(elsewhere.name)
    with open(elsewhere, "a", encoding="ascii") as file:
        file.write("# a comment\nsmtpd_recipient_restrictions =\n    permit_mynetworks,\n"
                   "    reject_unauth_destination\n# another\nsmtpd_data_restrictions ="
                   " reject_unauth_pipelining\n")
    elsewhere.chmod(0o640)
    before = foreign_lines(main_cf.read_bytes())
    with tap.case("link-mode-lists-and-comments-are-kept"):
        tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
        assert main_cf.is_symlink()
        assert stat.S_IMODE(os.stat(elsewhere).st_mode) == 0o640
        assert foreign_lines(main_cf.read_bytes()) == before
        assert world.gateway.postconf("-h", "smtpd_recipient_restrictions") == \
            "$tlsgate_policy, permit_mynetworks, reject_unauth_destination"
        assert world.gateway.postconf("-h", "smtpd_data_restrictions") == \
            "$tlsgate_policy, reject_unauth_pipelining"
    with tap.case("without-rules-the-lists-are-as-before"):
        tlsmap.apply(tlsmap.document())
        assert world.gateway.postconf("-h", "smtpd_recipient_restrictions") == \
            "permit_mynetworks, reject_unauth_destination"
        assert world.gateway.postconf("-h", "smtpd_data_restrictions") == "reject_unauth_pipelining"
    with tap.case("nothing-is-left-beside-main-cf"):
        left = {path.name for path in world.gateway.config_dir.iterdir()}
        assert not left & {"main.cf.tmp", "master.cf.tmp", "main.cf.tlsgate", "real-main.cf.tlsgate"}, left
        assert {path.name for path in (world.gateway.config_dir / "tlsgate").iterdir()} == {"gen", "lock"}


def stopped(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    world.gateway.stop()
    with tap.case("on-a-stopped-postfix-it-takes-effect-at-the-next-start"):
        run = tlsmap.run("apply", document=tlsmap.document(receive={"rules": [RULE]}))
        assert run.returncode == 0 and "from the next start" in run.stdout, run
        world.gateway.start(quick=True)
        sent = world.send(mail_from="x@bank.example")
        assert (sent.code, sent.enhanced) == (550, "5.7.10"), sent


def old_sessions(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """A session is judged wholly by the generation under which its smtpd(8) began."""
    with tap.case("a-session-that-began-before-is-judged-by-the-old-rules"):
        with world.session() as session:
            session.ehlo("client.example")
            tlsmap.apply(tlsmap.document(receive={"rules": [
                {"name": "other", "sender_domains": ["shop.example"]}]}))
            for sender, code in (("x@bank.example", 550), ("x@shop.example", 250)):
                assert session.cmd(f"MAIL FROM:<{sender}>").code == 250
                assert session.cmd("RCPT TO:<user@gw.example>").code == code
                session.cmd("RSET")
        assert world.send(mail_from="x@shop.example").code == 550
        assert world.send(mail_from="x@bank.example").accepted


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    stock_debian(world, tap, tlsmap)
    chrooted_rules(world, tap, tlsmap)
    world.replace_gateway("minimal")
    foreign(world, tap, tlsmap)
    wrong_documents(world, tap, tlsmap)
    obstacles(world, tap, tlsmap)
    kept(world, tap, tlsmap)
    stopped(world, tap, tlsmap)
    old_sessions(world, tap, tlsmap)
    assert Path("/").is_dir()


if __name__ == "__main__":
    World.run(main, gateway="debian")
