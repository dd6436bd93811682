#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""soak: memory and descriptors of policyd under full load, at the start, in the middle and at the end.

Usage: scripts/bench soak [MINUTES [RULES]]. 100 connections keep it busy for MINUTES (30), with 1,000,000
RULES; every few seconds they close and others are opened. Flat is: no more descriptors than at the start, and
no more private memory than 64 kB above it. Ends with 1 where it is not flat."""
import pathlib
import sys
import tempfile
import time

from common.servers import REQUEST, Server, descriptors, make_rules, private_bytes

CONNECTIONS = 100
REQUESTS = 500_000  # of one load
SLACK = 64 * 1024


def load(server, client, request):
    """One load: descriptors and private bytes while all its connections are open; requests a second."""
    at_rest = descriptors(server.pid)
    with server.start_load(client, request, CONNECTIONS, REQUESTS) as process:
        while descriptors(server.pid) < at_rest + CONNECTIONS:
            if process.poll() is not None:
                sys.exit('the load ended before its connections were seen')
            time.sleep(0.01)
        sample = descriptors(server.pid), private_bytes(server.pid)
        output = process.stdout.read()
    if process.returncode != 0:
        sys.exit(f'the load ended with {process.returncode}')
    while descriptors(server.pid) > at_rest:  # it sees the ends of its connections
        time.sleep(0.01)
    return *sample, float(output.split()[0])


def main():
    build = pathlib.Path(sys.argv[1])
    seconds = 60 * float(sys.argv[2] if len(sys.argv) > 2 else 30)
    rules = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    bench = build / 'tests'
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        many, path, request = make_rules(bench, folder / 'many', rules), folder / 'socket', folder / 'request'
        request.write_text(REQUEST)
        command = [build / 'policyd' / 'policyd', '--generations', many, '--listen', f'unix:{path}']
        with Server('policyd', command, path) as server:
            begin, samples = time.monotonic(), []
            while not samples or time.monotonic() - begin < seconds:
                samples.append((time.monotonic() - begin, *load(server, bench / 'load-policy', request)))
    for word, sample in ('start', samples[0]), ('middle', samples[len(samples) // 2]), ('end', samples[-1]):
        print(f'{word}: after {sample[0]:.0f} s: {sample[2] / 1e6:.3f} MB private, {sample[1]} descriptors, '
              f'{sample[3]:.0f} requests/s')
    (_, first_open, first_bytes, _), (_, last_open, last_bytes, _) = samples[0], samples[-1]
    is_flat = last_open <= first_open and last_bytes <= first_bytes + SLACK
    print(f'{len(samples) * REQUESTS:,} requests: {"flat: met" if is_flat else "not flat: not met"}')
    sys.exit(0 if is_flat else 1)


main()
