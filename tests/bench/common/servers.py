# SPDX-License-Identifier: Apache-2.0
"""servers: policy servers to be measured: how they are started, asked, loaded, and what they use."""
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
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
DUNNO = b'action=DUNNO\n\n'


def cpu_ns(pid):
    """Time on a processor, in nanoseconds, of a process with one thread."""
    return int(pathlib.Path(f'/proc/{pid}/schedstat').read_text().split()[0])


def private_bytes(pid):
    """What this process alone has written to. Private_Dirty is more for a while: pages of a rules file that was
    just written count there until the kernel has put them on disk."""
    lines = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith('Anonymous:')) * 1024


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def make_rules(bench, folder, number):
    """Generation 1 below folder, with so many rules and one more; the folder."""
    (folder / '1').mkdir(parents=True)
    subprocess.run([bench / 'make-rules', str(number), folder / '1' / 'rules.db'], check=True)
    return folder


def ask(connection):
    connection.sendall(REQUEST.encode())
    if connection.recv(400) != DUNNO:
        sys.exit('a request was not passed')


class Server:
    """A server on a socket of its own; ends with the block."""

    def __init__(self, name, command, path, **options):
        self.name, self.path = name, path
        self.process = subprocess.Popen(command, **options)
        deadline = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f'{name} does not listen')
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def start_load(self, client, request, *numbers):
        """numbers: of connections and requests, and where they are given, of requests a second."""
        return subprocess.Popen([client, self.path, request, *map(str, numbers)], stdout=subprocess.PIPE, text=True)

    def load(self, client, request, connections, requests):
        """CPU nanoseconds a request, requests a second, 99th percentile in microseconds."""
        before = cpu_ns(self.pid)
        with self.start_load(client, request, connections, requests) as load:
            output = load.stdout.read()
        if load.returncode != 0:
            sys.exit(f'{self.name}: the load ended with {load.returncode}')
        rate, _, p99, _ = map(float, output.split())
        return (cpu_ns(self.pid) - before) / requests, rate, p99

    def private_bytes_at(self, connections):
        """What it uses while so many connections are open that have been answered."""
        with contextlib.ExitStack() as stack:
            for _ in range(connections):
                connection = stack.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(self.path))
                ask(connection)
            return private_bytes(self.pid)


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

    @property
    def pid(self):
        return self.process.pid

    def ask(self):
        ask(self.socket)
