# SPDX-License-Identifier: Apache-2.0
"""Valid settings documents by the thousand, and the policy table that each one means.

    document = generate(seed)                # the same for the same seed
    rows = expected_rows(document, (3, 7))   # [(key, value)]

The documents use every key and word of the contract and each spelling of a text, and contradict
themselves nowhere: `tlsmap check` finds no error in them (it may warn). The rows are modelled from
the contract and postconf(5), not from the program. Names are converted by Python's own codec.
"""

from __future__ import annotations

import calendar
import ipaddress
import itertools
import re
import unicodedata
from random import Random
from typing import Any, Callable

Document = dict[str, Any]
Value = Any

# ---- words of the contract ----

PROTOCOLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
RECEIVE_LEVELS = ("none", "may", "encrypt")
SEND_LEVELS = ("none", "may", "encrypt", "dane", "dane-only", "verify", "secure")
ROW_LEVELS = SEND_LEVELS + ("fingerprint",)
NAMING_LEVELS = ("verify", "secure")
MANDATORY_LEVELS = ("encrypt", "fingerprint", "dane-only", "verify", "secure")
DIGEST_BYTES = (20, 32, 48, 64)
MAX_INTERNATIONAL = 4

# ---- names ----

# Plain letters and digits; the longest label there may be; an underscore, which Postfix takes.
ASCII_LABELS = ("bank", "clinic", "mx", "mail-2", "x1", "_smtp", "a", "pay", "4711", "l" * 63)
# In NFC and lower case, as IDNA2008 has them.
U_LABELS = ("bücher", "müller", "grün", "почта", "例え", "ελλάδα", "ñandú", "한국", "čaj", "ü")
TOPS = ("example", "test", "invalid", "рф")


def _a_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def _u_label(label: str) -> str:
    return label[4:].encode().decode("punycode") if label.startswith("xn--") else label


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower()


def ascii_name(name: str) -> str:
    """The one ASCII form of a domain name, which may begin with a dot."""
    return ".".join(_a_label(label) for label in _plain(name).split("."))


def name_forms(name: str) -> list[str]:
    """All forms of a domain name that an address may have: each label in ASCII or in Unicode."""
    labels = [(label, _u_label(label)) for label in ascii_name(name).split(".")]
    return [".".join(form) for form in itertools.product(*(dict.fromkeys(pair) for pair in labels))]


def _spell_label(rng: Random, label: str) -> str:
    """label as someone may write it."""
    upper = label.upper()
    return rng.choice((
        label,
        _a_label(label),
        _a_label(label).upper(),
        upper if upper.lower() == label else label,
        unicodedata.normalize("NFD", label),
    ))


def host(rng: Random) -> str:
    """A host name: one to five labels, up to four of them internationalised."""
    labels = []
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        labels.append(rng.choice(U_LABELS if rng.random() < 0.3 else ASCII_LABELS))
    labels.append(rng.choice(TOPS))
    return ".".join(_spell_label(rng, label) for label in labels)


def domain(rng: Random) -> str:
    """A name alone, or all names below it."""
    return rng.choice(("", ".")) + host(rng)


def sender_domain(rng: Random) -> str:
    return "<>" if rng.random() < 0.1 else domain(rng)


def match_name(rng: Random) -> str:
    return rng.choice((domain, domain, lambda _: rng.choice(("nexthop", "dot-nexthop", "hostname"))))(rng)


# ---- addresses and next-hops ----

def _ipv4(rng: Random) -> str:
    return str(ipaddress.IPv4Address(rng.getrandbits(32)))


def _ipv6(rng: Random) -> str:
    # Runs of zeros of each length, so that "::" stands in each place.
    groups = [rng.choice((0, 0, 0xdb8, rng.getrandbits(16))) for _ in range(8)]
    address = ipaddress.IPv6Address(":".join(format(group, "x") for group in groups))
    text = rng.choice((address.compressed, address.exploded))
    if rng.random() < 0.2:
        head = ":".join(format(group, "x") for group in groups[:6])
        text = f"{head}:{_ipv4(rng)}"
    return rng.choice((text, text.upper()))


