# SPDX-License-Identifier: Apache-2.0
"""Valid settings documents made wrong, each in one way.

    mutant = mutate(kind, number)    # kind is a row of BROKEN or of CONTRADICTIONS

BROKEN are mistakes in one value, which a JSON Schema can tell; CONTRADICTIONS are mistakes between
values, or between parts of one, which only the program can tell: each says why.
"""

import json
from random import Random
from typing import Any, Callable, Iterator, NamedTuple

from documents import (PROTOCOLS, RECEIVE_LEVELS, ROW_LEVELS, SEND_LEVELS, Document, Value, destination_forms,
                       generate)

Path = tuple[str | int, ...]
Change = Callable[[Random, Document, int], bool]

LONG = "l" * 63
SHA1 = ":".join(["AB"] * 20)
SHA256 = ":".join(["cd"] * 32)

# ---- places ----


class Place(NamedTuple):
    """A value, where it stands, and the last key on the way to it."""

    holder: Any
    step: str | int
    path: Path

    @property
    def value(self) -> Value:
        return self.holder[self.step]

    @property
    def key(self) -> str:
        return next(step for step in reversed(self.path) if isinstance(step, str))

    @property
    def is_item(self) -> bool:
        return isinstance(self.step, int)


def places(holder: Value, path: Path = ()) -> Iterator[Place]:
    """Every value below holder."""
    steps = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
    for step, value in list(steps):
        yield Place(holder, step, path + (step,))
        yield from places(value, path + (step,))


# ---- what stands under each key ----

# The identifier of a text that is not of the kind which stands under these keys.
TEXT_KEYS = {
    "bad-path": ("chain_files", "trusted_ca_file", "trusted_ca_directory", "trust_anchor_files", "policyd_path"),
    "bad-name": ("name",),
    "bad-user": ("policyd_user",),
    "bad-network": ("exempt_networks", "client_networks"),
    "bad-date": ("review_by",),
    "bad-domain": ("sender_domains", "recipient_domains"),
    "bad-client-name": ("client_names",),
    "bad-certificate-name": ("subjects", "issuers"),
    "bad-fingerprint": ("fingerprints",),
    "bad-destination": ("destination",),
    "bad-match": ("match",),
    "bad-cipher": ("exclude",),
    "bad-server-name": ("server_name",),
    "bad-policy-map": ("fallback_policy_maps",),
    "bad-service": ("unguarded_services",),
}
KINDS_OF_TEXT = {key: identifier for identifier, keys in TEXT_KEYS.items() for key in keys}
FREE_TEXTS = ("$schema", "note")
MAY_BE_EMPTY = ("exempt_networks", "fallback_policy_maps", "unguarded_services", "rules", "domains")

# The words that may stand at the end of each path.
WORDS = {
    ("receive", "security_level"): RECEIVE_LEVELS,
    ("receive", "client_certificate"): ("none", "request", "require"),
    ("receive", "min_protocol"): PROTOCOLS,
    ("receive", "on_policy_failure"): ("defer", "accept"),
    ("require", "certificate"): ("trusted",),
    ("require", "min_protocol"): PROTOCOLS,
    ("rules", "violation"): ("reject", "defer", "report"),
    ("send", "security_level"): SEND_LEVELS,
    ("send", "min_protocol"): PROTOCOLS,
    ("domains", "security_level"): ROW_LEVELS,
    ("domains", "min_protocol"): PROTOCOLS,
    ("domains", "ciphers"): ("medium", "high"),
    ("postfix", "table_type"): ("auto", "cdb", "lmdb", "hash", "btree", "texthash"),
    ("postfix", "policyd"): ("spawn", "socket"),
}


def word_table(path: Path) -> tuple[str, str]:
    """The key in WORDS for a path."""
    names = [step for step in path if isinstance(step, str)]
    return (names[-2], names[-1]) if len(names) > 1 else ("", names[-1])


_BAD_NAMES = ("", ".", "..", "a..b", "a.example.", "a b.example", "-a.example", "a-.example", "a.-b", "*.example",
              "a@b.example", "a/b", LONG + "l.example", ".".join([LONG] * 4) + "x", "192.0.2.1", "4711", "a,b",
              "a\nb", "a.example\n", "bücher .example", "bücher..example", "ü.example.", "a;b", "ü!")
_BAD_DOMAINS = _BAD_NAMES + ("..example", ".192.0.2", "<>.example", "<", "[a.example]", "a.example:25")

