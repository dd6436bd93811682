#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""mail: CPU time of the whole mail path, with 1,000 rules and without any.

Usage: scripts/bench mail [PAIRS [MESSAGES [tls]]]. A real Postfix takes MESSAGES (10,000) in ten sessions at once, a
connection for each message, and delivers them: in clear from smtp-source(1), no rule being about the sender; or with
tls over STARTTLS, from a sender that a rule is about, as mail comes that a rule lets through. PAIRS (10) times the
ways to answer take turns: without rules, policyd under spawn(8), policyd as a server on a socket, and in the place of
the spawned policyd a program that only says DUNNO, which is the price of being asked. Postfix is started anew for
each run. CPU is user and system time of all processes of Postfix and of policyd, those that have ended included. The
runs without rules also show the noise: the second half of them against the first. Needs root."""
import os
import pathlib
import re
import shutil
import smtplib
import ssl
import statistics
import subprocess
import sys

BUILD, PAIRS, MESSAGES = sys.argv[1], *(int(text) for text in (sys.argv[2:4] + ['10', '10000'][len(sys.argv[2:4]):]))
HAS_TLS = sys.argv[4:] == ['tls']
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'e2e'))
os.environ['TLSGATE_BUILD'] = str(pathlib.Path(BUILD).resolve())
from lib import process  # noqa: E402
from lib.tlsmap import Tlsmap  # noqa: E402
from lib.wait import until  # noqa: E402
from lib.world import World  # noqa: E402

RULES = 1_000
SESSIONS = 10
LIMIT = 1.05
TICK = 1 / os.sysconf('SC_CLK_TCK')
GATEWAY = '192.0.2.1'


def cpu_seconds(pids):
    """Of these processes, with their children that have ended."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].split()
        total += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return total * TICK


def send_clear():
    subprocess.run(['smtp-source', '-s', str(SESSIONS), '-m', str(MESSAGES), '-f', 'a@other.example',
                    '-t', 'user@gw.example', '-M', 'client.example', f'{GATEWAY}:25'], check=True)


def send_some_tls(number):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(number):
        with smtplib.SMTP(GATEWAY, local_hostname='client.example') as session:
            session.starttls(context=context)
            session.sendmail('a@partner7.example', ['user@gw.example'], 'Subject: bench\n\nbench\n')


def send_tls():
    """Each session is a process: what it costs is not counted."""
    children = []
    for number in range(SESSIONS):
        child = os.fork()
        if child == 0:
            send_some_tls(len(range(number, MESSAGES, SESSIONS)))
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] != 0 for child in children):
        sys.exit('not all messages were taken')


class Ways:
    """Puts each way to answer in force."""

    def __init__(self, world, tlsmap):
        self.world, self.tlsmap = world, tlsmap
        self.null = shutil.copy(pathlib.Path(BUILD) / 'tests/null-policy', tlsmap.policyd.parent)
        rules = [{'name': f'r{number}', 'sender_domains': [f'partner{number}.example', f'.partner{number}.example']}
                 for number in range(RULES)]
        self.guarded = tlsmap.document(receive={'rules': rules})
        self.server = self._start_server()
        self.put_in_force = {'without': self._without, 'spawn': self._spawn, 'socket': self._socket,
                             'null': self._null}

    def _start_server(self):
        folder = pathlib.Path(self.world.gateway.get('queue_directory')) / 'tlsgate'
        folder.mkdir()
        shutil.chown(folder, 'tlsgate')
        command = [self.tlsmap.policyd, '--generations', self.world.gateway.config_dir / 'tlsgate/gen',
                   '--listen', f'unix:{folder}/policyd:mode=0666']
        server = subprocess.Popen(command, user='tlsgate', group='tlsgate', extra_groups=[])
        until(lambda: (folder / 'policyd').exists(), 'policyd to listen')
        return server

    def _without(self):
        self.tlsmap.apply(self.tlsmap.document())

    def _spawn(self):
        self.tlsmap.apply(self.guarded)

    def _socket(self):
        self.tlsmap.apply(self.guarded | {'postfix': self.guarded['postfix'] | {'policyd': 'socket'}})

    def _null(self):
        self._spawn()
        service = self.world.gateway.postconf('-M', 'tlsgate/unix')
        self.world.gateway.postconf('-M', 'tlsgate/unix=' + re.sub(r'argv=.*', f'argv={self.null}', service))

    def clean(self, name):
        """What the next apply would take for a change by other hands."""
        if name == 'null':
            self.world.gateway.postconf('-M#', 'tlsgate/unix')


def run(world, ways, name):
    gateway = world.gateway
    ways.put_in_force[name]()
    gateway.stop()
    gateway.start(quick=True)
    before = cpu_seconds([ways.server.pid])
    (send_tls if HAS_TLS else send_clear)()
    # Not by postqueue(1), whose work would count.
    mailbox = gateway.store.directory / 'inbox/new'
    until(lambda: len(os.listdir(mailbox)) >= MESSAGES, f'{MESSAGES} messages are delivered', timeout=600)
    seconds = cpu_seconds([gateway.master_pid, *process.descendants(gateway.master_pid), ways.server.pid]) - before
    for path in mailbox.iterdir():
        path.unlink()
    ways.clean(name)
    return seconds


def report(seconds):
    bare = seconds['without']
    noise = statistics.median(bare[PAIRS // 2:]) / statistics.median(bare[:PAIRS // 2 or 1])
    for name, times in seconds.items():
        print(f'{name}: {statistics.median(times):.2f} s of CPU for {MESSAGES:,} messages '
              f'{"over TLS" if HAS_TLS else "in clear"}')
    print(f'without / without: {noise:.3f}{"" if 0.9 <= noise <= 1.1 else ", too noisy"}')
    for name in ('spawn', 'socket', 'null'):
        ratio = statistics.median(b / a for a, b in zip(bare, seconds[name]))
        judgement = '' if name == 'null' else f' (at most {LIMIT}: {"met" if ratio <= LIMIT else "not met"})'
        print(f'{name} / without: {ratio:.3f}{judgement}')


def main():
    world = World.enter(with_partners=False)
    ways = Ways(world, Tlsmap(world))
    seconds = {name: [] for name in ways.put_in_force}
    try:
        for number in range(PAIRS):
            for name, times in seconds.items():
                times.append(run(world, ways, name))
            print(f'pair {number + 1}: ' + ', '.join(f'{name} {times[-1]:.2f} s' for name, times in seconds.items()),
                  flush=True)
    finally:
        ways.server.terminate()
    report(seconds)


main()
