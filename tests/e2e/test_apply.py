#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""apply on a stock Debian Postfix and on a grown site: what is written, kept, and refused."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import re
import select
import shutil
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lib.tlsmap import Tlsmap
from lib.wait import PATIENCE, until
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
        assert "CRITICAL" not in run.stderr, run.stderr
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


def chain_comes_and_goes(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Emptied parameters that were never set are as written; what was there before comes back."""
    world.replace_gateway("minimal", smtpd_tls_chain_files=None,
                          smtpd_tls_cert_file=str(world.certificates["gateway"].pem),
                          smtpd_tls_key_file=str(world.certificates["gateway"].key))
    with tap.case("the-newest-generation-is-the-one-in-force"):
        tlsmap.apply({})
        tlsmap.apply(tlsmap.document(), "--adopt")
        run = tlsmap.run("plan", document=tlsmap.document())
        assert (run.returncode, run.stdout) == (0, ""), run
        assert world.gateway.postconf("-h", "smtpd_tls_cert_file") == ""
    with tap.case("the-older-certificate-parameters-come-back"):
        tlsmap.apply({})
        assert world.gateway.postconf("-h", "smtpd_tls_cert_file") == \
            str(world.certificates["gateway"].pem)
        assert "smtpd_tls_chain_files" not in world.gateway.postconf("-n")
    world.gateway.postconf("-Pe", "smtp/inet/smtpd_tls_chain_files=")
    refused(tap, world, tlsmap, "a-service-that-empties-the-chain-files", tlsmap.document(),
            "hidden-service")
    world.gateway.postconf("-PX", "smtp/inet/smtpd_tls_chain_files")
    origin = world.gateway.config_dir / "tlsgate/gen/0"
    origin.rename(world.directory / "origin")
    for option in ((), ("--adopt",)):
        with tap.case(f"without-generation-0-nothing-is-applied{''.join(option)}"):
            before = files(world)
            run = tlsmap.run("apply", *option, document=tlsmap.document())
            assert run.returncode == 78 and "[drift]" in run.stderr, run
            assert files(world) == before
    (world.directory / "origin").rename(origin)


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


def unusable_files(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Postfix would load none of them, start all the same, and answer 454 to STARTTLS."""
    certificates = world.certificates
    garbage = world.directory / "garbage.pem"
    garbage.write_text("garbage\n")
    for name, part in (
            ("missing-ca-file", {"trusted_ca_file": "/nonexistent/ca.pem"}),
            ("ca-file-without-certificate", {"trusted_ca_file": str(garbage)}),
            ("ca-file-that-is-a-directory", {"trusted_ca_file": str(certificates.directory)}),
            ("chain-file-of-garbage", {"certificate": {"chain_files": [str(garbage)]}}),
            ("chain-file-without-key",
             {"certificate": {"chain_files": [str(certificates["gateway"].pem)]}}),
            ("key-of-another-certificate", {"certificate": {"chain_files": [
                str(certificates["client-cn"].key), str(certificates["gateway"].pem)]}})):
        refused(tap, world, tlsmap, name, tlsmap.document(receive=part), "unusable-file")


def obstacles(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    ruled = tlsmap.document(receive={"rules": [RULE]})
    refused(tap, world, tlsmap, "unknown-policyd-user", ruled | {
        "postfix": ruled["postfix"] | {"policyd_user": "nobody-here"}}, "policyd-cannot-run")
    refused(tap, world, tlsmap, "missing-policyd", ruled | {
        "postfix": {"policyd_path": "/nonexistent/policyd"}}, "policyd-cannot-run")
    unusable_files(world, tap, tlsmap)
    dynamic = Path("/etc/postfix/dynamicmaps.cf")
    maps = dynamic.read_text()
    dynamic.write_text("".join(line for line in maps.splitlines(True) if not line.startswith("cdb")))
    refused(tap, world, tlsmap, "table-type-that-this-postfix-lacks", tlsmap.document(
        send={"domains": [{"destination": "a.test", "security_level": "may"}]},
        postfix={"table_type": "cdb"}), "no-table-type")
    dynamic.write_text(maps)
    # What a refusal behind the build of its generation leaves is what the next row is about.
    refused(tap, world, tlsmap, "missing-policyd-once-more", ruled | {
        "postfix": {"policyd_path": "/nonexistent/policyd"}}, "policyd-cannot-run")
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
    with tap.case("a-repeated-parameter-is-no-obstacle"):
        # postconf warns of it with a line number, which moves when the list becomes one line.
        with open(elsewhere, "a", encoding="ascii") as file:
            file.write("smtpd_data_restrictions = reject_unauth_pipelining,\n    permit\n"
                       "delay_warning_time = 4h\ndelay_warning_time = 5h\n")
        tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
        assert world.gateway.postconf("-h", "smtpd_data_restrictions") == \
            "$tlsgate_policy, reject_unauth_pipelining, permit"
    with tap.case("a-token-moved-behind-others-is-put-first-again"):
        world.gateway.set(smtpd_recipient_restrictions="permit_mynetworks, $tlsgate_policy, reject_unauth_destination")
        run = tlsmap.run("plan")
        assert run.returncode == 1 and "[stricter]" in run.stdout, run
        tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
        assert world.gateway.postconf("-h", "smtpd_recipient_restrictions") == \
            "$tlsgate_policy, permit_mynetworks, reject_unauth_destination"
    with tap.case("a-token-moved-behind-others-goes-with-the-rules"):
        world.gateway.set(smtpd_recipient_restrictions="permit_mynetworks, $tlsgate_policy, reject_unauth_destination")
        tlsmap.apply(tlsmap.document())
        assert world.gateway.postconf("-h", "smtpd_recipient_restrictions") == \
            "permit_mynetworks, reject_unauth_destination"
    with tap.case("nothing-is-left-beside-main-cf"):
        left = {path.name for path in world.gateway.config_dir.iterdir()}
        assert not left & {"main.cf.tmp", "master.cf.tmp", "main.cf.tlsgate-new", "real-main.cf.tlsgate-new"}, left
        assert {path.name for path in (world.gateway.config_dir / "tlsgate").iterdir()} == {"gen", "lock"}


def hold_until_asked(path: Path) -> None:
    """Hold Postfix's lock, as another master(8) -t does, until it was asked for twice in vain: apply looks before it
    has its own lock, and again under it."""
    libc = ctypes.CDLL(None)
    watch = libc.inotify_init()
    with open(path, "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert libc.inotify_add_watch(watch, bytes(path), 0x8) > 0  # IN_CLOSE_WRITE
        for _ in range(2):
            asked, _, _ = select.select([watch], [], [], PATIENCE)
            assert asked and os.read(watch, 4096), "nobody asked"
    os.close(watch)


def stopped(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    world.gateway.stop()
    with tap.case("on-a-stopped-postfix-another-run-that-looks-is-not-taken-for-it"):
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(hold_until_asked, world.gateway.queue_dir / "pid/master.pid")
            run = tlsmap.run("apply", document=tlsmap.document(receive={"client_certificate": "request"}))
            held.result()
        assert run.returncode == 0 and "from the next start" in run.stdout, run
    with tap.case("on-a-stopped-postfix-it-takes-effect-at-the-next-start"):
        run = tlsmap.run("apply", document=tlsmap.document(receive={"rules": [RULE]}))
        assert run.returncode == 0 and "from the next start" in run.stdout, run
        world.gateway.start(quick=True)
        sent = world.send(mail_from="x@bank.example")
        assert (sent.code, sent.enhanced) == (550, "5.7.10"), sent


def unsignalled(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-reload-whose-signal-does-not-come-is-told-and-owed"):
        document = tlsmap.document(receive={"rules": [RULE], "client_certificate": "request"})
        number = world.gateway.queue_dir / "pid/master.pid"
        known = number.read_text()
        number.write_text("4194303\n")  # the last that there can be: no process has it
        run = tlsmap.run("apply", document=document)
        number.write_text(known)
        assert run.returncode == 69 and "No such process" in run.stderr, run
        before = reloads(world)
        tlsmap.apply(document)
        assert reloads(world) == before + 1


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


@contextlib.contextmanager
def serving(world: World, tlsmap: Tlsmap) -> Iterator[None]:
    """policyd at the socket that the system would make."""
    gateway = world.gateway
    folder = gateway.queue_dir / "tlsgate"
    folder.mkdir(mode=0o755, exist_ok=True)
    shutil.chown(folder, "tlsgate")
    with subprocess.Popen([tlsmap.policyd, "--generations", gateway.config_dir / "tlsgate/gen", "--listen",
                           f"unix:{folder}/policyd:mode=0666"], user="tlsgate", group="tlsgate",
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            until((folder / "policyd").is_socket, "policyd listens")
            yield
        finally:
            server.terminate()


def by_socket(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """postfix.policyd: socket. The system's unit is played by serving()."""
    def service() -> str:
        return world.gateway.postconf("-M", "tlsgate/unix")

    tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
    document = tlsmap.document(receive={"rules": [RULE]}, postfix={"policyd": "socket"})
    with tap.case("a-socket-that-nobody-serves-is-refused"):
        before = files(world)
        run = tlsmap.run("apply", document=document)
        assert run.returncode == 78 and "[policyd-cannot-run]" in run.stderr, run
        assert "socket unit" in run.stderr, run
        assert files(world) == before
    with serving(world, tlsmap):
        with tap.case("rules-by-a-socket-of-the-system"):
            with world.session() as old:
                old.ehlo("client.example")
                tlsmap.apply(document)
                assert "unix:tlsgate/policyd," in world.gateway.postconf("-h", "tlsgate_policy")
                sent = world.send(mail_from="x@bank.example")
                assert (sent.code, sent.enhanced) == (550, "5.7.10"), sent
                assert service(), "sessions of before still ask it"
                assert old.cmd("MAIL FROM:<x@bank.example>").code == 250
                assert old.cmd("RCPT TO:<user@gw.example>").code == 550
        with tap.case("the-service-goes-one-generation-later"):
            rules = [RULE, {"name": "other", "sender_domains": ["shop.example"]}]
            tlsmap.apply(tlsmap.document(receive={"rules": rules}, postfix={"policyd": "socket"}))
            assert not service()
            assert world.send(mail_from="x@shop.example").code == 550
            assert tlsmap.run("plan").returncode == 0
    with tap.case("a-socket-that-died-defers"):
        sent = world.send(mail_from="x@bank.example")
        assert (sent.code, sent.enhanced) == (451, "4.3.5"), sent
    with tap.case("back-to-the-service-of-postfix"):
        tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
        assert service()
        assert world.send(mail_from="x@bank.example").code == 550
        assert world.send(mail_from="x@shop.example").accepted


def report_only(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    document = tlsmap.document(receive={"rules": [RULE, {"name": "later", "sender_domains": ["shop.example"],
                                                         "violation": "defer"}]})
    with tap.case("report-only-lets-mail-pass-and-says-what-it-would-do"):
        assert "they report" in tlsmap.apply(document, "--report-only")
        for sender in ("x@bank.example", "x@shop.example"):
            sent = world.send(mail_from=sender)
            assert sent.accepted and world.arrived(sent), sent
        for rule in ("bank", "later"):
            assert f"report only: TLS required by rule {rule}:" in world.gateway.log(), rule
    with tap.case("report-only-again-changes-nothing"):
        run = tlsmap.run("apply", "--report-only")
        assert (run.returncode, run.stdout) == (0, ""), run
    with tap.case("plan-shows-that-rules-only-report"):
        run = tlsmap.run("plan")
        assert run.returncode == 1 and run.stdout.count("[stricter]") == 2, run
        assert "[weaker]" not in run.stdout, run
    with tap.case("apply-without-it-enforces"):
        tlsmap.apply(document)
        assert world.send(mail_from="x@bank.example").code == 550
        assert world.send(mail_from="x@shop.example").code == 450
        run = tlsmap.run("--json", "apply", "--report-only")
        assert json.loads(run.stdout)["report_only"] is True, run
        assert {change["direction"] for change in json.loads(run.stdout)["changes"]} == {"weaker"}, run
    with tap.case("levels-are-enforced-all-the-same"):
        tlsmap.apply(tlsmap.document(receive={"security_level": "encrypt", "rules": [RULE]}), "--report-only")
        assert world.send(mail_from="x@bank.example").code == 530


def status(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """From a whole Postfix without tlsgate on; each thing that is off is seen alone."""
    def look(code: int) -> tuple[dict[str, Any], list[str]]:
        run = tlsmap.run("--json", "status")
        assert run.returncode == code, run
        found = json.loads(run.stdout)
        return found, [finding["id"] for finding in found["findings"]]

    document = tlsmap.document(receive={"rules": [RULE]}, send={"security_level": "encrypt"})
    with tap.case("status-before-the-first-apply"):
        assert "generation" not in look(0)[0]
    with tap.case("status-when-all-is-well"):
        tlsmap.apply(document)
        found, ids = look(0)
        assert (found["generation"], found["running"], found["report_only"], found["policyd"],
                found["settings_file"], ids) == (1, True, False, "answers", "same", []), found
    with tap.case("status-sees-an-edited-value"):
        world.gateway.set(smtp_tls_security_level="may")
        assert look(1)[1] == ["drift"]
        world.gateway.set(smtp_tls_security_level="encrypt")
        look(0)
    with tap.case("status-sees-a-token-behind-others"):
        lists = world.gateway.postconf("-h", "smtpd_data_restrictions")
        world.gateway.set(smtpd_data_restrictions="permit_mynetworks, $tlsgate_policy")
        assert look(1)[1] == ["drift"]
        world.gateway.set(smtpd_data_restrictions=lists)
    with tap.case("status-sees-a-service-that-hides-the-rules"):
        world.gateway.postconf("-Pe", "smtp/inet/smtpd_data_restrictions=")
        assert look(1)[1] == ["hidden-service"]
        world.gateway.postconf("-PX", "smtp/inet/smtpd_data_restrictions")
    with tap.case("status-sees-a-changed-file-of-the-generation"):
        rules = world.gateway.config_dir / "tlsgate/gen/1/rules.db"
        whole = rules.read_bytes()
        rules.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert "drift" in look(1)[1]
        rules.write_bytes(whole)
        look(0)
    with tap.case("status-sees-a-policyd-that-does-not-answer"):
        rules.rename(rules.with_suffix(".away"))
        found, ids = look(1)
        assert found["policyd"] == "silent" and "policyd-silent" in ids, found
        rules.with_suffix(".away").rename(rules)
    with tap.case("status-sees-another-settings-file"):
        tlsmap.settings.write_text("{}")
        assert look(0)[0]["settings_file"] == "differs"
        tlsmap.settings.unlink()
        assert look(0)[0]["settings_file"] == "missing"
    with tap.case("status-sees-a-reload-that-is-owed"):
        run = tlsmap.run("apply", "--no-reload", document=document | {"send": {"security_level": "may"}})
        assert run.returncode == 0, run
        assert look(1)[1] == ["reload-needed"]
    with tap.case("status-sees-a-review-that-is-due"):
        tlsmap.apply(tlsmap.document(receive={"rules": [RULE | {"review_by": "2020-02-29"}]}))
        assert look(1)[1] == ["review-due"]
    with tap.case("status-notes-mail-that-no-rule-is-asked-about"):
        def notes() -> set[str]:
            words = ("sendmail(1)", "qmqpd", "proxy", "<postmaster>")
            return {word for word in words for note in look(0)[0].get("notes", []) if word in note}

        tlsmap.apply(tlsmap.document())
        assert notes() == set(), "without rules there is none to ask"
        tlsmap.apply(document)
        assert notes() == {"sendmail(1)"}
        tlsmap.apply(tlsmap.document(receive={"rules": [{"name": "home", "recipient_domains": ["gw.example"]}]}))
        assert notes() == {"sendmail(1)", "<postmaster>"}
        world.gateway.postconf("-Me", "628/inet=628 inet n - n - - qmqpd")
        world.gateway.postconf("-Me", "2525/inet=2525 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy")
        assert notes() == {"sendmail(1)", "<postmaster>", "qmqpd", "proxy"}
        for service in ("628/inet", "2525/inet"):
            world.gateway.postconf("-MX", service)
    with tap.case("status-says-loudly-that-rules-only-report"):
        tlsmap.apply(document, "--report-only")
        found, ids = look(1)
        assert found["report_only"] and ids == ["report-only"], found
        run = tlsmap.run("status")
        assert "NO RULE IS ENFORCED" in run.stderr and "only report" in run.stdout, run


def loopback_listeners(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Where a filter gives mail back in clear, encrypt would refuse it."""
    service = "127.0.0.1:10026"
    world.gateway.postconf("-Me", f"{service}/inet={service} inet n - n - - smtpd")
    world.gateway.reload()
    strict = tlsmap.document(receive={"security_level": "encrypt"})
    exposed = tlsmap.document(receive={"rules": [RULE], "exempt_networks": []})
    refused(tap, world, tlsmap, "a-loopback-listener-that-would-inherit-encrypt", strict, "loopback-inherits")
    refused(tap, world, tlsmap, "a-loopback-listener-whose-clients-no-rule-spares", exposed, "loopback-inherits")
    with tap.case("the-lines-that-cure-a-loopback-listener-are-printed"):
        for document in (strict, exposed):
            cure = re.search(r"write (-o .*) below it", tlsmap.run("plan", document=document).stderr)
            assert cure, tlsmap.run("plan").stderr
            for setting in cure[1].removeprefix("-o ").split(" -o "):
                world.gateway.postconf("-Pe", f"{service}/inet/{setting}")
            document["postfix"]["unguarded_services"] = [f"{service}/inet"]
            tlsmap.apply(document)
            sent = world.send(mail_from="x@bank.example", server="127.0.0.1", port=10026, source="127.0.0.1")
            assert sent.accepted and world.arrived(sent), sent
            assert not world.send(mail_from="x@bank.example").accepted
    with tap.case("a-loopback-listener-that-speaks-tls-at-once-needs-nothing"):
        world.gateway.postconf("-MX", f"{service}/inet")
        world.gateway.postconf("-Me", f"{service}/inet={service} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes")
        tlsmap.apply(tlsmap.document(receive={"security_level": "encrypt"}))
    world.gateway.postconf("-MX", f"{service}/inet")
    world.gateway.reload()


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
    unsignalled(world, tap, tlsmap)
    old_sessions(world, tap, tlsmap)
    by_socket(world, tap, tlsmap)
    loopback_listeners(world, tap, tlsmap)
    report_only(world, tap, tlsmap)
    chain_comes_and_goes(world, tap, tlsmap)
    world.replace_gateway("minimal")
    status(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main, gateway="debian")