# Texts that nothing but themselves makes wrong.
BAD_TEXTS = {
    "bad-path": ("", "etc/x.pem", "./x", "~/x", "/a b", "/a,b", "/$HOME/x", "/{a}", '/"x"', "/a\nb", "/a\n",
                 "/\x7f", " /a", "/\tx"),
    "bad-name": ("", "A", "a b", "bänk", "a" * 65, "a\n", "a/b", "bank!", "<>"),
    "bad-user": ("", "root", "Tlsgate", "0user", "-x", "a" * 33, "a.b", "a b", "tlsgate\n", "ünix"),
    "bad-network": ("", "localhost", "192.0.2", "192.0.2.256", "192.0.2.01", "192.0.2.0/33", "192.0.2.0/",
                    "192.0.2.0/024", "192.0.2.0/+8", "192.0.2.0/8 ", "192.0.2.0/255.255.255.0", "2001:db8::/129",
                    "2001:db8:::1", "::1::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "1:2:3:4:5:6:7", "12345::",
                    "::g", "::192.0.2.1/x", "::1%eth0", "[::1]", "192.0.2.0\n", "::1/00",
                    "1:2:3:4:5:6:7:192.0.2.1", "::192.0.2.01", ":1::2", "/8"),
    "bad-date": ("", "31.03.2027", "2027-3-31", "2027/03/31", "27-03-31", "2027-13-01", "2027-00-10",
                 "2027-01-32", "2027-02-30", "2100-02-29", "0000-01-01", "2027-03-31 ", "2027-03-31\n",
                 "20270331", "2027-W13-3", "2027-04-31", "-027-01-01", "2027-01-1x", "٢٠٢٧-01-01"),
    "bad-domain": _BAD_DOMAINS,
    "bad-client-name": _BAD_DOMAINS + ("<>",),
    "bad-certificate-name": ("", "a\nb", "\x7f", "n" * 256, "ü" * 256, "x\n", "\x01"),
    "bad-fingerprint": ("", "AA", SHA1 + ":", SHA1[:-3], SHA1[:-1], SHA1 + ":AB", SHA1.replace(":", ""),
                        "A" + SHA1[1:-1] + "g", SHA1.replace("AB", "AG", 1), ":".join(["AB"] * 16),
                        SHA1.replace(":", "-"), SHA1 + "\n", SHA256 + ":00", "sha256 " + SHA256,
                        ":".join(["00"] * 80)),
    "bad-destination": _BAD_NAMES + (
        "[]", "[a.example", "a.example]", "[a.example]x", "[a.example]:",
        "a.example:", "a.example:0", "a.example:65536", "a.example:025", "a.example:25:26", "a.example:-1",
        "a.example:99999", "a.example:ü", "a.example:" + "p" * 33, ":25", "192.0.2.1:25", "[192.0.2.999]",
        "[192.0.2.01]", "[ipv6:192.0.2.1]", "[ipv6:2001:db8::x]", "[2001:db8:::1]", "[ipv4:192.0.2.1]",
        ".a.example:25", "[.a.example]", "a[b]", "[[a.example]]", "[a.example]]", "[4711]", "[a.example]:25\n",
        "2001:db8::1", "[::1]:smtp!", "<>"),
    "bad-match": _BAD_DOMAINS + ("<>",),
    "bad-cipher": ("", "!RC4", "-RC4", "+RC4", "RC4:MD5", "RC4,MD5", "R C4", "@STRENGTH", "RC4\n", "RĆ4", "_x",
                   "AES_128", "RC4+", "RC4++MD5"),
    "bad-server-name": _BAD_NAMES + (".a.example", "[a.example]", "a.example:25", "<>"),
    "bad-policy-map": ("", "hash", "hash:", ":x", "Hash:/x", "ha-sh:/x", "hash:/a b", "hash:/$x", "inline:{a=b}",
                       "hash:/x\n", " hash:/x", 'pcre:"x"', "a1:x"),
    "bad-service": ("", "submission", "/inet", "submission/tcp", "submission/Inet", "sub mission/inet",
                    "a/b/inet", "submission/inet/x", "submission/inet\n", "submission/", "$x/inet",
                    "submission/unix-dgrams"),
}

# ---- mistakes in one value ----


class Kind(NamedTuple):
    name: str
    identifier: str  # of the program's finding
    change: Change  # False: this document has no place for it
    why: str = ""  # a schema can't tell; empty: it can


def _replace(rng: Random, found: list[Place], value: Callable[[Place], Value]) -> bool:
    if not found:
        return False
    place = rng.choice(found)
    place.holder[place.step] = value(place)
    return True


