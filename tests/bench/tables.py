#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tables: checking and rendering documents of 1,000 to 1,000,000 destinations, against jq.

Usage: scripts/bench tables [RUNS]. jq and tlsmap take turns on the same file; the median of RUNS (7) is
printed. Time is wall-clock and CPU (user and system, children included); memory is the peak resident set,
file pages included, so that it is an upper bound of the anonymous memory."""
import os
import pathlib
import statistics
import sys
import tempfile
import time

LEVELS = ('encrypt', 'secure', 'dane-only')
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def row(number):
    text = f'{{ "destination": "partner{number:07}.example", "security_level": "{LEVELS[number % 3]}"'
    if number % 10 == 1:  # secure
        text += f', "note": "contract {number}", "review_by": "2099-12-31"'
    if number % 30 == 1:
        text += f', "match": [ "mx.partner{number:07}.example" ]'
    return text + ' }'


def write_document(path, size):
    with open(path, 'w', encoding='utf-8') as file:
        file.write('{ "send": { "security_level": "encrypt", "trusted_ca_file": "/etc/ssl/certs/ca-certificates.crt", '
                   '"domains": [\n')
        for number in range(size):
            file.write(f'  {row(number)}{"," if number + 1 < size else ""}\n')
        file.write('] } }\n')


def run(command, output):
    """Wall-clock seconds, CPU seconds, peak memory in bytes."""
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ,
                          file_actions=[(os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f'{" ".join(command)} ended with status {status}')
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def measure(commands, runs, folder):
    """Each command's medians; the commands take turns."""
    results = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            results[name].append(run(command, str(folder / f'{name}.out')))
    return {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}


def report(size, path, figures):
    print(f'{size:,} destinations, {path.stat().st_size:,} bytes')
    for name, (wall, cpu, memory) in figures.items():
        print(f'  {name:7} {wall:7.3f} s  {cpu:7.3f} s CPU  {memory / 1e6:7.1f} MB'
              f'  {cpu / size * 1e9:8.0f} ns CPU and {memory / size:6.0f} bytes a destination')


def main():
    build = pathlib.Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    tlsmap = str(build / 'tlsmap' / 'tlsmap')
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        path = folder / 'settings.json'
        for size in SIZES:
            write_document(path, size)
            figures = measure({
                'jq': ['jq', 'length', str(path)],
                'check': [tlsmap, '-s', str(path), 'check'],
                'render': [tlsmap, '-s', str(path), 'render', 'tls_policy', '--postfix-version', '3.7'],
            }, runs, folder)
            report(size, path, figures)
            with open(folder / 'render.out', encoding='utf-8') as rendered:
                if sum(1 for _ in rendered) != size:
                    sys.exit('render did not write a line for each destination')
        wall, cpu, memory = (ours / theirs for ours, theirs in zip(figures['render'], figures['jq']))
        print(f'render tls_policy / jq length at {size:,}: time {wall:.2f} (at most 0.33), CPU {cpu:.2f}, '
              f'memory {memory:.2f} (at most 0.25)')


if __name__ == '__main__':
    main()