def network(rng: Random) -> str:
    address = ipaddress.ip_address(rng.choice((_ipv4, _ipv6))(rng))
    if rng.random() < 0.3:
        return _ipv6(rng) if address.version == 6 else str(address)
    prefix = rng.choice((0, 1, 8, 24, 32, rng.randint(0, address.max_prefixlen), address.max_prefixlen))
    cut = ipaddress.ip_network((address, prefix), strict=False)
    text = rng.choice((cut.compressed, cut.exploded))
    return rng.choice((text, text.upper()))


def _port(rng: Random) -> str:
    return rng.choice(("1", "25", "587", "10025", "65535", "smtp", "Submission", "z3950-tcp"))


def destination(rng: Random) -> str:
    """A domain, all below one, or a next-hop in each of Postfix's spellings."""
    kind = rng.randrange(8)
    if kind < 3:
        return domain(rng)
    if kind == 3:
        return f"{host(rng)}:{_port(rng)}"
    inside = rng.choice((host(rng), host(rng), _ipv4(rng), _ipv6(rng), "IPv6:" + _ipv6(rng),
                         "ipv6:" + _ipv6(rng)))
    return f"[{inside}]" if kind < 6 else f"[{inside}]:{_port(rng)}"


def _split(text: str) -> tuple[str, str, str]:
    """A destination as what stands before its host, the host, and what stands behind it."""
    if text.startswith("["):
        inside, behind = text[1:].split("]")
        return "[", inside, "]" + behind
    name, colon, port = text.partition(":")
    return "", name, colon + port


def destination_forms(text: str) -> list[str]:
    """The keys under which smtp(8) may look a destination up."""
    before, name, behind = _split(text)
    forms = [_plain(name)] if ":" in name else name_forms(name)
    return [before + form + behind.lower() for form in forms]


# ---- other texts ----

def path(rng: Random) -> str:
    return rng.choice(("/etc/ssl/private", "/etc/postfix", "/srv/añejo", "/a#b;c=d", "")) + "/" + rng.choice(
        ("gateway.pem", "partner-cas.pem", "Zürich:1.pem", "x" * 200)) + rng.choice(("", "", str(rng.randrange(99))))


def certificate_name(rng: Random) -> str:
    return rng.choice((
        "mx.bank.example", "Bank AG, Zürich", 'CN="x" + $y\\z', "*.clinic.example", "ü" * 255, "n",
        f"Partner {rng.randrange(1000)}"))


def fingerprint(rng: Random, n_bytes: int) -> str:
    digits = [format(rng.getrandbits(8), "02x") for _ in range(n_bytes)]
    text = ":".join(digits)
    return rng.choice((text, text.upper(), text.capitalize()))


def cipher(rng: Random) -> str:
    return rng.choice(("RC4", "3DES", "aNULL", "kRSA+SHA1", "DES-CBC3-SHA", "TLS-x1", "MD5"))


def policy_map(rng: Random) -> str:
    return rng.choice(("socketmap:inet:127.0.0.1:8461:postfix", "socketmap:unix:/run/sts.sock:qü",
                       "hash:/etc/postfix/tls_policy", "texthash:tls_policy", "pcre:/etc/postfix/tls.pcre"))


def service(rng: Random) -> str:
    name = rng.choice(("submission", "smtps", "127.0.0.1:10025", "[::1]:10025", "smtp-in", "postlog"))
    return name + rng.choice(("/inet", "/unix", "/fifo", "/pass", "/unix-dgram"))


def user(rng: Random) -> str:
    return rng.choice(("tlsgate", "_tlsgate", "policyd-2", "u" * 32, "rooty"))


def date(rng: Random) -> str:
    year = rng.choice((1, 2000, 2024, 2027, 2099, 9999))
    month = rng.randint(1, 12)
    return f"{year:04}-{month:02}-{rng.randint(1, calendar.monthrange(year, month)[1]):02}"


def free_text(rng: Random) -> str:
    return rng.choice(("", "contract 4711", 'says "yes"\n\tand \\ more', "Übergabe 😀", "\x7f\x01 { } $",
                       "n" * 4096))


# ---- the document ----

def _some(rng: Random, make: Callable[[Random], str], same: Callable[[str], Value] = str) -> list[str]:
    """One to five texts of a kind, no two the same."""
    items = {same(text): text for text in (make(rng) for _ in range(rng.choice((1, 1, 2, 3, 4, 5))))}
    return list(items.values())