def _where(document: Document, wanted: Callable[[Place], bool]) -> list[Place]:
    return [place for place in places(document) if wanted(place)]


def _is_text(place: Place) -> bool:
    return isinstance(place.value, str) and (place.key in KINDS_OF_TEXT or place.key in FREE_TEXTS)


def _is_word(place: Place) -> bool:
    return isinstance(place.value, str) and word_table(place.path) in WORDS and not place.is_item


def _wrong_text(identifier: str, *texts: str) -> Change:
    def change(rng: Random, document: Document, number: int) -> bool:
        found = _where(document, lambda place: isinstance(place.value, str) and place.key in TEXT_KEYS[identifier])
        return _replace(rng, found, lambda _: texts[number % len(texts)])
    return change


def _unknown_key(rng: Random, document: Document, number: int) -> bool:
    objects = [document] + [place.value for place in _where(document, lambda place: isinstance(place.value, dict))]
    target = rng.choice(objects)
    names = ("Note", "", "security-level", "security_level ", "comment", "$ref", "domain", "certificates",
    "ümlaut")
    target[rng.choice(names)] = rng.choice(("x", 1, None, [], {}))
    return True


def _missing_key(rng: Random, document: Document, number: int) -> bool:
    found = _where(document, lambda place: not place.is_item and (
        place.key in ("name", "destination", "chain_files")
        or (place.key == "security_level" and "domains" in place.path)))
    if not found:
        return False
    place = rng.choice(found)
    del place.holder[place.step]
    return True


def _type(value: Value) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _wrong_type(rng: Random, document: Document, number: int) -> bool:
    others = ("x", 7, 1.5, True, False, None, [], {}, ["x"], {"x": 1})
    return _replace(rng, list(places(document)), lambda place: rng.choice(
        [other for other in others if _type(other) is not _type(place.value)]))


def _misspelled(word: str, number: int) -> str:
    spellings = (word.upper(), word + " ", "", word[:-1], word + "x", word.capitalize(), word + "\n", "ALL", "yes",
                 "\u200b" + word)
    return spellings[number % len(spellings)]


def _unknown_word(rng: Random, document: Document, number: int) -> bool:
    def value(place: Place) -> str:
        table = WORDS[word_table(place.path)]
        strangers = sorted({word for words in WORDS.values() for word in words} - set(table))
        word = rng.choice((_misspelled(place.value, number), rng.choice(strangers)))
        return word if word not in table else word + "-"
    return _replace(rng, _where(document, _is_word), value)


def _out_of_range(rng: Random, document: Document, number: int) -> bool:
    values = (0, -1, 257, 1.5, 0.999, 256.5, 10 ** 30, -0.0, 1e300)
    return _replace(rng, _where(document, lambda place: place.key == "min_cipher_bits"),
                    lambda _: values[number % len(values)])


def _empty_list(rng: Random, document: Document, number: int) -> bool:
    return _replace(rng, _where(document, lambda place: isinstance(place.value, list)
                                and place.key not in MAY_BE_EMPTY), lambda _: [])


def _has_texts(place: Place) -> bool:
    return isinstance(place.value, list) and bool(place.value) and isinstance(place.value[0], str)


def _duplicate_item(rng: Random, document: Document, number: int) -> bool:
    return _replace(rng, _where(document, _has_texts), lambda place: place.value + [rng.choice(place.value)])


def _too_long(rng: Random, document: Document, number: int) -> bool:
    length = 4097 + number % 2 * 5000
    texts = {"bad-path": "/", "bad-policy-map": "hash:", "bad-service": "", "bad-cipher": "A"}
    return _replace(rng, _where(document, _is_text), lambda place: (
        texts.get(KINDS_OF_TEXT.get(place.key, ""), "") + rng.choice("lü") * length)[:length])


BROKEN = (
    Kind("unknown-key", "unknown-key", _unknown_key),
    Kind("missing-key", "missing-key", _missing_key),
    Kind("wrong-type", "wrong-type", _wrong_type),
    Kind("unknown-word", "unknown-word", _unknown_word),
    Kind("out-of-range", "out-of-range", _out_of_range),
    Kind("empty-list", "empty-list", _empty_list),
    Kind("duplicate-item", "duplicate-item", _duplicate_item),
    Kind("too-long", "too-long", _too_long),
    *(Kind(identifier, identifier, _wrong_text(identifier, *texts)) for identifier, texts in BAD_TEXTS.items()),
)

