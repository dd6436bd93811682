#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sending: every level against every kind of server, and every attribute at every level that takes it.

A cell is one destination with its row of send.domains (or the level for all), and one real delivery over its
real MX record: in TLS, in clear, or deferred, and why, in the words of Postfix's log."""

from __future__ import annotations

import re
from typing import Any, Iterator, NamedTuple

from lib.partners import PARTNERS
from lib.tlsmap import Document, Tlsmap
from lib.world import Sent, Tap, World

CLEAR = "sent in clear"
UNTRUSTED, TRUSTED, VERIFIED = "sent Untrusted", "sent Trusted", "sent Verified"
NO_STARTTLS = "deferred 4.7.4 TLS is required, but was not offered by host"
NOT_VERIFIED = "deferred 4.7.5 Server certificate not verified: "
SELF_SIGNED = NOT_VERIFIED + "self-signed certificate"
UNKNOWN_CA = NOT_VERIFIED + "untrusted issuer"
EXPIRED = NOT_VERIFIED + "certificate has expired"
NOT_NAMED = NOT_VERIFIED + "num=62:hostname mismatch"
NOT_PINNED = NOT_VERIFIED + "num=65:no matching DANE TLSA records"
NO_HANDSHAKE = "deferred 4.7.5 Cannot start TLS: handshake failure"
NO_TLSA = "deferred 4.7.5 no TLSA records found"
NOT_SIGNED = "deferred 4.7.5 non DNSSEC destination"
NO_CERTIFICATE = "deferred 4.7.1"
PROXIED = re.compile(r"/tlsproxy\[\d+\]: \w+ TLS connection established to ")
# What a row that Postfix can't read ends in.
BROKEN = "TLS configuration problem"

SERVERS = ("plain.test", "self-signed.test", "right.test", "wrong.test",
           "dane.example", "dane-wrong.example", "dane-none.example", "dane-plain.example")
# Of these, the first four of the first four are the promise that everything began with.
LEVELS = {
    "none": (CLEAR,) * 8,
    "may": (CLEAR, UNTRUSTED, TRUSTED, TRUSTED, UNTRUSTED, TRUSTED, TRUSTED, CLEAR),
    "encrypt": (NO_STARTTLS, UNTRUSTED, TRUSTED, TRUSTED, UNTRUSTED, TRUSTED, TRUSTED, NO_STARTTLS),
    "verify": (NO_STARTTLS, SELF_SIGNED, VERIFIED, NOT_NAMED, SELF_SIGNED, VERIFIED, VERIFIED, NO_STARTTLS),
    "secure": (NO_STARTTLS, SELF_SIGNED, VERIFIED, NOT_NAMED, SELF_SIGNED, VERIFIED, VERIFIED, NO_STARTTLS),
    "dane": (CLEAR, UNTRUSTED, TRUSTED, TRUSTED, VERIFIED, NOT_PINNED, TRUSTED, NO_STARTTLS),
    "dane-only": (NOT_SIGNED, NOT_SIGNED, NOT_SIGNED, NOT_SIGNED, VERIFIED, NOT_PINNED, NO_TLSA, NO_STARTTLS),
}

# Where TLS is demanded: name, attributes, whether a server can that has one cipher of TLS 1.2, or one that has all
# of them, and whether it does.
DEMANDS: tuple[tuple[str, dict[str, Any], str, bool], ...] = (
    ("floor-met", {"min_protocol": "TLSv1.2"}, "weak", True),
    ("floor-missed", {"min_protocol": "TLSv1.3"}, "weak", False),
    ("medium-met", {"ciphers": "medium"}, "weak", True),
    ("high-met", {"ciphers": "high"}, "old", True),
    ("high-missed", {"ciphers": "high"}, "weak", False),
    ("cipher-left", {"exclude": ["AES128"]}, "old", True),
    ("cipher-excluded", {"exclude": ["AES128"]}, "weak", False),
)
STRICT = ("encrypt", "fingerprint", "dane-only", "verify", "secure")
ANY_TLS = ("may", "encrypt", "fingerprint", "dane", "dane-only", "verify", "secure")

# Without and with the name in SNI, for which alone the server shows a certificate of ours.
SNI = {"may": (UNTRUSTED, TRUSTED), "encrypt": (UNTRUSTED, TRUSTED), "fingerprint": (NOT_PINNED, VERIFIED),
       "verify": (SELF_SIGNED, VERIFIED), "secure": (SELF_SIGNED, VERIFIED)}

