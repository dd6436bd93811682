#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What probe says of a destination is what a real delivery through the same Postfix then does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from lib.outcome import Outcome
from lib.tlsmap import Tlsmap
from lib.wait import until
from lib.world import Tap, World

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).resolve().parents[2] / "schema" / "output.schema.json").read_text()))
WRONG_PIN = ":".join(["AB"] * 32)
DELIVERED, CLEAR, DEFERRED, RETURNED = "delivered", "clear", "deferred", "returned"
VERDICTS = {("sent", True): DELIVERED, ("sent", False): CLEAR, ("deferred", False): DEFERRED,
            ("deferred", True): DEFERRED, ("SOFTBOUNCE", False): DEFERRED, ("bounced", False): RETURNED, ("bounced", True): RETURNED}


class Row(NamedTuple):
    """A row for destination, what becomes of mail to it, and a part of the reason. PIN, KEY and OTHER_CA stand
    for what the world has made. Without row, no row has it."""
    name: str
    destination: str
    row: dict[str, Any] | None
    verdict: str
    reason: str | None = None


def secure(*match: str, **more: Any) -> dict[str, Any]:
    return {"security_level": "secure", "match": list(match), **more}


ENCRYPT, MAY, NONE = ({"security_level": level} for level in ("encrypt", "may", "none"))
ROWS = (
    Row("no-tls-at-encrypt", "plain.test", ENCRYPT, DEFERRED, "STARTTLS is not offered"),
    Row("no-tls-at-may", "a.plain.test", MAY, CLEAR, "STARTTLS is not offered"),
    Row("the-level-none", "n.right.test", NONE, CLEAR, "the level is none"),
    Row("self-signed-at-encrypt", "self-signed.test", ENCRYPT, DELIVERED),
    Row("self-signed-at-secure", "a.self-signed.test", secure("mx.self-signed.test"), DEFERRED, "self-signed"),
    Row("right", "right.test", secure("mx.right.test"), DELIVERED),
    Row("right-at-verify", "v.right.test", {"security_level": "verify"}, DELIVERED),
    Row("the-next-hop-is-not-in-it", "s.right.test", {"security_level": "secure"}, DEFERRED, "hostname mismatch"),
    Row("the-next-hop-is-in-it", "named.test", {"security_level": "secure"}, DELIVERED),
    Row("wrong-name", "wrong.test", secure("mx.wrong.test"), DEFERRED, "hostname mismatch"),
    Row("expired", "expired.test", secure("mx.expired.test"), DEFERRED, "expired"),
    Row("expired-at-encrypt", "a.expired.test", ENCRYPT, DELIVERED),
    Row("expiring-in-10-days", "soon.test", secure("mx.soon.test"), DELIVERED),
    Row("another-ca", "other-ca.test", secure("mx.other-ca.test"), DEFERRED, "untrusted issuer"),
    Row("another-ca-named", "a.other-ca.test",
        secure("mx.other-ca.test", trust_anchor_files=["OTHER_CA"]), DELIVERED),
    Row("the-right-pin", "b.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": ["PIN"]}, DELIVERED),
    Row("the-pin-of-the-key", "c.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": [WRONG_PIN, "KEY"]}, DELIVERED),
    Row("a-wrong-pin", "d.self-signed.test",
        {"security_level": "fingerprint", "fingerprints": [WRONG_PIN]}, DEFERRED, "not verified"),
    Row("weak-protocol-only", "old.test", ENCRYPT | {"min_protocol": "TLSv1.3"}, DEFERRED, "TLS session fails"),
    Row("weak-protocol-good-enough", "a.old.test", ENCRYPT | {"min_protocol": "TLSv1.2"}, DELIVERED),
    Row("an-excluded-cipher", "b.old.test", ENCRYPT | {"exclude": ["aECDSA"]}, DEFERRED, "TLS session fails"),
    Row("high-ciphers", "c.old.test", ENCRYPT | {"ciphers": "high"}, DELIVERED),
    # smtp_tls_protocols demands more than it has.
    Row("weak-protocol-at-may", "d.old.test", None, CLEAR, "minimal_backoff_time"),
    Row("tls-without-certificate", "broken.test", ENCRYPT, DEFERRED, "454"),
    Row("tls-without-certificate-at-may", "a.broken.test", MAY, CLEAR, "454"),
    Row("nobody-listens", "silent.test", ENCRYPT, DEFERRED, "Connection refused"),
    Row("refusing", "refusing.test", MAY, DEFERRED, "554"),
    Row("slow", "slow.test", MAY, DEFERRED, "timeout"),
    Row("a-dead-host-before-a-good-one", "backup.test", secure("mx.right.test"), DELIVERED),
    Row("a-wrong-host-before-a-good-one", "half.test", secure("mx.right.test"), DELIVERED),
    Row("a-host-without-tls-before-a-good-one", "mixed.test", ENCRYPT, DELIVERED),
    Row("a-host-without-tls-before-a-good-one-at-may", "a.mixed.test", None, CLEAR, "STARTTLS"),
    Row("no-mx-record", "no-mx.test", ENCRYPT, DELIVERED),
    Row("null-mx", "null-mx.test", ENCRYPT, RETURNED, "takes no mail"),
    Row("no-such-domain", "nowhere.test", ENCRYPT, RETURNED, "not found"),
    Row("dane", "dane.example", {"security_level": "dane-only"}, DELIVERED),
    Row("dane-bad", "dane-wrong.example", {"security_level": "dane"}, DEFERRED, "TLSA"),
    Row("dane-without-tlsa", "dane-none.example", {"security_level": "dane"}, DELIVERED),
    Row("dane-only-without-tlsa", "a.dane-none.example", {"security_level": "dane-only"}, DEFERRED, "TLSA"),
    Row("dane-only-without-dnssec", "d.right.test", {"security_level": "dane-only"}, DEFERRED, "DNSSEC"),
    Row("dane-without-dnssec-and-tls", "d.plain.test", {"security_level": "dane"}, CLEAR, "STARTTLS"),
    Row("client-certificate-demanded", "mutual.test", ENCRYPT, DEFERRED, "No client certificate"),
)


