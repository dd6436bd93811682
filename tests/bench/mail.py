#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mail: CPU time of the whole mail path, with 1,000 rules and without any.

Usage: scripts/bench mail [PAIRS [MESSAGES]]. A real Postfix takes MESSAGES (10,000) from smtp-source(1), in ten
sessions at once and a connection for each message, and delivers them; PAIRS (10) times with rules and without, in
turn. Postfix is started anew for each run. CPU is user and system time of all its processes, policyd and spawn(8)
among them, those that have ended included. The pairs without rules also show the noise: the second half of them
against the first. Needs root."""
import os
import pathlib
import statistics
import subprocess
import sys

BUILD, PAIRS, MESSAGES = sys.argv[1], *(int(text) for text in (sys.argv[2:] + ['10', '10000'][len(sys.argv) - 2:]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'e2e'))
os.environ['TLSGATE_BUILD'] = str(pathlib.Path(BUILD).resolve())
from lib import process  # noqa: E402
from lib.tlsmap import Tlsmap  # noqa: E402
from lib.wait import until  # noqa: E402
from lib.world import World  # noqa: E402

RULES = 1_000
LIMIT = 1.05
TICK = 1 / os.sysconf('SC_CLK_TCK')


def cpu_seconds(master):
    """Of a process and all below it, with their children that have ended."""
    total = 0
    for pid in [master, *process.descendants(master)]:
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()
        total += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return total * TICK


def run(world, tlsmap, document):
    gateway = world.gateway
    tlsmap.apply(document)
    gateway.stop()
    gateway.start(quick=True)
    subprocess.run(['smtp-source', '-s', '10', '-m', str(MESSAGES), '-f', 'a@other.example', '-t', 'user@gw.example',
                    '-M', 'client.example', '192.0.2.1:25'], check=True)
    # Not by postqueue(1), whose work would count.
    mailbox = gateway.store.directory / 'inbox/new'
    until(lambda: len(os.listdir(mailbox)) >= MESSAGES, f'{MESSAGES} messages are delivered', timeout=600)
    seconds = cpu_seconds(gateway.master_pid)
    for path in mailbox.iterdir():
        path.unlink()
    return seconds


def main():
    world = World.enter(with_partners=False)
    tlsmap = Tlsmap(world)
    rules = [{'name': f'r{number}', 'sender_domains': [f'partner{number}.example', f'.partner{number}.example']}
             for number in range(RULES)]
    documents = {'without': tlsmap.document(), 'with': tlsmap.document(receive={'rules': rules})}
    seconds = {name: [] for name in documents}
    for number in range(PAIRS):
        for name, document in documents.items():
            seconds[name].append(run(world, tlsmap, document))
        print(f'pair {number + 1}: ' + ', '.join(f'{name} {times[-1]:.2f} s' for name, times in seconds.items()),
              flush=True)
    half = PAIRS // 2
    ratio = statistics.median(b / a for a, b in zip(seconds['without'], seconds['with']))
    noise = statistics.median(seconds['without'][half:]) / statistics.median(seconds['without'][:half])
    for name, times in seconds.items():
        print(f'{name} rules: {statistics.median(times):.2f} s of CPU for {MESSAGES:,} messages')
    print(f'with / without: {ratio:.3f} (at most {LIMIT}: {"met" if ratio <= LIMIT else "not met"}), '
          f'without / without: {noise:.3f}{"" if 0.9 <= noise <= 1.1 else ", too noisy"}')


main()