# Rows that take the place of what main.cf demands of all.
PLACES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("smtp_tls_exclude_ciphers", "AES128", {"exclude": ["RC4"]}),
    ("smtp_tls_mandatory_exclude_ciphers", "AES128", {"exclude": ["RC4"]}),
    ("smtp_tls_mandatory_ciphers", "high", {"ciphers": "medium"}),
    ("smtp_tls_mandatory_protocols", ">=TLSv1.3", {"min_protocol": "TLSv1.2"}),
)

# Rows that are refused, each with what its like in a table of somebody else comes to.
REFUSED: tuple[tuple[str, dict[str, Any], str, str, str], ...] = (
    ("bad-cipher", {"exclude": ["AES_128"]}, "right.test", "exclude=AES_128", NO_HANDSHAKE),
    ("unknown-cipher", {"exclude": ["AES-128"]}, "weak.test", "exclude=AES-128", TRUSTED),
    ("unknown-cipher", {"exclude": ["AES128+GCM"]}, "weak.test", "exclude=AES128+GCM", TRUSTED),
    ("unknown-cipher", {"exclude": ["DEFAULT"]}, "weak.test", "exclude=DEFAULT", TRUSTED),
    ("no-cipher-left", {"exclude": ["ALL"]}, "right.test", "exclude=ALL", NO_HANDSHAKE),
    ("no-cipher-left", {"exclude": ["AES256"], "ciphers": "high"}, "right.test", "ciphers=high exclude=AES256",
     NO_HANDSHAKE),
    ("no-tlsproxy", {"connection_reuse": True}, "right.test", "connection_reuse=yes", NO_HANDSHAKE),
)
WRONG_PIN = ":".join(["AB"] * 32)


class Cell(NamedTuple):
    """A row for destination, mail to it (or to another domain), and what becomes of it. row: None: there is none."""
    name: str
    destination: str
    row: dict[str, Any] | None
    wanted: str
    to: str = ""


def word(level: str) -> str:
    return TRUSTED if level in ("may", "encrypt") else VERIFIED


