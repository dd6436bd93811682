# SPDX-License-Identifier: Apache-2.0
"""What Postfix did with a message, read from its log by message and queue id."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"(?P<service>[\w/.-]+)\[(?P<pid>\d+)\]: (?P<text>.*)")
_QUEUED = re.compile(r"(?P<qid>[0-9A-Za-z]+): message-id=<(?P<token>[^@>]*)@")
_COUNTED = re.compile(r"(?P<qid>[0-9A-Za-z]+): from=<.*>, size=\d+, nrcpt=(?P<count>\d+)")
_TRIED = re.compile(
    r"(?P<qid>[0-9A-Za-z]+): to=<(?P<to>[^>]*)>, (?:orig_to=<(?P<orig>[^>]*)>, )?"
    r"relay=(?P<relay>[^,]*), .*?dsn=(?P<dsn>[\d.]+), status=(?P<status>\w+) \((?P<text>.*)\)")
_TLS = re.compile(r"(?P<word>\w+) TLS connection (?:established|reused) to (?P<host>[^: ]+:\d+)")
_REFUSED = re.compile(r"(?:server )?certificate verification failed for (?P<host>[^: ]+:\d+): (?P<why>.*)")
_REMOVED = re.compile(r"(?P<qid>[0-9A-Za-z]+): removed")


@dataclass(frozen=True)
class Outcome:
    """One attempt to deliver to one recipient.

    status is sent, deferred or bounced; text is what stands in brackets behind it. tls is the word
    of the log, Verified, Trusted, Untrusted or Anonymous, and empty for mail that went in clear
    (or where smtp_tls_loglevel is 0). refusal is what the log says against the server's certificate.
    """
    queue_id: str
    to: str
    relay: str
    dsn: str
    status: str
    text: str
    tls: str
    refusal: str = ""


def outcomes(log: str, token: str) -> tuple[list[Outcome], int]:
    """All attempts for a message so far, and how many recipients it has (0: not known yet)."""
    found: list[Outcome] = []
    expected = 0
    current: set[str] = set()
    tls: dict[str, tuple[str, str, str]] = {}
    refusals: dict[str, tuple[str, str]] = {}
    for line in log.splitlines():
        if (parts := _LINE.search(line)) is None:
            continue
        pid, text = parts["pid"], parts["text"]
        if (hit := _QUEUED.match(text)) and hit["token"] == token:
            current.add(hit["qid"])
        elif hit := _REFUSED.match(text):
            refusals[pid] = (hit["host"], hit["why"])
        elif hit := _TLS.match(text):
            tls[pid] = (hit["host"], hit["word"], "")
        elif (hit := _COUNTED.match(text)) and hit["qid"] in current:
            expected = int(hit["count"])
        elif hit := _TRIED.match(text):
            host, word, owner = tls.get(pid, ("", "", ""))
            if host != hit["relay"] or owner not in ("", hit["qid"]):
                word = ""
            else:
                tls[pid] = (host, word, hit["qid"])
            refused, why = refusals.pop(pid, ("", ""))
            if hit["qid"] in current:
                found.append(Outcome(hit["qid"], hit["orig"] or hit["to"], hit["relay"],
                                     hit["dsn"], hit["status"], hit["text"], word,
                                     why if refused == hit["relay"] else ""))
        elif hit := _REMOVED.match(text):
            current.discard(hit["qid"])
    return found, expected
