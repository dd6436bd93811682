#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""apply: what apply of a large document costs, against postmap of its finished table alone.

Usage: scripts/bench apply [RUNS [DESTINATIONS]]. On a Postfix that is configured and does not run: apply of
DESTINATIONS (1,000,000) with cdb, each time anew, beside `postmap cdb:` of the table that it made; and plan without
changes beside render. They take turns; medians of RUNS (3) of wall-clock and CPU seconds, children included."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from tables import run, write_document


class Instance:
    """Configuration, queue and data directories of a Postfix."""

    def __init__(self, folder, tlsmap):
        self.config, self._tlsmap = folder / 'etc', tlsmap
        for name in ('etc', 'spool', 'data'):
            (folder / name).mkdir()
        (self.config / 'main.cf').write_text(
            f'compatibility_level = 3.6\nqueue_directory = {folder}/spool\ndata_directory = {folder}/data\n'
            'smtpd_tls_security_level = none\n')
        (self.config / 'master.cf').write_text('smtp inet n - n - - smtpd\nsmtp unix - - n - - smtp\n')

    def command(self, *arguments):
        return [self._tlsmap, '-c', str(self.config), *arguments]

    def make_new(self):
        """As before the first apply; Postfix's programs wait until main.cf is two seconds old."""
        shutil.rmtree(self.config / 'tlsgate', ignore_errors=True)
        subprocess.run(['postconf', '-c', self.config, '-X', 'smtp_tls_policy_maps', 'smtp_tls_security_level',
                        'smtp_tls_CAfile', 'smtp_dns_support_level'], check=False, stderr=subprocess.DEVNULL)
        self.date_back()

    def date_back(self):
        for path in self.config.glob('*.cf'):
            os.utime(path, (1, 1))


def timed(command, folder):
    start = os.times()
    wall = time.monotonic()
    run(command, str(folder / 'out'))
    end = os.times()
    return time.monotonic() - wall, (end.children_user + end.children_system) - (
        start.children_user + start.children_system)


def main():
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        instance = Instance(folder, str(pathlib.Path(sys.argv[1]).absolute() / 'tlsmap' / 'tlsmap'))
        settings = instance.config / 'tls-settings.json'
        write_document(settings, size)
        settings.write_text('{ "receive": { "security_level": "none" }, "postfix": { "table_type": "cdb" },'
                            + settings.read_text().lstrip().removeprefix('{'))
        figures = {name: [] for name in ('apply', 'postmap', 'plan', 'render')}
        for _ in range(runs):
            instance.make_new()
            figures['apply'].append(timed(instance.command('apply'), folder))
            instance.date_back()
            table = next((instance.config / 'tlsgate' / 'gen').glob('[1-9]*')) / 'tls_policy'
            shutil.copy(table, folder / 'table')
            figures['postmap'].append(timed(['postmap', '-c', str(instance.config), f'cdb:{folder}/table'], folder))
            figures['plan'].append(timed(instance.command('plan'), folder))
            figures['render'].append(timed(instance.command('render', 'tls_policy'), folder))
        print(f'{size:,} destinations')
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
        for name, (wall, cpu) in medians.items():
            print(f'  {name:8} {wall:7.3f} s  {cpu:7.3f} s CPU')
        for ours, theirs, most in (('apply', 'postmap', 2), ('plan', 'render', 1.2)):
            ratio, cpu = (one / other for one, other in zip(medians[ours], medians[theirs]))
            print(f'{ours} / {theirs}: {ratio:.2f} (at most {most}: {"met" if ratio <= most else "not met"}), '
                  f'CPU {cpu:.2f}')


main()
