# SPDX-License-Identifier: Apache-2.0
"""The mail servers of the world's other domains: one Postfix that plays all of them.

Each partner is one line of the table. Its domain NAME.test (or .example: signed with DNSSEC) and
everything below it has one MX host, mx.DOMAIN, with an address and an smtpd(8) of its own. All
mail is accepted into one store; the Received header says which host took it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import addresses
from .ca import Authorities
from .gateways import private_instance
from .postfix import Postfix


@dataclass(frozen=True)
class Partner:
    """certificate: arguments of Authorities.issue(); None: the server does not offer STARTTLS.

    tlsa: which certificate a TLSA record pins. sni: the certificate for clients that name the host by SNI.
    options: further parameters of its smtpd(8).
    """
    domain: str
    certificate: dict[str, Any] | None
    tlsa: str | None = None
    sni: dict[str, Any] | None = None
    options: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = (25,)

    @property
    def host(self) -> str:
        return f"mx.{self.domain}"

    @property
    def certificate_name(self) -> str:
        return f"mx-{self.domain.replace('.', '-')}"

    @property
    def sni_name(self) -> str:
        return f"sni-{self.certificate_name}"


def _named(host: str, **how: Any) -> dict[str, Any]:
    return {"subject": f"/CN={host}", "san": f"DNS:{host}", **how}


_WEAK = {"smtpd_tls_protocols": "<=TLSv1.2", "tls_medium_cipherlist": "ECDHE-ECDSA-AES128-GCM-SHA256"}

PARTNERS = (
    Partner("plain.test", None),
    Partner("self-signed.test", _named("mx.self-signed.test", issuer=None)),
    Partner("right.test", _named("mx.right.test"), ports=(25, 587)),
    Partner("wrong.test", _named("mx.elsewhere.test")),
    Partner("expired.test", _named("mx.expired.test", expired=True)),
    Partner("other-ca.test", _named("mx.other-ca.test", issuer="other-ca")),
    Partner("named.test", _named("named.test")),
    Partner("old.test", _named("mx.old.test"), options={"smtpd_tls_protocols": "<=TLSv1.2"}),
    # One cipher, which Postfix's "high" has, and nothing newer.
    Partner("weak.test", _named("mx.weak.test"), options=_WEAK),
    # Shows a certificate of ours only to who asks for mx.sni.test by SNI.
    Partner("sni.test", _named("mx.sni.test", issuer=None), sni=_named("mx.sni.test")),
    Partner("mutual.test", _named("mx.mutual.test"), options={
        "smtpd_tls_security_level": "encrypt", "smtpd_tls_req_ccert": "yes"}),
    Partner("dane.example", _named("mx.dane.example", issuer=None), tlsa="mx-dane-example"),
    Partner("dane-wrong.example", _named("mx.dane-wrong.example"), tlsa="mx-dane-example"),
    Partner("dane-none.example", _named("mx.dane-none.example")),
    Partner("dane-plain.example", None, tlsa="mx-dane-example"),
    Partner("dane-weak.example", _named("mx.dane-weak.example", issuer=None), tlsa="mx-dane-weak-example",
            options=_WEAK),
    Partner("soon.test", _named("mx.soon.test", days=10)),
    Partner("refusing.test", None, options={
        "smtpd_delay_reject": "no", "smtpd_client_restrictions": "reject"}),
    Partner("slow.test", None, options={
        "smtpd_delay_reject": "no", "smtpd_client_restrictions": "sleep,10"}),
    Partner("broken.test", None, options={"smtpd_tls_security_level": "may"}),
)

# Domains without a server of their own.
_MORE_RECORDS = [
    "hosted.test MX 10 mx.right.test.",
    "xn--bcher-kva.test MX 10 mx.right.test.",  # bücher.test
    "xn--mnchen-3ya.test MX 10 mx.plain.test.",  # münchen.test
    "xn--mnchen-3ya.xn--mnchen-3ya.test MX 10 mx.plain.test.",
    "xn--zrich-kva.test MX 10 mx.plain.test.",  # zürich.test
    "mixed.test MX 10 mx.plain.test.",
    "mixed.test MX 20 mx.right.test.",
    "a.mixed.test MX 10 mx.plain.test.",
    "a.mixed.test MX 20 mx.right.test.",
    "equals.test MX 10 mx.plain.test.",
    "equals.test MX 10 mx.right.test.",
    "backup.test MX 10 mx.silent.test.",
    "backup.test MX 20 mx.right.test.",
    "half.test MX 10 mx.wrong.test.",
    "half.test MX 20 mx.right.test.",
    "no-mx.test A {right}",
    "null-mx.test MX 0 .",
    "silent.test MX 10 mx.silent.test.",
    f"mx.silent.test A {addresses.SILENT}",
]


def address_of(partner: Partner) -> str:
    first = ipaddress.ip_network(addresses.PARTNERS).network_address + 1
    return str(first + PARTNERS.index(partner))


def certificates() -> dict[str, dict[str, Any]]:
    """What Authorities.make_all() is to make for the partners."""
    return {name: how for partner in PARTNERS
            for name, how in ((partner.certificate_name, partner.certificate), (partner.sni_name, partner.sni))
            if how is not None}


def records(authorities: Authorities) -> list[str]:
    """DNS records of all partners."""
    found = []
    for partner in PARTNERS:
        for name in (partner.domain, f"*.{partner.domain}"):
            found.append(f"{name} MX 10 {partner.host}.")
        found.append(f"{partner.host} A {address_of(partner)}")
        if partner.tlsa:
            found.append(f"_25._tcp.{partner.host} TLSA {authorities[partner.tlsa].tlsa}")
    right = next(partner for partner in PARTNERS if partner.domain == "right.test")
    return found + [record.format(right=address_of(right)) for record in _MORE_RECORDS]


def make(base: Path, authorities: Authorities, network: Path) -> Postfix:
    """The one instance that plays all partners, not yet started."""
    inet, listens = "", []
    for partner in PARTNERS:
        options = {"myhostname": partner.host, "smtpd_tls_security_level": "none"}
        if partner.certificate is not None:
            chain = authorities.directory / f"{partner.certificate_name}.chain"
            options |= {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": str(chain),
                        "smtpd_tls_ask_ccert": "yes"}
        if partner.sni is not None:
            chain = authorities.directory / f"{partner.sni_name}.chain"
            options["tls_server_sni_maps"] = f"inline:{{{partner.host}={chain}}}"
        for port in partner.ports:
            inet += f"{address_of(partner)}:{port} inet n - n - - smtpd\n"
            inet += "".join(f"  -o {name}={value}\n"
                            for name, value in (options | partner.options).items())
            listens.append((address_of(partner), port))
    return private_instance(base, "partners", {
        "myhostname": "partners.test",
        "syslog_name": "partners",
        "inet_interfaces": "loopback-only",
        "inet_protocols": "ipv4",
        "virtual_mailbox_domains": "static:all",
        "smtpd_peername_lookup": "no",
        "smtpd_tls_CAfile": str(authorities.directory / "ca.pem"),
    }, inet, listens, network)