def _word(*words: str) -> Callable[[Random], str]:
    return lambda rng: rng.choice(words)


def _optional(rng: Random, target: Document, chance: float, **makers: Callable[[Random], Value]) -> None:
    """Give target each of these keys with this chance."""
    for key, make in makers.items():
        if rng.random() < chance:
            target[key] = make(rng)


def _domains(make: Callable[[Random], str]) -> Callable[[Random], list[str]]:
    return lambda rng: _some(rng, make, ascii_name)


def _list(make: Callable[[Random], str]) -> Callable[[Random], list[str]]:
    return lambda rng: _some(rng, make)


def _list_or_none(make: Callable[[Random], str]) -> Callable[[Random], list[str]]:
    return lambda rng: [] if rng.random() < 0.2 else _some(rng, make)


def _pins(n_bytes: int) -> Callable[[Random], list[str]]:
    return lambda rng: _some(rng, lambda rng: fingerprint(rng, n_bytes), str.upper)


def _certificate(rng: Random) -> Document:
    return {"chain_files": _some(rng, path)}


def _bits(rng: Random) -> int | float:
    return rng.choice((1, 128, 128.0, 256, rng.randint(1, 256)))


def _certificate_demand(rng: Random, client_certificate: str, n_bytes: int) -> Document:
    demand: Document = {}
    if client_certificate == "none" or rng.random() < 0.4:
        return demand
    if client_certificate == "request" and rng.random() < 0.4:
        return {"fingerprints": _pins(n_bytes)(rng)}
    _optional(rng, demand, 0.5, certificate=_word("trusted"), subjects=_list(certificate_name),
              issuers=_list(certificate_name))
    return demand


def _require(rng: Random, client_certificate: str, n_bytes: int) -> Document:
    demand = _certificate_demand(rng, client_certificate, n_bytes)
    _optional(rng, demand, 0.3, client_networks=_list(network), client_names=_domains(domain),
              min_protocol=_word(*PROTOCOLS), min_cipher_bits=_bits)
    return demand


def _rule(rng: Random, number: int, client_certificate: str, n_bytes: int) -> Document:
    rule: Document = {"name": rng.choice(("bank", "a.b_c-", "0", "n" * 62)) + str(number)}
    _optional(rng, rule, 0.4, sender_domains=_domains(sender_domain), recipient_domains=_domains(domain))
    _optional(rng, rule, 0.2, client_networks=_list(network), client_names=_domains(domain))
    _optional(rng, rule, 0.7, require=lambda rng: _require(rng, client_certificate, n_bytes))
    _optional(rng, rule, 0.5, violation=_word("reject", "defer", "report"))
    _optional(rng, rule, 0.3, note=free_text, review_by=date)
    return rule


def _receive(rng: Random) -> Document:
    level = rng.choice(RECEIVE_LEVELS)
    asked = rng.choice({"none": ("none",), "may": ("none", "request"),
                        "encrypt": ("none", "request", "require")}[level])
    receive: Document = {}
    if level != "may" or rng.random() < 0.7:
        receive["security_level"] = level
    if asked != "none" or rng.random() < 0.5:
        receive["client_certificate"] = asked
    _optional(rng, receive, 0.4, certificate=_certificate, trusted_ca_file=path, trusted_ca_directory=path,
              min_protocol=_word(*PROTOCOLS), exempt_networks=_list_or_none(network),
              on_policy_failure=_word("defer", "accept"))
    n_bytes = rng.choice(DIGEST_BYTES)
    if level != "none":
        _optional(rng, receive, 0.8, rules=lambda rng: [
            _rule(rng, number, asked, n_bytes) for number in range(rng.randint(0, 5))])
    elif rng.random() < 0.3:
        receive["rules"] = []
    return receive