def filled(world: World, value: Any) -> Any:
    """The world's own values for the words that stand for them."""
    self_signed = world.certificates["mx-self-signed-test"]
    words = {"PIN": self_signed.fingerprint, "KEY": self_signed.public_key_fingerprint,
             "OTHER_CA": str(world.certificates["other-ca"].pem)}
    if isinstance(value, list):
        return [filled(world, item) for item in value]
    return words.get(value, value)


def document(world: World, tlsmap: Tlsmap) -> dict[str, Any]:
    domains = [{"destination": row.destination} | {key: filled(world, value) for key, value in row.row.items()}
               for row in ROWS if row.row is not None]
    return tlsmap.document(send={"domains": domains})


def probed(tlsmap: Tlsmap, code: int, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What it says of each destination, and all that it says."""
    run = tlsmap.run("--json", "probe", *arguments)
    found = json.loads(run.stdout)
    assert run.returncode == code and not run.stderr, run
    SCHEMA.validate(found)
    return {item["destination"]: item for item in found["destinations"]}, found


def happens(world: World, sent: Any, verdict: str) -> Outcome:
    """What becomes of it at first; where mail is to go in clear, when it has waited long enough for that."""
    outcome = world.outcome(sent)
    if (verdict, outcome.status) != (CLEAR, "deferred"):
        return outcome

    def gone() -> Outcome | None:
        world.gateway.flush()
        latest = world.outcome(sent)
        return latest if latest.status == "sent" else None
    return until(gone, f"mail in clear to {outcome.to}")


def compare(world: World, row: Row, said: dict[str, Any], sent: Any) -> None:
    assert said["verdict"] == row.verdict, said
    # OpenSSL 1.1.1 has other capitals.
    assert row.reason is None or row.reason.lower() in said["reason"].lower(), said
    assert sent.accepted, sent
    outcome = happens(world, sent, said["verdict"])
    assert VERDICTS[outcome.status, bool(outcome.tls)] == said["verdict"], (said, outcome)
    if outcome.status == "sent":
        assert outcome.relay in [host["address"] for host in said["hosts"]
                                 if host["verdict"] == said["verdict"]], (said, outcome)


def reality(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    run = tlsmap.run("--json", "probe")
    said = {item["destination"]: item for item in json.loads(run.stdout)["destinations"]}
    with tap.case("some-of-the-document-would-not-go"):
        assert run.returncode == 1, run
    with tap.case("each-destination-of-the-document-is-tried"):
        assert sorted(said) == sorted(row.destination for row in ROWS if row.row is not None), sorted(said)
    with tap.case("mail-in-clear-at-may-is-as-wanted"):
        said |= probed(tlsmap, 0, *(row.destination for row in ROWS if row.row is None))[0]
    sent = {row.destination: world.relay(f"user@{row.destination}") for row in ROWS}
    for row in ROWS:
        with tap.case(f"probe-is-reality-{row.name}"):
            compare(world, row, said[row.destination], sent[row.destination])


def details(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("what-is-seen-of-a-host"):
        said, _ = probed(tlsmap, 0, "right.test")
        host, = said["right.test"]["hosts"]
        right = world.certificates["mx-right-test"]
        assert (host["host"], host["preference"], host["security_level"]) == ("mx.right.test", 10, "secure"), host
        assert (host["protocol"], host["address"][:14]) == ("TLSv1.3", "mx.right.test["), host
        assert host["certificate"] | {"expires": ""} == {
            "names": ["mx.right.test"], "issuer": "Test World CA", "expires": "",
            "fingerprint": right.fingerprint, "key_fingerprint": right.public_key_fingerprint}, host
    with tap.case("a-pin-that-does-not-match-shows-the-one-found"):
        _, found = probed(tlsmap, 1, "d.self-signed.test")
        finding, = found["findings"]
        self_signed = world.certificates["mx-self-signed-test"]
        assert finding["id"] == "destination-fails" and self_signed.fingerprint in finding["message"], finding
        assert self_signed.public_key_fingerprint in finding["message"], finding
    with tap.case("a-certificate-that-ends-soon-is-a-warning"):
        _, found = probed(tlsmap, 0, "soon.test")
        finding, = found["findings"]
        assert (finding["id"], finding["where"]) == ("certificate-expires", "soon.test"), finding
        assert tlsmap.run("--strict", "probe", "soon.test").returncode == 1
    with tap.case("each-host-has-a-verdict"):
        said, _ = probed(tlsmap, 0, "half.test")
        assert [(host["host"], host["verdict"]) for host in said["half.test"]["hosts"]] == [
            ("mx.wrong.test", DEFERRED), ("mx.right.test", DELIVERED)], said
    with tap.case("among-equals-the-worst-counts"):
        said, _ = probed(tlsmap, 0, "equals.test")
        assert {host["verdict"] for host in said["equals.test"]["hosts"]} == {CLEAR, DELIVERED}, said
        assert said["equals.test"]["verdict"] == CLEAR, said
    with tap.case("a-terminal-shows-how-far-it-is"):
        ours, theirs = os.openpty()
        subprocess.run([tlsmap.program, "-c", world.gateway.config_dir, "probe", "right.test", "named.test"],
                       stderr=theirs, stdout=subprocess.DEVNULL, check=True)
        os.close(theirs)
        shown = os.read(ours, 1000).decode()
        assert shown == "\r1 of 2 destinations tried\r2 of 2 destinations tried\r\n", repr(shown)
    with tap.case("what-dane-has-become-for-a-host"):
        said, _ = probed(tlsmap, 0, "dane.example", "dane-none.example", "d.plain.test")
        assert [said[name]["hosts"][0]["security_level"] for name in said] == ["dane-only", "may", "may"], said
    with tap.case("people-read-the-same"):
        run = tlsmap.run("probe", "half.test", "silent.test")
        assert run.returncode == 1, run
        assert run.stdout.splitlines()[0] == "half.test: delivered", run
        assert "silent.test: error: mail would not go: deferred, because" in run.stderr, run


def routes(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-next-hop-an-address-and-a-local-domain"):
        said, _ = probed(tlsmap, 0, "[mx.right.test]:587", "user@right.test", "gw.example")
        assert {name: item["verdict"] for name, item in said.items()} == {
            "[mx.right.test]:587": DELIVERED, "user@right.test": DELIVERED, "gw.example": "not-tried"}, said
        assert said["[mx.right.test]:587"]["hosts"][0]["address"].endswith(":587"), said
    with tap.case("mail-goes-by-the-relay-and-by-its-policy"):
        world.gateway.set(relayhost="[mx.plain.test]", smtp_fallback_relay="[mx.right.test]:587")
        world.gateway.reload()
        said, found = probed(tlsmap, 1, "right.test", "x.right.test")
        assert {(finding["id"], finding["where"]) for finding in found["findings"]} == {
            ("weaker-than-document", "right.test")}, found
        assert [(host["next_hop"], host["security_level"], host["verdict"]) for host in said["right.test"]["hosts"]] == [
            ("[mx.plain.test]", "may", CLEAR), ("[mx.right.test]:587", "may", DELIVERED)], said
        outcome = world.outcome(world.relay("user@right.test"))
        assert (said["right.test"]["verdict"], outcome.status, outcome.tls) == (CLEAR, "sent", ""), outcome
    with tap.case("probe-is-reality-no-such-relay"):
        world.gateway.set(relayhost="[nowhere.test]", smtp_fallback_relay=None)
        world.gateway.reload()
        said, _ = probed(tlsmap, 1, "right.test")
        compare(world, Row("", "right.test", None, DEFERRED, "not found"), said["right.test"],
                world.relay("user@right.test"))
    with tap.case("probe-is-reality-soft-bounce"):
        world.gateway.set(relayhost=None, soft_bounce="yes")
        world.gateway.reload()
        said, _ = probed(tlsmap, 1, "null-mx.test")
        compare(world, Row("", "null-mx.test", None, DEFERRED, "takes no mail"), said["null-mx.test"],
                world.relay("user@null-mx.test"))
        world.gateway.set(soft_bounce=None)
        world.gateway.reload()


def client_certificate(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    world.gateway.set(smtp_tls_chain_files=str(world.certificates["gateway"].chain))
    world.gateway.reload()
    with tap.case("probe-is-reality-client-certificate-shown"):
        said, _ = probed(tlsmap, 0, "mutual.test")
        compare(world, Row("", "mutual.test", ENCRYPT, DELIVERED), said["mutual.test"],
                world.relay("user@mutual.test"))


def broken(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Postfix's own TLS fails: at may it sends in clear."""
    with tap.case("probe-is-reality-own-tls-broken"):
        before = world.gateway.postconf("-h", "smtp_tls_CAfile")
        world.gateway.set(smtp_tls_CAfile="/nonexistent")
        world.gateway.reload()
        rows = (Row("", "x.right.test", None, CLEAR, "/nonexistent"),
                Row("", "right.test", None, DEFERRED, "/nonexistent"))
        said, _ = probed(tlsmap, 1, *(row.destination for row in rows))
        for row in rows:
            compare(world, row, said[row.destination], world.relay(f"user@{row.destination}"))
        world.gateway.set(smtp_tls_CAfile=before)
        world.gateway.reload()


def drifted(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("a-level-that-somebody-has-weakened-is-an-error"):
        before = world.gateway.postconf("-h", "smtp_tls_policy_maps")
        world.gateway.set(smtp_tls_policy_maps="", smtp_tls_security_level="may")
        said, found = probed(tlsmap, 1, "right.test")
        finding, = found["findings"]
        assert finding["id"] == "weaker-than-document" and "says secure" in finding["message"], finding
        assert said["right.test"]["hosts"][0]["security_level"] == "may", said
        world.gateway.set(smtp_tls_policy_maps=before)
        assert probed(tlsmap, 0, "right.test")[1]["findings"] == []
    with tap.case("probe-is-reality-a-table-gives-no-answer"):
        world.gateway.set(smtp_tls_policy_maps=f"{before}, socketmap:inet:127.0.0.1:9:postfix")
        world.gateway.reload()
        said, _ = probed(tlsmap, 1, "x.right.test")
        compare(world, Row("", "x.right.test", None, DEFERRED, "socketmap"), said["x.right.test"],
                world.relay("user@x.right.test"))
        world.gateway.set(smtp_tls_policy_maps=before)
        world.gateway.reload()


def patience(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    with tap.case("who-waits-less-than-postfix-says-that-it-does-not-know"):
        said, found = probed(tlsmap, 1, "--timeout", "1", "slow.test")
        assert said["slow.test"]["verdict"] == "unknown", said
        assert [finding["id"] for finding in found["findings"]] == ["destination-fails"], found


def chrooted(world: World, tap: Tap, tlsmap: Tlsmap) -> None:
    """Debian's smtp(8) lives in a chroot, and reads anchors there."""
    row = Row("", "other-ca.test", None, DELIVERED)
    policy = "other-ca.test=secure match=mx.other-ca.test tafile=/anchors.pem"
    gateway = world.replace_gateway("debian", smtp_tls_policy_maps="inline:{{" + policy + "}}", smtp_tls_loglevel="1")
    with tap.case("probe-is-reality-in-a-chroot"):
        shutil.copy(world.certificates["other-ca"].pem, gateway.queue_dir / "anchors.pem")
        said, _ = probed(tlsmap, 0, row.destination)
        compare(world, row, said[row.destination], world.relay(f"user@{row.destination}"))


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    with tap.case("without-a-document-in-force-it-asks-for-names"):
        assert tlsmap.run("probe").returncode == 64
    tlsmap.apply(document(world, tlsmap), "--adopt")
    reality(world, tap, tlsmap)
    details(world, tap, tlsmap)
    patience(world, tap, tlsmap)
    broken(world, tap, tlsmap)
    drifted(world, tap, tlsmap)
    client_certificate(world, tap, tlsmap)
    routes(world, tap, tlsmap)
    chrooted(world, tap, tlsmap)


if __name__ == "__main__":
    World.run(main, smtp_tls_protocols=">=TLSv1.3", smtp_connect_timeout="4s", smtp_helo_timeout="4s",
              minimal_backoff_time="1s", maximal_backoff_time="1s")