class Cells:
    """All cells that stand in one document."""

    def __init__(self, world: World) -> None:
        self._certificates = world.certificates

    def _pin(self, server: str) -> str:
        name = next(partner.certificate_name for partner in PARTNERS if partner.domain == server)
        return self._certificates[name].fingerprint

    def _accepting(self, level: str, server: str, **more: Any) -> dict[str, Any]:
        """A row of this level for which this server is the right one."""
        row: dict[str, Any] = {"security_level": level, **more}
        if level == "fingerprint":
            row.setdefault("fingerprints", [self._pin(server)])
        if level == "secure":
            row.setdefault("match", [f"mx.{server}"])
        return row

    def levels(self) -> Iterator[Cell]:
        for level, outcomes in LEVELS.items():
            for server, wanted in zip(SERVERS, outcomes):
                # "secure" is about the domain itself, of which the host is a part.
                destination = server if level == "secure" else f"{level}.{server}"
                yield Cell(f"row-{level}-{server}", destination, {"security_level": level}, wanted)

    def demands(self) -> Iterator[Cell]:
        for level in STRICT:
            for name, attributes, kind, is_met in DEMANDS:
                server = f"{kind}.test"
                if level == "dane-only":
                    server = {"weak": "dane-weak.example", "old": "dane.example"}[kind]
                yield Cell(f"{level}-{name}", f"{level}-{name}.{server}", self._accepting(level, server, **attributes),
                           word(level) if is_met else NO_HANDSHAKE)

    def names(self) -> Iterator[Cell]:
        pin = [self._certificates["sni-mx-sni-test"].fingerprint]
        for level, outcomes in SNI.items():
            more = {"fingerprints": pin} if level == "fingerprint" else {}
            row = self._accepting(level, "sni.test", **more)
            yield Cell(f"{level}-no-server-name", f"{level}-no-name.sni.test", row, outcomes[0])
            yield Cell(f"{level}-server-name", f"{level}-name.sni.test", row | {"server_name": "mx.sni.test"},
                       outcomes[1])
        # With TLSA records Postfix sends the name that they are about, whatever the row says.
        for level in ("dane", "dane-only"):
            yield Cell(f"{level}-server-name", f"{level}-name.dane.example",
                       {"security_level": level, "server_name": "elsewhere.example"}, VERIFIED)

    def reuse(self) -> Iterator[Cell]:
        for level in ANY_TLS:
            server = "dane.example" if level.startswith("dane") else "right.test"
            for name, value in (("kept", True), ("not-kept", False)):
                yield Cell(f"{level}-session-{name}", f"{level}-{name}.{server}",
                           self._accepting(level, server, connection_reuse=value), word(level))

    def pins(self) -> Iterator[Cell]:
        pin = self._pin("self-signed.test")
        key = self._certificates["mx-self-signed-test"].public_key_fingerprint
        for name, pins, wanted in (
                ("certificate", [pin], VERIFIED), ("key", [key], VERIFIED), ("one-of-two", [WRONG_PIN, pin], VERIFIED),
                ("small-letters", [pin.lower()], VERIFIED), ("another", [WRONG_PIN], NOT_PINNED),
                ("other-server", [self._pin("right.test")], NOT_PINNED)):
            yield Cell(f"pin-{name}", f"pin-{name}.self-signed.test",
                       {"security_level": "fingerprint", "fingerprints": pins}, wanted)
        yield Cell("pin-without-starttls", "pin.plain.test",
                   {"security_level": "fingerprint", "fingerprints": [pin]}, NO_STARTTLS)

    def matches(self) -> Iterator[Cell]:
        for level in ("verify", "secure"):
            for name, match, wanted in (
                    ("host", ["MX.right.test"], VERIFIED), ("below", ["nowhere.test", ".right.test"], VERIFIED),
                    ("another", ["mx.elsewhere.test"], NOT_NAMED), ("host-by-word", ["hostname"], VERIFIED)):
                yield Cell(f"{level}-match-{name}", f"{level}-{name}.right.test",
                           {"security_level": level, "match": match}, wanted)
        yield Cell("secure-of-the-domain-alone", "secure.named.test",
                   {"security_level": "secure", "match": ["named.test"]}, VERIFIED)
        yield Cell("secure-hosted-elsewhere", "hosted.test", {"security_level": "secure"}, NOT_NAMED)

    def anchors(self) -> Iterator[Cell]:
        file = {"trust_anchor_files": [str(self._certificates["other-ca"].pem)]}
        for level in ("verify", "secure"):
            other = self._accepting(level, "other-ca.test")
            yield Cell(f"{level}-anchor", f"{level}-anchor.other-ca.test", other | file, VERIFIED)
            yield Cell(f"{level}-no-anchor", f"{level}-none.other-ca.test", other, UNKNOWN_CA)
            yield Cell(f"{level}-anchor-instead", f"{level}-anchor.right.test",
                       self._accepting(level, "right.test", **file), NOT_VERIFIED)
            yield Cell(f"{level}-expired", f"{level}.expired.test", self._accepting(level, "expired.test"), EXPIRED)

    def mutual(self, wanted: str = "") -> Iterator[Cell]:
        for level in ("may", "encrypt", "fingerprint", "verify", "secure"):
            yield Cell(f"{level}-certificate-demanded", f"{level}.mutual.test",
                       self._accepting(level, "mutual.test"), wanted or word(level))

    def keys(self) -> Iterator[Cell]:
        """Which mail a row is about."""
        yield Cell("row-below-a-domain", ".named.test", {"security_level": "verify"}, NOT_NAMED, to="below.named.test")
        yield Cell("row-below-is-not-the-domain", "", None, TRUSTED, to="named.test")
        secure = {"security_level": "secure", "match": ["mx.right.test"]}
        yield Cell("row-of-a-next-hop", "[mx.right.test]:587", secure, VERIFIED, to="routed.test")
        yield Cell("no-row", "", None, TRUSTED, to="no-row.right.test")
        # At "secure" the certificate of mx.right.test has another name.
        secure = {"security_level": "secure"}
        yield Cell("row-of-an-international-name", "bücher.test", secure, NOT_NAMED, to="xn--bcher-kva.test")
        for name in ("bücher.test", "BÜCHER.test"):
            yield Cell(f"mail-to-{name}", "", None, NOT_NAMED, to=name)

    def all(self) -> list[Cell]:
        groups = (self.levels, self.demands, self.names, self.reuse, self.pins, self.matches, self.anchors,
                  self.mutual, self.keys)
        return [cell for group in groups for cell in group()]