def _row(rng: Random, name: str, n_bytes: int) -> Document:
    is_address = re.match(r"\[([0-9.]+|.*:.*)\]", name) is not None
    level = rng.choice([level for level in ROW_LEVELS if not is_address or not level.startswith("dane")])
    row: Document = {"destination": name, "security_level": level}
    if level in NAMING_LEVELS:
        _optional(rng, row, 1 if is_address else 0.5, match=_domains(match_name))
        _optional(rng, row, 0.5, trust_anchor_files=_list(path))
    if level == "fingerprint":
        row["fingerprints"] = _pins(n_bytes)(rng)
    if level in MANDATORY_LEVELS:
        _optional(rng, row, 0.3, min_protocol=_word(*PROTOCOLS), ciphers=_word("medium", "high"),
                  exclude=_list(cipher))
    if level != "none":
        _optional(rng, row, 0.3, server_name=host, connection_reuse=_word(True, False))
    _optional(rng, row, 0.3, note=free_text, review_by=date)
    return row


def _rows(rng: Random) -> list[Document]:
    n_bytes = rng.choice(DIGEST_BYTES)
    names = {destination_forms(name)[0]: name
             for name in (destination(rng) for _ in range(rng.randint(0, 5)))}
    return [_row(rng, name, n_bytes) for name in names.values()]


def _fallback(rng: Random, send: Document) -> None:
    """Tables that Postfix asks beside ours must not weaken a row for all below a domain by oversight."""
    _optional(rng, send, 0.4, fallback_policy_maps=_list_or_none(policy_map))
    can_weaken = send.get("fallback_policy_maps") and any(
        row["destination"].startswith(".") and row["security_level"] not in ("none", "may")
        for row in send.get("domains", []))
    if can_weaken:
        send["fallback_may_override"] = True
    else:
        _optional(rng, send, 0.3, fallback_may_override=_word(True, False))


def _send(rng: Random) -> Document:
    send: Document = {}
    _optional(rng, send, 0.5, security_level=_word(*SEND_LEVELS))
    _optional(rng, send, 0.4, certificate=_certificate, trusted_ca_file=path, trusted_ca_directory=path,
              min_protocol=_word(*PROTOCOLS))
    _optional(rng, send, 0.9, domains=_rows)
    _fallback(rng, send)
    return send


def _postfix(rng: Random) -> Document:
    postfix: Document = {}
    _optional(rng, postfix, 0.5, table_type=_word("auto", "cdb", "lmdb", "hash", "btree", "texthash"),
              policyd=_word("spawn", "socket"), policyd_user=user, policyd_path=path,
              unguarded_services=_list_or_none(service))
    return postfix


def generate(seed: int) -> Document:
    """A valid document."""
    rng = Random(seed)
    document: Document = {}
    _optional(rng, document, 0.5, **{"$schema": free_text})
    _optional(rng, document, 0.95, receive=_receive, send=_send)
    _optional(rng, document, 0.5, postfix=_postfix)
    keys = list(document)
    rng.shuffle(keys)
    return {key: document[key] for key in keys}


# ---- the policy table ----

def _floor(protocol: str, version: tuple[int, int]) -> str:
    """From 3.6 on Postfix takes a floor; before, it takes what is left out."""
    if version >= (3, 6):
        return ">=" + protocol
    return ":".join("!" + name for name in ("SSLv2", "SSLv3", *PROTOCOLS[:PROTOCOLS.index(protocol)]))


def _row_value(row: Document, version: tuple[int, int]) -> str:
    words = [row["security_level"]]
    if "match" in row:
        words.append("match=" + ":".join(map(ascii_name, row["match"])))
    if "fingerprints" in row:
        words.append("match=" + "|".join(map(str.upper, row["fingerprints"])))
    if "min_protocol" in row:
        words.append("protocols=" + _floor(row["min_protocol"], version))
    if "ciphers" in row:
        words.append("ciphers=" + row["ciphers"])
    if "exclude" in row:
        words.append("exclude=" + ":".join(row["exclude"]))
    if "server_name" in row:
        words.append("servername=" + ascii_name(row["server_name"]))
    words += ["tafile=" + name for name in row.get("trust_anchor_files", [])]
    if "connection_reuse" in row:
        words.append("connection_reuse=" + ("yes" if row["connection_reuse"] else "no"))
    return " ".join(words)


def expected_rows(document: Document, version: tuple[int, int]) -> list[tuple[str, str]]:
    """The rows of smtp_tls_policy_maps for this version of Postfix, in document order; those of one
    destination differ in the form of its name, and stand in no order that counts."""
    return [(key, _row_value(row, version))
            for row in document.get("send", {}).get("domains", [])
            for key in destination_forms(row["destination"])]
