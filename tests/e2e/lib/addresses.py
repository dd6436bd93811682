# SPDX-License-Identifier: Apache-2.0
"""Who has which address and name in the world; pure data, nothing is done here.

All names and networks are reserved for documentation and tests (RFC 2606, RFC 5737, RFC 3849).
The zone "test" is unsigned, the zone "example" is signed with DNSSEC.
"""

from __future__ import annotations

from pathlib import Path

HOSTNAME = "gw.example"
LOCALHOST = "127.0.0.1"
GATEWAY = "192.0.2.1"
GATEWAY6 = "2001:db8::1"
SECOND_GATEWAY = "192.0.2.2"
RESOLVER = "127.0.0.53"
NAMESERVER = "127.0.0.54"

# Clients: address -> (PTR name or "", whether that name points back to the address).
BANK = "192.0.2.10"
SHOP = "192.0.2.20"
LIAR = "192.0.2.30"
NAMELESS = "192.0.2.40"
BANK6 = "2001:db8::10"
NAMELESS6 = "2001:db8::40"
CLIENTS = {
    BANK: ("mx.bank.example", True),
    SHOP: ("mx.shop.example", True),
    LIAR: ("mx.liar.example", False),
    NAMELESS: ("", False),
    BANK6: ("mx.bank.example", True),
    NAMELESS6: ("", False),
}

# The partners' side of a virtual cable. Every address of PARTNERS is local to them.
CABLE_GATEWAY = "198.51.100.1"
CABLE_PARTNERS = "198.51.100.2"
PARTNERS = "198.51.100.128/25"
SILENT = "198.51.100.250"


def gateway_side() -> str:
    """Commands for ip(8): the gateway's and the clients' addresses, all on loopback."""
    lines = ["link set lo up"]
    for address in (GATEWAY, SECOND_GATEWAY, GATEWAY6, *CLIENTS):
        lines.append(f"address add {address}/128 dev lo nodad" if ":" in address
                     else f"address add {address}/32 dev lo")
    return "\n".join(lines) + "\n"


def link_to_partners(network: Path) -> str:
    return (f"link add partners type veth peer name gateway netns {network}\n"
            f"address add {CABLE_GATEWAY}/24 dev partners\n"
            "link set partners up\n")


def partner_side() -> str:
    return ("link set lo up\n"
            f"address add {CABLE_PARTNERS}/24 dev gateway\n"
            "link set gateway up\n"
            f"route add local {PARTNERS} dev gateway table local\n")


def server_for(source: str | None) -> str:
    """The gateway's address that a client with this source address talks to."""
    if source is None or source.startswith("127."):
        return LOCALHOST
    if source == "::1":
        return "::1"
    return GATEWAY6 if ":" in source else GATEWAY
