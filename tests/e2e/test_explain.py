#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""explain send says what smtp(8) does: random documents, routes and destinations on a real Postfix.

Usage: test_explain.py [--all]: 650 mails, else 40. smtp -v tells which keys of smtp_tls_policy_maps it asks for
and what is found; each delivery must have asked for the keys that explain named, found what it said, and nothing
that apply took may end in "client TLS configuration problem"."""

from __future__ import annotations

import collections
import json
import random
import re
import sys
from typing import Any

from lib import partners
from lib.tlsmap import Tlsmap
from lib.world import Tap, World

N_SITES, MAILS_EACH, AT_LEAST = (65, 10, 20) if "--all" in sys.argv else (4, 10, 0)

ADDRESS = {partner.domain: partners.address_of(partner) for partner in partners.PARTNERS}
DOMAINS = [name + domain for domain in ("right.test", "plain.test", "wrong.test", "old.test", "named.test")
           for name in ("", "a.", "b.a.")]
NEXT_HOPS = ["mx.right.test", "[mx.right.test]", "[mx.right.test]:587", "mx.plain.test:25", "[mx.old.test]",
             f"[{ADDRESS['wrong.test']}]", f"[{ADDRESS['named.test']}]:25", "[mx.wrong.test]:9, [mx.wrong.test]"]
SENDERS = ("user@one.test", "user@two.test", "")
PIN = ":".join(["AB"] * 32)
# Level: attributes that it takes.
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "none": {}, "may": {"connection_reuse": False, "server_name": "mx.right.test"},
    "encrypt": {"min_protocol": "TLSv1.2", "ciphers": "high", "exclude": ["aNULL"], "server_name": "mx.right.test"},
    "fingerprint": {"fingerprints": [PIN]},
    "verify": {"match": ["mx.right.test"], "min_protocol": "TLSv1.2"},
    "secure": {"match": ["mx.right.test", ".old.test"], "trust_anchor_files": ["CA"]},
    "dane": {"connection_reuse": False}, "dane-only": {"ciphers": "medium"},
}
_FOUND = re.compile(r"maps_find: smtp_tls_policy_maps: [^ ]+?\([^ ]*\): ([^ ]+) = (.*)$", re.MULTILINE)
_ASKED = re.compile(r"maps_find: smtp_tls_policy_maps: ([^ ]+): not found$", re.MULTILINE)


class Site:
    """A random configuration of routes, and a random document that apply takes there."""

    def __init__(self, world: World, tlsmap: Tlsmap, rng: random.Random) -> None:
        self.world, self.tlsmap, self.rng = world, tlsmap, rng
        self._directory = world.gateway.config_dir
        self._routed: list[str] = []
        self._rows: list[dict[str, Any]] = []

    def _table(self, name: str, rows: dict[str, str]) -> str:
        (self._directory / name).write_text("".join(f"{key} {value}\n" for key, value in rows.items()))
        return f"texthash:{self._directory / name}"

    def _target(self) -> str:
        return self.rng.choice(("smtp:", "relay:", ":")) + self.rng.choice(NEXT_HOPS)

    def _sender_next_hop(self) -> str:
        return self.rng.choice(("DUNNO", *NEXT_HOPS[:6]))

    def route(self) -> None:
        """Rows of transport_maps always; one of the other ways to a next-hop, or none."""
        rng = self.rng
        rows = {}
        for domain in rng.sample(DOMAINS, 4):
            key = rng.choice((domain, f".{domain}", f"user@{domain}"))
            rows[key] = rng.choice((self._target(), self._target(), "smtp:", ":"))
        values = {"transport_maps": self._table("transport", rows), "relayhost": "",
                  "default_transport": "smtp", "relay_domains": "", "relay_transport": "relay",
                  "sender_dependent_relayhost_maps": "", "sender_dependent_default_transport_maps": ""}
        way = rng.choice(("relayhost", "default", *["relay"] * 3, "senders", *["transports"] * 3, "", ""))
        if way == "relayhost":
            values["relayhost"] = rng.choice(NEXT_HOPS[:6])
        elif way == "default":
            values["default_transport"] = f"smtp:{rng.choice(NEXT_HOPS[:6])}"
        elif way == "relay":
            values["relay_domains"] = ", ".join(rng.sample(DOMAINS, 4))
            values["relay_transport"] = f"relay:{rng.choice(NEXT_HOPS[:6])}"
        elif way == "senders":
            values["sender_dependent_relayhost_maps"] = self._table(
                "senders", {"user@one.test": self._sender_next_hop(), "@two.test": self._sender_next_hop(),
                            "<>": self._sender_next_hop()})
        elif way == "transports":
            values["sender_dependent_default_transport_maps"] = self._table(
                "transports", {"user@one.test": f"smtp:{rng.choice(NEXT_HOPS[:6])}", "@two.test": "relay",
                               "<>": f"relay:{rng.choice(NEXT_HOPS[:6])}"})
        self.world.gateway.set(**values)
        self._routed = [key.rpartition("@")[2] for key in rows]

    def recipient(self) -> str:
        """Rather one that a row of the document or of transport_maps may be about."""
        near = self._routed + [row["destination"] for row in self._rows]
        names = [f"a{name}" if name[0] == "." else name for name in near if name[-1].isalpha()]
        name = self.rng.choice(names if names and self.rng.random() < 0.7 else DOMAINS)
        return f"{self.rng.choice(('user', 'other'))}@{name}"

    def _row(self, destination: str) -> dict[str, Any]:
        level = self.rng.choice([*ATTRIBUTES, "verify", "fingerprint", "dane"])
        row = {"destination": destination, "security_level": level}
        if re.search(r"\[[\d.]+\]", destination) and level in ("verify", "secure", "dane", "dane-only"):
            row["security_level"] = level = "encrypt"
        for name, value in ATTRIBUTES[level].items():
            if self.rng.random() < 0.6 or level == "fingerprint":
                row[name] = [str(self.world.certificates.ca)] if value == ["CA"] else value
        return row

    def _document(self) -> dict[str, Any]:
        names = self.rng.sample(DOMAINS + [f".{domain}" for domain in DOMAINS], 9)
        names += self.rng.sample([next_hop for next_hop in NEXT_HOPS if "," not in next_hop], 3)
        send: dict[str, Any] = {"security_level": self.rng.choice(("none", "may", "may", "encrypt")),
                                "domains": [self._row(name) for name in names]}
        if self.rng.random() < 0.6:
            rows = {name: self.rng.choice(("may", "encrypt", "none", "encrypt protocols=>=TLSv1.2"))
                    for name in self.rng.sample(DOMAINS, 6)}
            send |= {"fallback_policy_maps": [self._table("others", rows)], "fallback_may_override": True}
        return self.tlsmap.document(send=send)

    def apply(self) -> collections.Counter[str]:
        """What apply refuses, explain has refused before; rows that it names are left out until it takes the rest."""
        document = self._document()
        refused: collections.Counter[str] = collections.Counter()
        for _ in range(20):
            run = self.tlsmap.run("--json", "plan", document=document)
            findings = [finding for finding in json.loads(run.stdout)["findings"] if finding["severity"] == "error"]
            if not findings:
                self._rows = document["send"]["domains"]
                self.tlsmap.apply(document)
                return refused
            said = self.tlsmap.run("--json", "explain", "send", "user@right.test")
            ids = {finding["id"] for finding in json.loads(said.stdout)["findings"]}
            for finding in findings:
                assert finding["id"].startswith("route-") and finding["id"] in ids, (finding, ids)
                refused[finding["id"]] += 1
            places = {int(finding["pointer"].split("/")[3]) for finding in findings}
            document["send"]["domains"] = [row for i, row in enumerate(document["send"]["domains"]) if i not in places]
        raise AssertionError("apply takes no row")

    def explained(self, recipient: str, sender: str) -> dict[str, Any]:
        run = self.tlsmap.run("--json", "explain", "send", recipient, "--sender", sender or "<>")
        assert run.returncode == 0, run
        found: dict[str, Any] = json.loads(run.stdout)["explained_send"]
        return found

    def happened(self, recipient: str, sender: str) -> list[tuple[list[str], str]]:
        """For each next-hop that was tried the keys that were asked for, and what was found."""
        mark = self.world.gateway.mark()
        sent = self.world.relay(recipient, mail_from=sender)
        outcome = self.world.outcome(sent)
        assert "configuration problem" not in outcome.text, outcome
        lines = self.world.gateway.log(mark).splitlines()
        tried: list[tuple[list[str], str]] = []
        keys: list[str] = []
        for line in lines:
            if hit := _ASKED.search(line):
                if keys and not hit[1].startswith("."):
                    tried.append((keys, ""))
                    keys = []
                keys.append(hit[1])
            elif hit := _FOUND.search(line):
                tried.append(([*keys, hit[1]], hit[2]))
                keys = []
        return tried + ([(keys, "")] if keys else [])


class Counts:
    """How often each thing was seen."""

    def __init__(self) -> None:
        self.seen: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def note(self, explained: dict[str, Any]) -> None:
        self.seen["route"][explained["route"].split(",")[0]] += 1
        for each in explained["next_hops"]:
            words = each["policy"].split()
            self.seen["level"][words[0]] += 1
            self.seen["decided by"][each["decided_by"]] += 1
            for word in words[1:]:
                self.seen["attribute"][word.split("=")[0]] += 1

    def show(self) -> None:
        for name, counter in self.seen.items():
            print(f"# {name}: " + ", ".join(f"{key} {n}" for key, n in counter.most_common()))


def logged(value: str) -> str:
    """As the log has it, which ends after 100 bytes."""
    return value if len(value) <= 100 else f"{value[:100]}..."


def compare(site: Site, recipient: str, sender: str, counts: Counts) -> None:
    explained = site.explained(recipient, sender)
    happened = site.happened(recipient, sender)
    wanted = [(each["keys"], logged(each["policy"]) if each["decided_by"] != "level" else "")
              for each in explained["next_hops"]]
    assert happened and happened == wanted[:len(happened)], \
        f"{recipient} from <{sender}>: asked {happened}, explained {wanted}, {explained['route']}"
    counts.note(explained)


def main(world: World, tap: Tap) -> None:
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    rng = random.Random(seed)
    tlsmap = Tlsmap(world)
    counts = Counts()
    refused: collections.Counter[str] = collections.Counter()
    for service in ("smtp", "relay"):
        world.gateway.postconf("-F", f"{service}/unix/command=smtp -v")
    world.gateway.set(max_use="1", smtp_connect_timeout="3s")
    for number in range(N_SITES):
        with tap.case(f"explain-is-what-happens-{number}"):
            site = Site(world, tlsmap, rng)
            site.route()
            refused += site.apply()
            for _ in range(MAILS_EACH):
                compare(site, site.recipient(), rng.choice(SENDERS), counts)
    counts.show()
    print(f"# refused: {dict(refused)}")
    with tap.case("everything-was-seen"):
        for name, wanted in (("level", set(ATTRIBUTES)), ("decided by", {"row", "row of the route", "table", "level"}),
                             ("attribute", {"match", "protocols", "ciphers", "exclude", "servername", "tafile",
                                            "connection_reuse"}),
                             ("route", {"the domain itself", "transport_maps", "relayhost", "default_transport",
                                        "relay_transport", "sender_dependent_relayhost_maps",
                                        "sender_dependent_default_transport_maps"})):
            rare = {each: counts.seen[name][each] for each in wanted if counts.seen[name][each] < AT_LEAST}
            assert not rare, (name, rare)


if __name__ == "__main__":
    World.run(main)
