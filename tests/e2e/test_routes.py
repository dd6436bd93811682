#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of domains that Postfix routes to another next-hop: either the row holds there too, or apply
refuses and says which row would.

At the level "may" for all, a row "none" sends in clear what would else go by TLS, and a row "secure"
defers what no certificate speaks for: so the delivery tells which row decided."""

import json
import re
from typing import Any, NamedTuple

from lib import partners
from lib.tlsmap import Tlsmap
from lib.world import Tap, World

ADDRESS = {partner.domain: partners.address_of(partner) for partner in partners.PARTNERS}
CLEAR, DEFERRED = "sent in clear", "deferred 4.7.5"


class Own(NamedTuple):
    """A next-hop that nobody else's mail takes."""
    name: str
    key: str
    route: str
    destination: str
    recipient: str


OWN = (
    Own("a-host-with-mx", "h1.own.test", "smtp:right.test", "h1.own.test", "user@h1.own.test"),
    Own("a-host-with-a-port", "h2.own.test", "smtp:old.test:25", "h2.own.test", "user@h2.own.test"),
    Own("brackets", "h3.own.test", "smtp:[mx.right.test]", "h3.own.test", "user@h3.own.test"),
    Own("brackets-and-a-port", "h4.own.test", "smtp:[mx.right.test]:587", "h4.own.test", "user@h4.own.test"),
    Own("an-address", "h5.own.test", f"smtp:[{ADDRESS['named.test']}]", "h5.own.test", "user@h5.own.test"),
    Own("capitals", "h6.own.test", "smtp:[MX.Named.TEST]:25", "H6.own.test", "user@H6.OWN.test"),
    Own("another-smtp-service", "h7.own.test", "relay:[mx.wrong.test]", "h7.own.test", "user@h7.own.test"),
    Own("a-next-hop-alone", "h8.own.test", ":[mx.expired.test]", "h8.own.test", "user@h8.own.test"),
    Own("all-below-a-domain", ".h9.own.test", "smtp:[mx.other-ca.test]", ".h9.own.test", "user@a.h9.own.test"),
    Own("a-sub-domain-of-a-row", "b.h10.own.test", "smtp:[mx.other-ca.test]:25", ".h10.own.test",
        "user@b.h10.own.test"),
    Own("one-address", "user@h11.own.test", "smtp:[mx.self-signed.test]", "h11.own.test", "user@h11.own.test"),
    Own("an-international-name", "xn--zrich-kva.test", "smtp:[mx.dane-none.example]", "zürich.test",
        "user@xn--zrich-kva.test"),
    Own("several-next-hops", "h12.own.test", "smtp:[mx.wrong.test]:9, [mx.wrong.test]:25", "h12.own.test",
        "user@h12.own.test"),
)


class Shared(NamedTuple):
    """Parameters under which the row of partner.test is not asked for, the finding, and the row that
    is offered instead; ROUTES is the table of transport_maps."""
    name: str
    parameters: dict[str, str]
    identifier: str
    offered: str = ""
    routes: str = ""


