#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hung: what one RCPT costs a real smtpd(8) where policyd accepts and never answers.

Usage: scripts/bench hung. Needs root and what tests/e2e/README.md names. tlsmap puts a rule in force; then a
program that reads and never answers takes policyd's place below spawn(8). Ends with 1 above the limit."""
import os
import pathlib
import sys
import time

os.environ['TLSGATE_BUILD'] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'e2e'))

from lib.tlsmap import Tlsmap  # noqa: E402  pylint: disable=wrong-import-position
from lib.world import World  # noqa: E402  pylint: disable=wrong-import-position

LIMIT = 12
RCPTS = 3
# Reads what it is sent until the client closes.
HUNG = '#!/bin/sh\nexec cat >/dev/null\n'


def hang(tlsmap):
    """Put the program in the place of policyd, whose processes of before go on."""
    hung = tlsmap.policyd.with_name('hung')
    hung.write_text(HUNG)
    hung.chmod(0o755)
    hung.rename(tlsmap.policyd)


def timed(session, command):
    begin = time.monotonic()
    reply = session.cmd(command)
    return time.monotonic() - begin, reply


def main():
    world = World.enter(with_partners=False)
    tlsmap = Tlsmap(world)
    tlsmap.apply(tlsmap.document(receive={'rules': [{'name': 'bank', 'sender_domains': ['bank.example']}]}))
    hang(tlsmap)
    world.gateway.reload()
    seconds = []
    with world.session() as session:
        session.ehlo('client.example')
        session.cmd('MAIL FROM:<someone@other.example>')
        for number in range(RCPTS):
            spent, reply = timed(session, f'RCPT TO:<user{number}@gw.example>')
            print(f'RCPT {number + 1}: {spent:.2f} s, reply {reply.code} {reply.text}')
            if reply.code != 451:
                sys.exit('hung: the reply is not that of default_action: was policyd asked?')
            seconds.append(spent)
    is_met = max(seconds) <= LIMIT
    print(f'one RCPT: at most {max(seconds):.2f} s, limit {LIMIT} s: {"met" if is_met else "not met"}')
    sys.exit(0 if is_met else 1)


main()