# ---- mistakes between values ----


def _receive(document: Document, level: str, certificate: str, *rules: Document) -> bool:
    document["receive"] = document.get("receive", {}) | {
        "security_level": level, "client_certificate": certificate, "rules": list(rules)}
    return True


def _demand(**require: Value) -> Document:
    return {"name": "contradiction", "require": require}


def _append_row(document: Document, **row: Value) -> bool:
    send = document.setdefault("send", {})
    whole = {"destination": "contradiction.example", "security_level": "may"} | row
    send["domains"] = send.get("domains", []) + [whole]
    return True


def _certificate_at_none(rng: Random, document: Document, number: int) -> bool:
    return _receive(document, "none", rng.choice(("request", "require")))


def _require_without_encrypt(rng: Random, document: Document, number: int) -> bool:
    return _receive(document, "may", "require")


def _rules_at_none(rng: Random, document: Document, number: int) -> bool:
    return _receive(document, "none", "none", {"name": "contradiction"})


def _certificate_not_requested(rng: Random, document: Document, number: int) -> bool:
    require = rng.choice(({"certificate": "trusted"}, {"subjects": ["x"]}, {"issuers": ["x"]},
                          {"fingerprints": [SHA1]}))
    return _receive(document, "may", "none", _demand(**require))


def _fingerprints_under_require(rng: Random, document: Document, number: int) -> bool:
    return _receive(document, "encrypt", "require", _demand(fingerprints=[SHA1]))


def _fingerprints_with_names(rng: Random, document: Document, number: int) -> bool:
    names = rng.choice(({"certificate": "trusted"}, {"subjects": ["x"]}, {"issuers": ["x"]}))
    return _receive(document, "may", "request", _demand(fingerprints=[SHA1], **names))


def _mixed_digests(rng: Random, document: Document, number: int) -> bool:
    if number % 2:
        return _receive(document, "may", "request", _demand(fingerprints=[SHA1, SHA256]))
    return _append_row(document, security_level="fingerprint", fingerprints=[SHA1, SHA256])


def _duplicate_name(rng: Random, document: Document, number: int) -> bool:
    rules = document.get("receive", {}).get("rules", [])
    if not rules:
        return False
    rules.append({"name": rng.choice(rules)["name"]})
    return True


def _spellings(text: str) -> set[str]:
    """Others that mean the same domain or next-hop."""
    upper = text.upper()
    return {*destination_forms(text), text.lower(), upper if upper.lower() == text.lower() else text} - {text}


def _duplicate_destination(rng: Random, document: Document, number: int) -> bool:
    names = [row["destination"] for row in document.get("send", {}).get("domains", [])]
    if not names:
        return False
    name = rng.choice(names)
    return _append_row(document, destination=rng.choice(sorted(_spellings(name) | {name})))


def _duplicate_spelling(rng: Random, document: Document, number: int) -> bool:
    def others(place: Place) -> list[str]:
        return sorted(set().union(*map(_spellings, place.value)) - set(place.value))
    keys = ("sender_domains", "recipient_domains", "client_names", "match")
    found = _where(document, lambda place: _has_texts(place) and place.key in keys and bool(others(place)))
    return _replace(rng, found, lambda place: place.value + [rng.choice(others(place))])


def _attribute_at_level(rng: Random, document: Document, number: int) -> bool:
    row = rng.choice((
        {"security_level": "none", "connection_reuse": True}, {"security_level": "none",
        "server_name": "mx.example"},
        {"security_level": "may", "min_protocol": "TLSv1.2"}, {"security_level": "dane", "ciphers": "high"},
        {"security_level": "may", "exclude": ["RC4"]}, {"security_level": "encrypt", "match": ["mx.example"]},
        {"security_level": "fingerprint", "fingerprints": [SHA1], "trust_anchor_files": ["/x"]},
        {"security_level": "secure", "fingerprints": [SHA1]}))
    document.get("send", {}).pop("domains", None)
    return _append_row(document, **row)


def _missing_fingerprints(rng: Random, document: Document, number: int) -> bool:
    return _append_row(document, security_level="fingerprint")


def _fallback_overrides(rng: Random, document: Document, number: int) -> bool:
    document.setdefault("send", {}).update(fallback_policy_maps=["hash:/x"], fallback_may_override=False)
    return _append_row(document, destination=".contradiction.example",
                       security_level=rng.choice(("encrypt", "secure", "dane")))