SHARED = (
    *(Shared(f"relayhost-{spelled}", {"relayhost": spelled}, "route-shared", spelled)
      for spelled in ("mx.right.test", "mx.right.test:25", "[mx.right.test]", "[mx.right.test]:587",
                      f"[{ADDRESS['right.test']}]", f"[{ADDRESS['right.test']}]:587")),
    Shared("default-transport", {"default_transport": "smtp:[mx.right.test]"}, "route-shared", "[mx.right.test]"),
    Shared("relay-transport", {"relay_domains": "partner.test", "relay_transport": "relay:[mx.right.test]"},
           "route-shared", "[mx.right.test]"),
    Shared("fallback-relay", {"smtp_fallback_relay": "[mx.right.test]"}, "route-shared", "[mx.right.test]"),
    Shared("relayhost-of-senders",
           {"sender_dependent_relayhost_maps": "texthash:SENDERS"}, "route-shared", "[mx.right.test]:587"),
    Shared("transport-of-senders",
           {"sender_dependent_default_transport_maps": "texthash:SENDER_TRANSPORTS"}, "route-shared",
           "[mx.right.test]:587"),
    Shared("route-of-all", {}, "route-shared", "[mx.right.test]", "* smtp:[mx.right.test]\n"),
    Shared("next-hop-of-two", {}, "route-shared", "[mx.right.test]",
           "partner.test smtp:[mx.right.test]\nother.test smtp:[mx.right.test]\n"),
    Shared("expression-that-knows-it", {"transport_maps": "regexp:REGEXP"}, "route-unknown", "[mx.right.test]"),
    Shared("lmtp-by-inet", {}, "route-by-lmtp", "", "partner.test lmtp:inet:mx.right.test:24\n"),
    Shared("lmtp-by-unix", {}, "route-by-lmtp", "", "partner.test lmtp:unix:private/lmtp\n"),
)
PARAMETERS = ("relayhost", "default_transport", "relay_domains", "relay_transport", "smtp_fallback_relay",
              "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps")