def relay(world: World, domain: str) -> Sent:
    return world.relay(f"user@{domain}", mail_options="" if domain.isascii() else " SMTPUTF8")


def happened(world: World, sent: Sent) -> str:
    outcome = world.outcome(sent)
    if outcome.status == "sent":
        assert world.arrived(sent)
        return f"sent {outcome.tls or 'in clear'}"
    return f"{outcome.status} {outcome.dsn} {outcome.text}: {outcome.refusal}"


class Matrix:
    """Sends to cells and compares."""

    def __init__(self, world: World, tap: Tap) -> None:
        self._world = world
        self._tap = tap
        self.tlsmap = Tlsmap(world)
        self.count = 0
        # The words behind the code are those of 3.7.
        self.has_words = world.gateway.postconf("-dh", "mail_version").startswith("3.7.")

    def document(self, cells: list[Cell], **send: Any) -> Document:
        rows = [{"destination": cell.destination, **cell.row} for cell in cells if cell.row is not None]
        whole: dict[str, Any] = {"security_level": "may"} | ({"domains": rows} if rows else {}) | send
        return self.tlsmap.document(send=whole)

    def put(self, document: Document) -> None:
        """The listeners are proved by test_apply; here only mail that goes out counts."""
        run = self.tlsmap.run("apply", "--no-reload", document=document)
        assert run.returncode == 0, run
        self._world.gateway.cool_down()
        self._world.gateway.reload()

    def deliver(self, cells: list[Cell], prefix: str = "") -> None:
        """All are sent before the first is looked at."""
        sent = [(cell, relay(self._world, cell.to or cell.destination)) for cell in cells]
        for cell, message in sent:
            with self._tap.case(prefix + cell.name):
                self.count += 1
                assert message.accepted, message
                what = happened(self._world, message)
                deferred = re.match(r"deferred [\d.]+", cell.wanted)
                wanted = deferred[0] if deferred and not self.has_words else cell.wanted
                assert what.startswith(wanted), (what, cell)


def rows(world: World, matrix: Matrix) -> None:
    chain = str(world.certificates["gateway-client"].chain)
    cells = Cells(world).all()
    matrix.put(matrix.document(cells, certificate={"chain_files": [chain]}))
    matrix.deliver(cells)


def no_certificate(world: World, matrix: Matrix) -> None:
    cells = list(Cells(world).mutual(NO_CERTIFICATE))
    matrix.put(matrix.document(cells))
    matrix.deliver(cells, "none-of-ours-")


def levels_for_all(world: World, matrix: Matrix) -> None:
    for level, outcomes in LEVELS.items():
        matrix.put(matrix.document([], security_level=level))
        matrix.deliver([Cell(f"all-{level}-{server}", server if level == "secure" else f"all.{server}", None, wanted)
                        for server, wanted in zip(SERVERS, outcomes)])


def floor_for_all(world: World, matrix: Matrix) -> None:
    """It binds the rows that demand TLS and have no floor of their own."""
    encrypt = {"security_level": "encrypt"}
    cells = [Cell("floor-for-all-binds-a-row", "a.weak.test", encrypt, NO_HANDSHAKE),
             Cell("floor-of-its-own", "b.weak.test", encrypt | {"min_protocol": "TLSv1.2"}, TRUSTED),
             Cell("floor-for-all-is-not-for-may", "c.weak.test", {"security_level": "may"}, TRUSTED)]
    matrix.put(matrix.document(cells, min_protocol="TLSv1.3"))
    matrix.deliver(cells)


def reuse_in_main_cf(world: World, matrix: Matrix, tap: Tap) -> None:
    """The sessions that are kept are tlsproxy(8)'s."""
    encrypt = {"security_level": "encrypt"}
    cells = [Cell("session-kept-as-main-cf-says", "a.right.test", encrypt, TRUSTED),
             Cell("session-not-kept-as-the-row-says", "b.right.test", encrypt | {"connection_reuse": False}, TRUSTED)]
    kept = sum(cell.name.endswith("-session-kept") for cell in Cells(world).reuse())
    with tap.case("the-sessions-that-rows-keep-are-kept"):
        assert kept and len(PROXIED.findall(world.gateway.log())) == kept
    mark = world.gateway.mark()
    world.gateway.set(smtp_tls_connection_reuse="yes")
    matrix.put(matrix.document(cells))
    matrix.deliver(cells)
    with tap.case("the-row-that-keeps-none-wins-over-main-cf"):
        assert len(PROXIED.findall(world.gateway.log(mark))) == 1
    world.gateway.set(smtp_tls_connection_reuse=None)


