#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""killed: an apply that is killed, at each of the programs that it runs, leaves what the next one can work with.

The postconf and postmap that tlsmap finds first kill it, with SIGKILL, when they are called for the n-th time;
else they are the real ones. After that plan must say what it said before, or that all is done, and apply must
work. With --all every call is tried, else every seventh of the first two."""
import os
import pathlib
import re
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from site_postfix import Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

KILLER = """#!/bin/sh
echo x >> {folder}/calls
[ "$(wc -l < {folder}/calls)" != "$KILL_AT" ] || kill -KILL $PPID
exec {real} "$@"
"""
ROWS = {'receive': {'security_level': 'none'}, 'send': {'domains': [
    {'destination': 'a.example', 'security_level': 'encrypt'}]}}
# Without rows main.cf names no generation, so that nothing but its values tells which is in force.
PLAIN = {'receive': {'security_level': 'none'}, 'send': {'security_level': 'encrypt'}}
OTHER = {'receive': {'security_level': 'none'}, 'send': {'security_level': 'dane'}}
# name: (what is in force before, what is applied)
CHANGES = {'first': (None, PLAIN), 'plain': (PLAIN, OTHER), 'first-with-rows': (None, ROWS), 'rows': (PLAIN, ROWS),
           'no-rows': (ROWS, PLAIN)}


class KillingSite(Site):
    def __enter__(self):
        super().__enter__()
        self.killers = self.folder / 'bin'
        self.killers.mkdir()
        for name in ('postconf', 'postmap'):
            path = self.killers / name
            path.write_text(KILLER.format(folder=self.folder, real=shutil.which(name)))
            path.chmod(0o755)
        return self

    def apply(self, kill_at=0):
        """How many programs it ran, and how it ended."""
        (self.folder / 'calls').write_text('')
        run = self.run('-s', 'doc.json', 'apply', environment={
            'PATH': f'{self.killers}:{os.environ["PATH"]}', 'KILL_AT': str(kill_at)}.items())
        return len((self.folder / 'calls').read_text().splitlines()), run.returncode


def plan(site):
    """The number of the generation to come is left out: one that was begun is used."""
    run = site.run('-s', 'doc.json', 'plan')
    equal(run.stderr, b'')
    return re.sub(rb'/gen/\d+/', b'/gen/N/', run.stdout)


def prepare(site, before, after):
    if before is not None:
        site.write('doc.json', before)
        equal(site.apply()[1], 0)
    site.write('doc.json', after)
    return plan(site)


def count_calls(before, after):
    with KillingSite() as site:
        prepare(site, before, after)
        calls, status = site.apply()
        equal(status, 0)
        return calls


def killed(before, after, kill_at):
    with KillingSite() as site:
        planned = prepare(site, before, after)
        number, status = site.apply(kill_at)
        equal((number, status), (kill_at, -signal.SIGKILL))
        # main.cf is renamed by no program: at each of these points nothing is in force yet.
        equal(plan(site), planned)
        equal(site.apply()[1], 0)
        equal(plan(site), b'')
        equal(site.run('-s', 'doc.json', 'status').returncode, 0)
        left = {path.name for path in (site.config / 'tlsgate').iterdir()}
        equal(left, {'gen', 'lock'})


def main():
    tap = Tap()
    step, n_changes = (1, len(CHANGES)) if '--all' in sys.argv else (7, 2)
    for name, (before, after) in list(CHANGES.items())[:n_changes]:
        for kill_at in range(1, count_calls(before, after) + 1, step):
            tap.check(f'{name}/killed-at-call-{kill_at}', killed, before, after, kill_at)
    return tap.finish()


sys.exit(main())
