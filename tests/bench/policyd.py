#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd: what an answer costs policyd, against a server that reads a request and says DUNNO.

Usage: scripts/bench policyd [RUNS [RULES]]. The servers take turns; RUNS (7) medians are compared, with
1,000,000 RULES. Cost is the server's own CPU time for a request, from /proc; the null server against a second
one of its kind is the noise of this machine. A comparison whose noise lies outside 0.9 to 1.1 is called too
noisy, and neither met nor not met. Ends with 1 where a limit was not met or too noisy to say."""
import contextlib
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

from common.report import Report, medians
from common.servers import REQUEST, Server, Spawned, cpu_ns, make_rules, private_bytes

CONNECTIONS = {1: 40_000, 10: 150_000, 100: 150_000, 1000: 150_000}
CPU_LIMITS = {1: 1.20, 10: 1.40, 100: 1.40, 1000: 1.40}
SPAWNED_CPU_LIMIT = 1.20
SPAWNED_REQUESTS = 20_000
SPAWNED_BYTES_LIMIT = 0.6e6
SERVER_BYTES_LIMIT = 16e6
STARTS = 40
START_LIMIT = 2.0


def ratios(figures):
    """Of the first column: policyd to null, and null to null."""
    return [figures[name][0] / figures['null'][0] for name in ('policyd', 'null again')]


def bench_sockets(report, servers, client, request, runs):
    for connections, requests in CONNECTIONS.items():
        results = {name: [] for name in servers}
        for _ in range(runs):
            for name, server in servers.items():
                results[name].append(server.load(client, request, connections, requests))
        figures = {name: medians(rows) for name, rows in results.items()}
        for name in ('null', 'policyd'):
            cpu, rate, p99 = figures[name]
            print(f'{connections} connections, {name}: {cpu / 1000:.2f} us CPU a request, {rate:.0f} requests/s, '
                  f'p99 {p99:.0f} us')
        report.ratio(f'{connections} connections, CPU', CPU_LIMITS[connections], *ratios(figures))
    report.size('server, private at 1,000 connections', servers['policyd'].private_bytes_at(1000),
                SERVER_BYTES_LIMIT)


def spawned_cpu(command):
    """CPU nanoseconds a request, private bytes."""
    with Spawned(command) as server:
        server.ask()
        before = cpu_ns(server.pid)
        for _ in range(SPAWNED_REQUESTS):
            server.ask()
        return ((cpu_ns(server.pid) - before) / SPAWNED_REQUESTS, private_bytes(server.pid))


def bench_spawned(report, commands, runs):
    results = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            results[name].append(spawned_cpu(command))
    figures = {name: medians(rows) for name, rows in results.items()}
    print(f'spawned: null {figures["null"][0] / 1000:.2f}, policyd {figures["policyd"][0] / 1000:.2f} us CPU a request')
    report.ratio('spawned, CPU', SPAWNED_CPU_LIMIT, *ratios(figures))
    report.size('spawned, private', figures['policyd'][1], SPAWNED_BYTES_LIMIT)


def start_seconds(command):
    begin = time.monotonic()
    with Spawned(command) as server:
        server.ask()
        return time.monotonic() - begin


def bench_starts(report, commands, runs):
    results = {name: [] for name in commands}
    for _ in range(runs * STARTS):
        for name, command in commands.items():
            results[name].append((start_seconds(command),))
    figures = {name: medians(rows) for name, rows in results.items()}
    print('exec to first answer: ' + ', '.join(f'{name} {row[0] * 1000:.2f} ms' for name, row in figures.items()))
    report.ratio('exec to first answer', START_LIMIT, *ratios(figures))
    report.same('exec to first answer, one rule to many', figures['one rule'][0] / figures['policyd'][0])


def bench_libraries(report, policyd):
    output = subprocess.run(['readelf', '-d', policyd], check=True, capture_output=True, text=True).stdout
    report.libraries(re.findall(r'\(NEEDED\).*\[(.*)\]', output))


def main():
    build = pathlib.Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    rules = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    bench, policyd = build / 'tests', build / 'policyd' / 'policyd'
    report = Report()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = pathlib.Path(name)
        many, one = make_rules(bench, folder / 'many', rules), make_rules(bench, folder / 'one', 0)
        (folder / 'request').write_text(REQUEST)
        print(f'{len(REQUEST)} bytes a request, {rules + 1:,} rules, medians of {runs} interleaved runs')
        null, serve = [bench / 'null-policy'], [policyd, '--generations', many]
        listen = {name: folder / name for name in ('null', 'policyd', 'null again')}
        servers = {name: stack.enter_context(Server(
            name, [*serve, '--listen', f'unix:{path}'] if name == 'policyd' else [*null, path], path))
            for name, path in listen.items()}
        bench_sockets(report, servers, bench / 'load-policy', folder / 'request', runs)
        spawned = {'null': null, 'policyd': serve, 'null again': null}
        bench_spawned(report, spawned, runs)
        bench_starts(report, spawned | {'one rule': [policyd, '--generations', one]}, runs)
    bench_libraries(report, policyd)
    sys.exit(0 if report.is_met else 1)


main()
