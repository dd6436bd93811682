#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd: what an answer costs policyd, against a server that reads a request and says DUNNO.

Usage: scripts/bench policyd [RUNS [RULES]]. The servers take turns; RUNS (7) medians are compared, with
1,000,000 RULES. Cost is the server's own CPU time for a request, from /proc; the null server against a second
one of its kind is the noise of this machine. A comparison whose noise lies outside 0.9 to 1.1 says so."""
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

REQUEST = """\
request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=192.0.2.10
client_name=mx.bank.example
client_port=45678
reverse_client_name=mx.bank.example
server_address=192.0.2.1
server_port=25
helo_name=mx.bank.example
sender=some.person@bank.example
recipient=user@gw.example
recipient_count=0
queue_id=
instance=1a2b.65f0c1d2.e3f40.0
size=123456
etrn_domain=
stress=
ccert_subject=mx.bank.example
ccert_issuer=Some
ccert_fingerprint=00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
ccert_pubkey_fingerprint=FF:EE:DD:CC:BB:AA:99:88:77:66:55:44:33:22:11:00:FF:EE:DD:CC:BB:AA:99:88:77:66:55:44:33:22:11:00
encryption_protocol=TLSv1.3
encryption_cipher=TLS_AES_256_GCM_SHA384
encryption_keysize=256
policy_context=1

"""
CONNECTIONS = {1: 40_000, 10: 150_000, 100: 150_000, 1000: 150_000}
LIMITS = {1: 1.20, 10: 1.40, 100: 1.40, 1000: 1.40}
SPAWNED_REQUESTS = 20_000
STARTS = 40


def cpu_ns(pid):
    """Time on a processor, in nanoseconds, of a process with one thread."""
    return int(pathlib.Path(f'/proc/{pid}/schedstat').read_text().split()[0])


def private_bytes(pid):
    """What this process alone has written to; what it only reads, others of its kind share."""
    lines = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith('Private_Dirty')) * 1024


class Server:
    """A server on a socket of its own, for the whole benchmark."""

    def __init__(self, name, command, path):
        self.name, self.path = name, path
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f'{name} does not listen')
            time.sleep(0.01)

    def load(self, client, request, connections, requests):
        """CPU nanoseconds a request, requests a second, 99th percentile in microseconds."""
        before = cpu_ns(self.process.pid)
        output = subprocess.run([client, self.path, request, str(connections), str(requests)], check=True,
                                capture_output=True, text=True).stdout
        rate, _, p99, _ = map(float, output.split())
        return (cpu_ns(self.process.pid) - before) / requests, rate, p99


class Spawned:
    """A server as spawn(8) starts it; ends with the block."""

    def __init__(self, command):
        self.socket, child = socket.socketpair()
        self.process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child)
        child.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.wait()

    def ask(self):
        self.socket.sendall(REQUEST.encode())
        if self.socket.recv(400) != b'action=DUNNO\n\n':
            sys.exit('a request was not passed')


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def verdict(ratio, limit, noise):
    if not 0.9 <= noise <= 1.1:
        return f'too noisy (null / null {noise:.2f})'
    return f'at most {limit:.2f}: {"yes" if ratio <= limit else "NO"} (null / null {noise:.2f})'


def bench_sockets(servers, client, request, runs):
    for connections, requests in CONNECTIONS.items():
        results = {name: [] for name in servers}
        for _ in range(runs):
            for name, server in servers.items():
                results[name].append(server.load(client, request, connections, requests))
        figures = {name: medians(rows) for name, rows in results.items()}
        for name in ('null', 'policyd'):
            cpu, rate, p99 = figures[name]
            print(f'{connections:5} connections  {name:8} {cpu / 1000:6.2f} us CPU a request  {rate:9.0f} requests/s'
                  f'  p99 {p99:7.0f} us')
        ratio, noise = (figures[name][0] / figures['null'][0] for name in ('policyd', 'null again'))
        print(f'{connections:5} connections  CPU ratio {ratio:.2f}, {verdict(ratio, LIMITS[connections], noise)}')
    print(f'server: {private_bytes(servers["policyd"].process.pid) / 1e6:.2f} MB private after '
          f'{max(CONNECTIONS)} connections, at most 16')


def spawned_cpu(command):
    with Spawned(command) as server:
        server.ask()
        before = cpu_ns(server.process.pid)
        for _ in range(SPAWNED_REQUESTS):
            server.ask()
        return ((cpu_ns(server.process.pid) - before) / SPAWNED_REQUESTS, private_bytes(server.process.pid))


def start_seconds(command):
    begin = time.monotonic()
    with Spawned(command) as server:
        server.ask()
        return time.monotonic() - begin


def bench_spawned(commands, runs):
    results = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            results[name].append(spawned_cpu(command))
    cpu = {name: medians(rows) for name, rows in results.items()}
    ratio, noise = (cpu[name][0] / cpu['null'][0] for name in ('policyd', 'null again'))
    print(f'spawned: null {cpu["null"][0] / 1000:.2f}, policyd {cpu["policyd"][0] / 1000:.2f} us CPU a request, ratio '
          f'{ratio:.2f}, {verdict(ratio, LIMITS[1], noise)}')
    print(f'spawned: {cpu["policyd"][1] / 1e6:.2f} MB private, at most 0.6')


def bench_starts(commands):
    seconds = {name: [] for name in commands}
    for _ in range(STARTS):
        for name, command in commands.items():
            seconds[name].append(start_seconds(command))
    times = {name: statistics.median(values) for name, values in seconds.items()}
    print('from exec to the first answer: ' + ', '.join(f'{name} {value * 1000:.2f} ms' for name, value in times.items())
          + f'; ratio {times["policyd"] / times["null"]:.2f} (at most 2), one rule / many '
          f'{times["policyd, 1 rule"] / times["policyd"]:.2f}')


def main():
    build = pathlib.Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    rules = sys.argv[3] if len(sys.argv) > 3 else '1000000'
    bench, policyd = build / 'tests', build / 'policyd' / 'policyd'
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for directory, number in ('many', rules), ('one', '0'):
            (folder / directory / '1').mkdir(parents=True)
            subprocess.run([bench / 'make-rules', number, folder / directory / '1' / 'rules.db'], check=True)
        (folder / 'request').write_text(REQUEST)
        print(f'{len(REQUEST)} bytes a request, {int(rules) + 1:,} rules, medians of {runs} interleaved runs')
        null = str(bench / 'null-policy')
        serve = [str(policyd), '--generations', str(folder / 'many')]
        paths = {name: folder / name for name in ('null', 'policyd', 'null again')}
        servers = {}
        try:
            for name, path in paths.items():
                command = [*serve, '--listen', f'unix:{path}'] if name == 'policyd' else [null, str(path)]
                servers[name] = Server(name, command, path)
            bench_sockets(servers, bench / 'load-policy', folder / 'request', runs)
        finally:
            for server in servers.values():
                server.process.terminate()
                server.process.wait()
        bench_spawned({'null': [null], 'policyd': serve, 'null again': [null]}, runs)
        bench_starts({'null': [null], 'policyd': serve,
                      'policyd, 1 rule': [str(policyd), '--generations', str(folder / 'one')]})


main()