class Routes:
    """The gateway, its tables of routes, and documents with rows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tlsmap = Tlsmap(world)
        self._table = world.gateway.config_dir / "transport"
        files = {"SENDERS": "user@some.test [mx.right.test]:587\n@more.test DUNNO\n",
                 "SENDER_TRANSPORTS": "user@some.test smtp:[mx.right.test]:587\n",
                 "REGEXP": "/@partner\\.test$/ smtp:[mx.right.test]\n/^partner\\.test$/ smtp:[mx.right.test]\n"}
        self._files = {name: world.gateway.config_dir / name.lower() for name in files}
        for name, text in files.items():
            self._files[name].write_text(text)

    def route(self, routes: str, **parameters: str) -> None:
        """In force at once for plan; for deliveries after a reload."""
        self._table.write_text(routes)
        values = {"transport_maps": f"texthash:{self._table}" if routes else "", **parameters}
        for name, path in self._files.items():
            values = {key: value.replace(name, str(path)) for key, value in values.items()}
        self.world.gateway.set(**{name: None for name in PARAMETERS if name not in values}, **values)

    def document(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        return self.tlsmap.document(send={"security_level": "may", "domains": rows})

    def refused(self, rows: list[dict[str, Any]], command: str = "apply") -> str:
        run = self.tlsmap.run(command, document=self.document(rows))
        assert run.returncode == 78, run
        return run.stderr

    def happened(self, recipient: str) -> str:
        sent = self.world.relay(recipient)
        outcome = self.world.outcome(sent)
        if outcome.status == "sent":
            return f"sent {outcome.tls or 'in clear'}"
        return f"{outcome.status} {outcome.dsn}"


def check_own(routes: Routes, tap: Tap) -> None:
    routes.route("".join(f"{own.key} {own.route}\n" for own in OWN))
    rows: list[dict[str, Any]] = [{"destination": own.destination, "security_level": "none"} for own in OWN]
    # A weaker row under a domain would hold for mail to that domain, too, and is refused.
    rows[0] |= {"security_level": "secure", "match": ["mx.elsewhere.test"]}
    with tap.case("rows-of-routed-domains-are-applied"):
        routes.tlsmap.apply(routes.document(rows))
    for own in OWN:
        with tap.case(f"own-next-hop-{own.name}"):
            assert routes.happened(own.recipient) == (DEFERRED if own is OWN[0] else CLEAR)
    with tap.case("what-has-no-row-goes-at-the-level-for-all"):
        assert routes.happened("user@wrong.test") == "sent Trusted"
    with tap.case("render-has-the-rows-of-routes"):
        printed = routes.tlsmap.run("render", "tls_policy").stdout
        assert "[mx.right.test]:587\tnone\n" in printed and "h4.own.test\tnone\n" in printed, printed
    with tap.case("nothing-changes-when-nothing-changed"):
        run = routes.tlsmap.run("plan")
        assert run.returncode == 0, run


def check_changes(routes: Routes, tap: Tap) -> None:
    rows = [{"destination": "partner.test", "security_level": "secure", "match": ["partner.test"]}]
    routes.route("")
    routes.tlsmap.apply(routes.document(rows))
    with tap.case("status-reports-a-route-that-came"):
        assert routes.tlsmap.run("status").returncode == 0
        routes.route("partner.test smtp:[mx.right.test]\n")
        run = routes.tlsmap.run("status")
        assert run.returncode == 1 and "[routes-changed]" in run.stderr and "[mx.right.test]" in run.stderr, run
    with tap.case("plan-shows-its-row-and-apply-writes-it"):
        run = routes.tlsmap.run("plan")
        assert run.returncode == 1 and "[mx.right.test]" in run.stdout and "stricter" in run.stdout, run
        routes.tlsmap.apply(routes.document(rows))
        assert routes.happened("user@partner.test") == DEFERRED
        assert routes.tlsmap.run("status").returncode == 0
    with tap.case("the-row-goes-with-the-route"):
        routes.route("")
        assert "[routes-changed]" in routes.tlsmap.run("status").stderr
        routes.tlsmap.apply(routes.document(rows))
        assert "[mx.right.test]" not in routes.tlsmap.run("render", "tls_policy").stdout
    with tap.case("a-weaker-row-for-the-next-hop-is-no-cure"):
        routes.route("partner.test smtp:[mx.right.test]\n")
        run = routes.refused(rows + [{"destination": "[mx.right.test]", "security_level": "encrypt"}])
        assert "[route-row-weaker]" in run, run
    with tap.case("a-stricter-row-for-the-next-hop-is"):
        encrypt = [{"destination": "partner.test", "security_level": "encrypt"}]
        routes.tlsmap.apply(routes.document(
            encrypt + [{"destination": "[mx.right.test]", "security_level": "secure"}]))
        assert routes.happened("user@partner.test") == "sent Verified"
    with tap.case("a-route-past-the-relayhost-keeps-its-row"):
        routes.route("partner.test smtp:\n", relayhost="[mx.right.test]")
        assert routes.tlsmap.run("plan", document=routes.document(rows)).returncode in (0, 1)
    with tap.case("routes-that-can-not-be-listed-are-a-warning"):
        routes.route("", transport_maps="regexp:REGEXP")
        run = routes.tlsmap.run("plan", document=routes.document(
            [{"destination": "else.test", "security_level": "encrypt"}]))
        assert run.returncode == 1 and "[routes-unlisted]" in run.stderr, run


def check_shared(routes: Routes, tap: Tap) -> None:
    rows = [{"destination": "partner.test", "security_level": "encrypt"}]
    for shared in SHARED:
        with tap.case(f"refused-{shared.name}"):
            routes.route(shared.routes, **shared.parameters)
            said = routes.refused(rows)
            assert f"[{shared.identifier}]" in said, said
            if shared.offered:
                line = re.search(r"\{ \"destination\": .*? \}", said)
                assert line is not None, said
                cure = json.loads(line[0])
                assert cure["destination"] == shared.offered.lower(), said
                run = routes.tlsmap.run("plan", document=routes.document([*rows, cure]))
                assert run.returncode == 1, run
    with tap.case("the-line-for-a-relayhost-holds"):
        routes.route("", relayhost="[mx.plain.test]")
        line = re.search(r"\{ \"destination\": .*? \}", routes.refused(rows))
        assert line is not None
        routes.tlsmap.apply(routes.document([*rows, json.loads(line[0])]))
        assert routes.happened("user@partner.test") == "deferred 4.7.4"


def main(world: World, tap: Tap) -> None:
    routes = Routes(world)
    world.gateway.set(smtputf8_enable="yes")
    check_own(routes, tap)
    check_changes(routes, tap)
    check_shared(routes, tap)


if __name__ == "__main__":
    World.run(main)