def _level_at_address(rng: Random, document: Document, number: int) -> bool:
    return _append_row(document, destination=rng.choice(("[192.0.2.77]", "[192.0.2.77]:587", "[2001:db8::77]",
                                                         "[IPv6:2001:db8::77]:25")),
                       security_level=rng.choice(("secure", "verify", "dane", "dane-only")))


def _too_many_rules(rng: Random, document: Document, number: int) -> bool:
    return _receive(document, "may", "none", *({"name": f"r{n}"} for n in range(1025)))


def _duplicate_key(rng: Random, document: Document, number: int) -> bool:
    objects = [document] + [place.value for place in _where(document, lambda place: isinstance(place.value, dict))]
    target = rng.choice([value for value in objects if value] or [{}])
    if target:
        key = rng.choice(list(target))
        target[AGAIN + key] = target[key]
    return bool(target)


# Written in front of a key that text() writes a second time.
AGAIN = "<again>"

_NO_IDN = ("xn--99999999.example", "ｂank.example", "ba\u00adnk.ä.example", "😀.example", "ä.ä.ä.ä.ä", "ä。example",
           "ü" * 64 + ".example", "xn--a.example", "a\u0080.example")
_WHY_IDN = "whether a name is an internationalised one takes the tables of IDNA2008"
_WHY_VALUES = "it lies between values of different objects or keys"
_WHY_RULES = "it lies between values of different rules"
_WHY_ROWS = "it lies between values of different rows"
_WHY_ITEMS = "the items differ as written and mean the same"

CONTRADICTIONS = (
    Kind("certificate-at-none", "certificate-at-none", _certificate_at_none, _WHY_VALUES),
    Kind("require-without-encrypt", "require-without-encrypt", _require_without_encrypt, _WHY_VALUES),
    Kind("rules-at-none", "rules-at-none", _rules_at_none, _WHY_VALUES),
    Kind("certificate-not-requested", "certificate-not-requested", _certificate_not_requested, _WHY_VALUES),
    Kind("fingerprints-under-require", "fingerprints-under-require", _fingerprints_under_require, _WHY_VALUES),
    Kind("fingerprints-with-names", "fingerprints-with-names", _fingerprints_with_names, _WHY_VALUES),
    Kind("mixed-digests", "mixed-digests", _mixed_digests, _WHY_VALUES),
    Kind("attribute-at-level", "attribute-at-level", _attribute_at_level, _WHY_VALUES),
    Kind("missing-fingerprints", "missing-fingerprints", _missing_fingerprints, _WHY_VALUES),
    Kind("level-at-address", "level-at-address", _level_at_address, _WHY_VALUES),
    Kind("fallback-overrides", "fallback-overrides", _fallback_overrides, _WHY_VALUES),
    Kind("duplicate-name", "duplicate-name", _duplicate_name, _WHY_RULES),
    Kind("duplicate-destination", "duplicate-destination", _duplicate_destination, _WHY_ROWS),
    Kind("too-many-rules-on-one-key", "too-many-rules-on-one-key", _too_many_rules, _WHY_RULES),
    Kind("duplicate-key", "duplicate-key", _duplicate_key,
         "a schema sees an object when its keys are unique already"),
    Kind("duplicate-spelling", "duplicate-item", _duplicate_spelling, _WHY_ITEMS),
    Kind("host-bits", "bad-network", _wrong_text(
        "bad-network", "192.0.2.1/24", "2001:db8::1/32", "8000::/0", "128.0.0.0/0", "::ffff:192.0.2.1/120"),
        "bits behind a prefix length take arithmetic"),
    *(Kind(identifier + "-idn",
    identifier, _wrong_text(identifier, *(form % name for name in _NO_IDN for form in forms)),
           _WHY_IDN)
      for identifier, forms in (("bad-domain", ("%s", ".%s")), ("bad-client-name", ("%s",)), ("bad-match",
      ("%s",)),
                                ("bad-server-name", ("%s",)), ("bad-destination", ("%s", "[%s]:25", "%s:25")))),
)


def mutate(kind: Kind, number: int) -> Document:
    """The number-th document that is wrong in this way."""
    for attempt in range(1000):
        seed = number * 1000 + attempt
        document = generate(seed)
        if kind.change(Random(f"{kind.name} {seed}"), document, number):
            return document
    raise AssertionError(f"{kind.name}: none of 1,000 documents has a place for it")


def text(document: Document, number: int) -> bytes:
    """As JSON; every other one with escapes for all that is not ASCII."""
    return json.dumps(document, ensure_ascii=bool(number % 2)).replace(AGAIN, "").encode()