def in_the_place_of_main_cf(world: World, matrix: Matrix, tap: Tap) -> None:
    """What main.cf demands holds for a row that says nothing of it; a row's own word replaces it, and plan says so."""
    encrypt = {"security_level": "encrypt"}
    silent = [Cell(f"row-without-a-word-of-{parameter}", f"row{i}.weak.test", encrypt, NO_HANDSHAKE)
              for i, (parameter, _, _) in enumerate(PLACES)]
    matrix.put(matrix.document(silent))
    for i, (parameter, value, attributes) in enumerate(PLACES):
        row = Cell(f"row-in-the-place-of-{parameter}", f"row{i}.weak.test", encrypt | attributes, TRUSTED)
        cells = [row if cell.destination == row.destination else cell for cell in silent]
        world.gateway.set(**{parameter: value})
        with tap.case(f"plan-says-that-it-takes-the-place-of-{parameter}"):
            plan = matrix.tlsmap.run("plan", document=matrix.document(cells))
            assert re.search(rf"^row row{i}\.weak\.test: encrypt -> encrypt .*\[weaker\]$", plan.stdout, re.M), plan
            assert len(re.findall(rf"{parameter} .*\[row-replaces-main-cf\]", plan.stderr)) == 1, plan
        matrix.put(matrix.document(cells))
        matrix.deliver([row, silent[i - 1]])
        world.gateway.set(**{parameter: None})
    with tap.case("a-row-that-says-as-much-is-no-finding"):
        world.gateway.set(smtp_tls_exclude_ciphers="aNULL", smtp_tls_mandatory_exclude_ciphers="RC4, AES128")
        row = Cell("", "row.weak.test", {"security_level": "fingerprint", "fingerprints": [WRONG_PIN],
                                         "exclude": ["AES128", "RC4", "MD5"]}, "")
        plan = matrix.tlsmap.run("plan", document=matrix.document([row]))
        assert plan.returncode == 1 and "row-replaces-main-cf" not in plan.stderr, plan
        world.gateway.set(smtp_tls_exclude_ciphers=None, smtp_tls_mandatory_exclude_ciphers=None)


def refused(world: World, matrix: Matrix, tap: Tap) -> None:
    world.gateway.postconf("-MX", "tlsproxy/unix")
    table = world.directory / "foreign"
    cells = [Cell(f"foreign-{text}", f"f{i}.{server}", None, wanted)
             for i, (_, _, server, text, wanted) in enumerate(REFUSED)]
    table.write_text("".join(f"{cell.destination} encrypt {row[3]}\n" for cell, row in zip(cells, REFUSED)))
    matrix.put(matrix.document([], fallback_policy_maps=[f"texthash:{table}"]))
    # OpenSSL 3.5 takes what 3.0 does not.
    matrix.deliver([cell for cell, row in zip(cells, REFUSED) if matrix.has_words or row[0] != "bad-cipher"])
    for identifier, attributes, server, text, _ in REFUSED:
        with tap.case(f"refused-{text}"):
            row = Cell("", server, {"security_level": "encrypt", **attributes}, "")
            run = matrix.tlsmap.run("apply", document=matrix.document([row]))
            found = re.findall(r"^.*: error: .*\[([a-z-]+)\]$", run.stderr, re.M)
            assert (run.returncode, found) == (65 if identifier == "bad-cipher" else 78, [identifier]), run


def main(world: World, tap: Tap) -> None:
    # So that "high" is what weak.test does not have.
    world.gateway.set(tls_high_cipherlist="ECDHE-ECDSA-AES256-GCM-SHA384", smtputf8_enable="yes",
                      transport_maps="inline:{routed.test=smtp:[mx.right.test]:587}")
    world.gateway.reload()
    matrix = Matrix(world, tap)
    for part in (rows, no_certificate, levels_for_all, floor_for_all):
        part(world, matrix)
    for claim in (reuse_in_main_cf, in_the_place_of_main_cf, refused):
        claim(world, matrix, tap)
    with tap.case("no-row-ends-in-a-configuration-problem"):
        assert BROKEN not in world.gateway.log()
        assert "table lookup error" not in world.gateway.log()
    tap.note(f"{matrix.count} cells")


if __name__ == "__main__":
    World.run(main)
