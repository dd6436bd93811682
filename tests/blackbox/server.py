#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd with --listen, and on sockets of a service manager: many clients at once.

Usage: server.py POLICYD. Prints TAP."""
import contextlib
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

from policyd import DUNNO, NO_TLS, PATIENCE, POLICYD, generation, request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Skip, Tap, equal  # noqa: E402

MAX_BUSY = 1000  # policyd/server.c
ACCEPTS_PER_EVENT = 64  # policyd/server.c
MANY = 200  # more than that
REQUEST_MAX_BYTES = 65536  # policyd/request.h
WATCHED = b'action=INFO report only: TLS required by rule watch: send STARTTLS before MAIL\n\n'
DEFERRED = (b'action=450 4.7.1 Trusted client certificate required by rule cert: '
            b'present one, there was none\n\n')
NOISE = (b'junk\n', b'a=b\n\n', b'=x\n\n', b'request=smtpd_access_policy\r\n\r\n', b'a=\0\n\n', b'x' * 100_000,
         b'a=b\n' * 300 + b'\n', os.urandom(5000))


class Server:
    """policyd on a socket below directory; its log is its standard error."""

    def __init__(self, directory, *arguments, endpoint=None, **options):
        self.directory, self.path = directory, directory / 'socket'
        generation(directory, 7)
        self.log = open(directory / 'log', 'w+b')
        self.endpoint = endpoint or f'unix:{self.path}'
        listen = ['--listen', self.endpoint] if endpoint != '' else []
        self.process = subprocess.Popen([POLICYD, '--generations', directory, *listen, *arguments],
                                        stderr=self.log, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def connect(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(PATIENCE)
            try:
                client.connect(str(self.path))
                return client
            except (FileNotFoundError, ConnectionRefusedError):
                client.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def resident(self):
        return int(pathlib.Path(f'/proc/{self.process.pid}/statm').read_text().split()[1]) * resource.getpagesize()

    def watched_for_room(self):
        """How many connections its epoll set watches for EPOLLOUT."""
        infos = [path.read_text() for path in pathlib.Path(f'/proc/{self.process.pid}/fdinfo').iterdir()]
        events = [int(word, 16) for info in infos for word in re.findall(r'^tfd:.* events: *([0-9a-f]+)', info, re.M)]
        equal(events != [], True)
        return sum(event & select.EPOLLOUT != 0 for event in events)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode()

    def wait_logged(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.logged():
            if time.monotonic() > deadline:
                raise AssertionError(f'{text!r} is not in {self.logged()!r}')
            time.sleep(0.02)


def receive(client, n):
    data = b''
    while len(data) < n:
        more = client.recv(n - len(data))
        if not more:
            break
        data += more
    return data


def ask(client, data=None, answer=NO_TLS):
    client.sendall(request() if data is None else data)
    equal(receive(client, len(answer)), answer)


def expect_closed(client):
    with contextlib.suppress(ConnectionResetError):
        equal(client.recv(1), b'')


def need_descriptors(n):
    """For this process, and with it for policyd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        raise Skip(f'{n} open files are needed, {hard} are allowed')
    if soft != resource.RLIM_INFINITY and soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))


def clients_are_answered_in_turn(directory):
    with Server(directory) as server:
        clients = [server.connect() for _ in range(50)]
        for _ in range(3):
            for number, client in enumerate(clients):
                ask(client, request(sender='a@other.test'), DUNNO) if number % 2 else ask(client)


def a_request_byte_by_byte_beside_others_is_answered(directory):
    with Server(directory) as server, server.connect() as slow, server.connect() as quick:
        for byte in request():
            slow.sendall(bytes([byte]))
            ask(quick)
        equal(receive(slow, len(NO_TLS)), NO_TLS)
        ask(slow)


def many_requests_at_once_are_all_answered(directory):
    with Server(directory) as server, server.connect() as client:
        client.sendall(request() * 500)
        equal(receive(client, len(NO_TLS) * 500), NO_TLS * 500)


def a_client_that_takes_no_answers_waits_alone(directory):
    with Server(directory) as server, server.connect() as greedy, server.connect() as other:
        ask(other)
        before = server.resident()
        greedy.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 50_000_000:
                sent += greedy.send(request() * 100)
        ask(other)
        grown = server.resident() - before
        if grown > 16_000_000:
            raise AssertionError(f'{grown} bytes more')
        greedy.settimeout(PATIENCE)
        equal(receive(greedy, len(NO_TLS)), NO_TLS)


def answers_that_wait_all_come(directory):
    """Each request is told from the others by its answer, so that none is lost, doubled or out of order."""
    asked = ((request(), NO_TLS), (request(sender='a@other.test'), DUNNO), (request(sender='a@watch.test'), WATCHED))
    data, wanted = (b''.join(part) * 4000 for part in zip(*asked))
    with Server(directory) as server, server.connect() as greedy, server.connect() as other:
        greedy.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += greedy.send(data[sent:])
        ask(other)  # by now the answers have filled the socket
        equal(sent < len(data), True)
        greedy.settimeout(PATIENCE)
        sender = threading.Thread(target=greedy.sendall, args=(data[sent:],))
        sender.start()
        equal(receive(greedy, len(wanted)) == wanted, True)
        sender.join(PATIENCE)
        ask(greedy)
        equal(server.watched_for_room(), 0)


def noise_ends_its_connection_alone(directory):
    with Server(directory) as server, server.connect() as good:
        for noise in NOISE:
            with server.connect() as bad:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    bad.sendall(noise + b'\n\n')
                expect_closed(bad)
            ask(good)


def too_many_within_a_request_are_closed_not_good_ones(directory):
    """What each of them could send in a request is memory."""
    need_descriptors(MAX_BUSY + 500)
    with Server(directory) as server, server.connect() as good:
        slow = []
        for _ in range(MAX_BUSY + 200):
            slow.append(server.connect())
            slow[-1].sendall(b'request=')
        ask(good)
        for client in slow[MAX_BUSY:]:
            expect_closed(client)
        server.wait_logged(f'{MAX_BUSY} clients are within a request or take no answer')
        equal(1 <= server.logged().count('clients are within a request') <= 5, True)
        ask(good)
        slow[0].sendall(request()[len('request='):])  # those that came first can still end it
        equal(receive(slow[0], len(NO_TLS)), NO_TLS)
        slow[-1].close()
        slow[-1] = server.connect()
        slow[-1].sendall(b'request=')  # there is room for one again
        slow[-1].sendall(request()[len('request='):])
        equal(receive(slow[-1], len(NO_TLS)), NO_TLS)
        for client in slow:
            client.close()
        ask(good)
        cut = [server.connect() for _ in range(10)]  # who has gone takes no place
        for client in cut:
            client.sendall(request()[:50])
        ask(good)
        for client in cut:
            client.sendall(request()[50:])
            equal(receive(client, len(NO_TLS)), NO_TLS)
            client.close()


def warnings_are_limited(directory):
    with Server(directory) as server:
        for _ in range(100):
            with server.connect() as bad:
                bad.sendall(b'junk\n\n')
                expect_closed(bad)
        lines = [line for line in server.logged().splitlines() if 'no answer' in line]
        if not 1 <= len(lines) <= 5:
            raise AssertionError(f'{len(lines)} lines')


def an_unknown_generation_gets_no_answer(directory):
    with Server(directory) as server, server.connect() as client:
        client.sendall(request(context='8'))
        expect_closed(client)


def sigterm_answers_what_was_asked(directory):
    with Server(directory) as server, server.connect() as idle, server.connect() as busy:
        ask(idle)
        busy.sendall(request()[:-1])
        ask(idle)
        server.process.send_signal(signal.SIGTERM)
        expect_closed(idle)
        busy.sendall(b'\n')
        equal(receive(busy, len(NO_TLS)), NO_TLS)
        expect_closed(busy)
        equal(server.process.wait(PATIENCE), 0)


def sigterm_lets_a_slow_client_take_its_answers(directory):
    """They do not fit into the socket: some are still with the server when it is to end."""
    one = b'request=smtpd_access_policy\nprotocol_state=CONNECT\npolicy_context=7\n\n'
    n = REQUEST_MAX_BYTES // len(one)
    with Server(directory) as server, server.connect() as slow, server.connect() as other:
        ask(other)
        ask(slow)
        # Stopped meanwhile, so that it reads all of them at once.
        server.process.send_signal(signal.SIGSTOP)
        slow.sendall(one * n)
        server.process.send_signal(signal.SIGCONT)
        ask(other)
        server.process.send_signal(signal.SIGTERM)
        expect_closed(other)
        equal(receive(slow, len(DUNNO) * n) == DUNNO * n, True)
        expect_closed(slow)
        equal(server.process.wait(PATIENCE), 0)


@contextlib.contextmanager
def stopped(process):
    """What is done meanwhile, and a SIGTERM at its end, it sees at once, in an order of its own."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    try:
        yield
        process.send_signal(signal.SIGTERM)
    finally:
        process.send_signal(signal.SIGCONT)


def sigterm_answers_all_requests_of_several_buffers(directory):
    """A buffer ends where a request does, so that nothing tells that there is more."""
    head = b'request=smtpd_access_policy\nprotocol_state=CONNECT\npolicy_context=7\nx='
    one = head + b'x' * (1024 - len(head) - 2) + b'\n\n'
    n = 5 * REQUEST_MAX_BYTES // 2 // len(one)
    with Server(directory) as server, server.connect() as client:
        ask(client)
        with stopped(server.process):
            client.sendall(one * n)
        equal(receive(client, len(DUNNO) * n) == DUNNO * n, True)
        expect_closed(client)
        equal(server.process.wait(PATIENCE), 0)


def sigterm_answers_those_who_wait_to_be_accepted(directory):
    """More than are accepted at one event; on a socket of its own, which nobody serves after it."""
    with Server(directory) as server, server.connect() as client, contextlib.ExitStack() as stack:
        ask(client)
        with stopped(server.process):
            waiting = [stack.enter_context(server.connect()) for _ in range(MANY)]
            for other in waiting:
                other.sendall(request())
        for other in waiting:
            equal(receive(other, len(NO_TLS)), NO_TLS)
            expect_closed(other)
        equal(server.process.wait(PATIENCE), 0)


def sigterm_lets_ask_who_has_just_connected(directory):
    with Server(directory) as server, server.connect() as client, server.connect() as never:
        ask(client)
        with stopped(server.process):
            late = server.connect()
        with late:
            expect_closed(client)
            ask(late)
            expect_closed(late)
        expect_closed(never)
        equal(server.process.wait(PATIENCE), 0)


def sigterm_does_not_wait_for_ever(directory):
    with Server(directory) as server, server.connect() as slow:
        ask(slow)
        slow.sendall(b'request=')
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        equal(server.process.wait(PATIENCE), 0)


def sigusr1_logs_the_counters(directory):
    with Server(directory) as server, server.connect() as client:
        ask(client)
        ask(client, request(sender='a@other.test'), DUNNO)
        server.process.send_signal(signal.SIGUSR1)
        server.wait_logged('counters requests=2 passed=1 reported=0 deferred=0 rejected=1 unanswered=0 '
                           'protocol_errors=0 connections=1 open=1')
        server.wait_logged('counters rule=bank broken=1')


def every_counter_counts(directory):
    """Another number for each, so that none is taken for another."""
    def closed_after(data):
        with server.connect() as client:
            client.sendall(data)
            expect_closed(client)

    tls = {'encryption_protocol': 'TLSv1.3'}
    asked = ((request(**tls), DUNNO, 2), (request(sender='a@watch.test'), WATCHED, 3), (request(), NO_TLS, 5),
             (request(sender='a@cert.test', **tls), DEFERRED, 4))
    with Server(directory) as server, server.connect() as client:
        for data, answer, times in asked:
            for _ in range(times):
                ask(client, data, answer)
        for _ in range(6):
            closed_after(request(context='8'))
        for _ in range(7):
            closed_after(b'junk\n')
        with server.connect() as second:
            ask(second)
            server.process.send_signal(signal.SIGUSR1)
            server.wait_logged('counters requests=21 passed=2 reported=3 deferred=4 rejected=6 unanswered=6 '
                               'protocol_errors=7 connections=15 open=2')
        server.wait_logged('counters rule=watch broken=3')
        rules = [line.split('counters rule=')[1] for line in server.logged().splitlines() if 'counters rule' in line]
        equal(rules, ['bank broken=6', 'cert broken=4', 'watch broken=3'])


def more_clients_than_descriptors_wait(directory):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))

    with Server(directory, preexec_fn=limit) as server:
        clients = [server.connect() for _ in range(200)]
        ask(clients[0])
        server.wait_logged('connections are open, more must wait')
        # Some descriptors are kept for rules.
        generation(directory, 8)
        ask(clients[0], request(context='8'))
        for client in clients:
            client.sendall(request())
        served = 0
        while served < len(clients):
            ready, _, _ = select.select(clients, [], [], PATIENCE)
            if not ready:
                raise AssertionError(f'{served} of {len(clients)} served')
            for client in ready:
                equal(receive(client, len(NO_TLS)), NO_TLS)
                client.close()
                clients.remove(client)
        equal(server.process.poll(), None)


def the_mode_of_the_socket_is_as_said(directory):
    for option, mode in ('', 0o600), (':mode=0660', 0o660), (':mode=666', 0o666):
        with Server(directory, endpoint=f'unix:{directory}/socket{option}') as server, server.connect() as client:
            ask(client)
            equal(server.path.stat().st_mode & 0o777, mode)


def a_socket_left_behind_is_replaced(directory):
    with Server(directory) as server, server.connect() as client:
        ask(client)
    with Server(directory) as server, server.connect() as client:
        ask(client)


def a_socket_in_use_is_not_taken(directory):
    with Server(directory) as server, server.connect() as client:
        second = subprocess.run([POLICYD, '--generations', directory, '--listen', server.endpoint],
                                capture_output=True, timeout=PATIENCE)
        equal(second.returncode, 71)
        if b"can't listen on" not in second.stderr:
            raise AssertionError(second.stderr)
        ask(client)


def what_is_no_socket_is_not_replaced(directory):
    """connect(2) to a plain file is refused as it is to a socket that nobody listens on."""
    generation(directory, 7)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(directory / 'left'))
    left.close()
    (directory / 'file').write_text('mine')
    (directory / 'link').symlink_to('left')
    (directory / 'folder').mkdir()
    for name in 'file', 'link', 'folder':
        run = subprocess.run([POLICYD, '--generations', directory, '--listen', f'unix:{directory}/{name}'],
                             capture_output=True, timeout=PATIENCE)
        equal((name, run.returncode, b"can't listen on" in run.stderr), (name, 71, True))
    equal((directory / 'file').read_text(), 'mine')
    equal([(directory / 'link').is_symlink(), (directory / 'left').exists(), (directory / 'folder').is_dir()],
          [True] * 3)


def a_loopback_address_is_served(directory):
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with Server(directory, '--listen', f'inet:127.0.0.1:{port}') as server:
        with server.connect(), socket.create_connection(('127.0.0.1', port), PATIENCE) as client:
            ask(client)


def wrong_endpoints_are_refused(directory):
    for endpoint in ('socket', 'unix:relative', 'unix:/x:mode=9', 'unix:/' + 'x' * 200, 'inet:127.0.0.1', 'inet:127.0.0.1:0',
                     'inet:192.0.2.1:25', 'inet:localhost:25', 'inet:[::2]:25', 'inet:127.0.0.1:65536'):
        run = subprocess.run([POLICYD, '--generations', directory, '--listen', endpoint], capture_output=True,
                             timeout=PATIENCE)
        equal((endpoint, run.returncode), (endpoint, 64))
        if b'accepted are unix:PATH' not in run.stderr:
            raise AssertionError(run.stderr)


def log_that_nobody_reads_is_no_trouble(directory):
    """Standard error is a pipe whose other end is closed; the log goes to it."""
    generation(directory, 7)
    read, write = os.pipe()
    process = subprocess.Popen([POLICYD, '--generations', directory, '--listen', f'unix:{directory}/socket'],
                               stderr=write)
    os.close(write)
    server = types.SimpleNamespace(path=directory / 'socket', process=process)
    try:
        with Server.connect(server) as client:
            ask(client)
            os.close(read)
            ask(client)
            ask(client)
            equal(process.poll(), None)
    finally:
        process.kill()
        process.wait()


def what_is_handed_and_does_not_listen_is_refused(directory):
    """As with Accept=yes, or another descriptor in its place: silence would be taken for a server."""
    generation(directory, 7)
    pair, plain = socket.socketpair(), open(directory / 'log', 'w+b')
    for handed, number, said in ((pair[0], 1, b'is no listening socket'), (plain, 1, b'is no listening socket'),
                                 (pair[0], 65, b'at most 64')):
        command = f'exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS={number}; exec "$@"'
        run = subprocess.run(['sh', '-c', command, 'sh', POLICYD, '--generations', directory], stdin=handed,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
        equal((run.returncode, run.stdout, said in run.stderr), (71, b'', True))


def sockets_of_the_real_systemd_are_served(directory):
    """systemd-socket-activate(1) listens, and starts the program when somebody connects."""
    activate = shutil.which('systemd-socket-activate')
    if activate is None:
        raise Skip('there is no systemd-socket-activate')
    generation(directory, 7)
    with open(directory / 'log', 'w+b') as log:
        process = subprocess.Popen([activate, '-l', directory / 'socket', POLICYD, '--generations', directory],
                                   stderr=log)
        server = types.SimpleNamespace(path=directory / 'socket', process=process)
        try:
            with Server.connect(server) as client, Server.connect(server) as other:
                ask(client)
                ask(other)
                ask(client)
                equal(pathlib.Path(f'/proc/{process.pid}/exe').resolve(), pathlib.Path(POLICYD).resolve())
            process.send_signal(signal.SIGTERM)
            equal(process.wait(PATIENCE), 0)
        finally:
            process.kill()
            process.wait()


def who_waits_at_a_handed_socket_is_answered_by_the_next(directory):
    """The manager keeps the socket while one server ends and the next begins."""
    generation(directory, 7)
    command = 'exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'

    def start():
        return subprocess.Popen(['sh', '-c', command, 'sh', POLICYD, '--generations', directory], stdin=listener,
                                stderr=subprocess.DEVNULL)

    with contextlib.ExitStack() as stack:
        def connect():
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(PATIENCE)
            client.connect(str(directory / 'socket'))
            return client

        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(directory / 'socket'))
        listener.listen(2 * MANY)
        first = start()
        stack.callback(first.kill)
        slow, idle = connect(), connect()
        ask(idle)
        slow.sendall(request()[:-1])
        ask(idle)
        with stopped(first):
            waiting = [connect() for _ in range(MANY)]
            for client in waiting[:ACCEPTS_PER_EVENT]:
                client.sendall(request())
        expect_closed(idle)
        # It is about to end, and accepts nobody: these wait for the next one, some without a word.
        waiting += [connect() for _ in range(MANY)]
        for client in waiting[-MANY // 2:]:
            client.sendall(request())
        slow.sendall(b'\n')
        equal(receive(slow, len(NO_TLS)), NO_TLS)
        equal(first.wait(PATIENCE), 0)
        equal(select.select(waiting[ACCEPTS_PER_EVENT:], [], [], 0)[0], [])
        second = start()
        stack.callback(second.wait)
        stack.callback(second.kill)
        for client in waiting[ACCEPTS_PER_EVENT:-MANY // 2]:
            client.sendall(request())
        for client in waiting:
            equal(receive(client, len(NO_TLS)), NO_TLS)


def told(directory, environment, address, wait_for=()):
    """What the manager is told by a server on a handed socket, from its start to its end by SIGTERM; two clients
    are answered, and what is waited for has been told before that."""
    # LISTEN_PID must be the number of the process: a shell knows it.
    command = f'exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1 {environment}; exec "$@"'
    generation(directory, 7)
    with (open(directory / 'log', 'w+b') as log, socket.socket(socket.AF_UNIX) as listener,
          socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager):
        manager.bind(address.replace('@', '\0', 1))
        manager.settimeout(PATIENCE)
        listener.bind(str(directory / 'socket'))
        listener.listen()
        process = subprocess.Popen(['sh', '-c', command, 'sh', POLICYD, '--generations', directory], stdin=listener,
                                   stderr=log, env={**os.environ, 'NOTIFY_SOCKET': address})
        try:
            states = [manager.recv(100)]
            for _ in range(2):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(PATIENCE)
                    client.connect(str(directory / 'socket'))
                    ask(client)
                    states += [manager.recv(100) for _ in wait_for]
                    ask(client)
            process.send_signal(signal.SIGTERM)
            while states[-1] != b'STOPPING=1':
                states.append(manager.recv(100))
            equal(process.wait(PATIENCE), 0)
        finally:
            process.kill()
            process.wait()
        (directory / 'socket').unlink()
    return states


def handed_sockets_are_served_and_readiness_is_told(directory):
    """As systemd does it: descriptor 3 is the socket, NOTIFY_SOCKET is told, be it a file or an abstract one."""
    for address in str(directory / 'notify'), f'@tlsgate-{os.getpid()}':
        for environment in 'WATCHDOG_USEC=400000', 'WATCHDOG_USEC=400000 WATCHDOG_PID=$$':
            states = told(directory, environment, address, wait_for=range(2))
            equal((states[0], states[-1], set(states[1:-1])), (b'READY=1', b'STOPPING=1', {b'WATCHDOG=1'}))
            (directory / 'notify').unlink(missing_ok=True)


def the_watchdog_of_another_is_not_fed(directory):
    """Nor is one where there is none."""
    for environment in 'WATCHDOG_USEC=400000 WATCHDOG_PID=1', 'NOTHING=', 'WATCHDOG_USEC=', 'WATCHDOG_USEC=x':
        states = told(directory, environment, str(directory / 'notify'))
        equal((environment, states), (environment, [b'READY=1', b'STOPPING=1']))
        (directory / 'notify').unlink()


def main():
    tap = Tap()
    for test in (clients_are_answered_in_turn, a_request_byte_by_byte_beside_others_is_answered,
                 many_requests_at_once_are_all_answered, a_client_that_takes_no_answers_waits_alone,
                 answers_that_wait_all_come, noise_ends_its_connection_alone,
                 too_many_within_a_request_are_closed_not_good_ones, warnings_are_limited,
                 an_unknown_generation_gets_no_answer,
                 sigterm_answers_what_was_asked, sigterm_lets_a_slow_client_take_its_answers,
                 sigterm_answers_all_requests_of_several_buffers, sigterm_answers_those_who_wait_to_be_accepted,
                 sigterm_lets_ask_who_has_just_connected,
                 sigterm_does_not_wait_for_ever, sigusr1_logs_the_counters, every_counter_counts,
                 more_clients_than_descriptors_wait, the_mode_of_the_socket_is_as_said,
                 a_socket_left_behind_is_replaced, a_socket_in_use_is_not_taken,
                 what_is_no_socket_is_not_replaced, a_loopback_address_is_served,
                 wrong_endpoints_are_refused, log_that_nobody_reads_is_no_trouble,
                 what_is_handed_and_does_not_listen_is_refused,
                 who_waits_at_a_handed_socket_is_answered_by_the_next, sockets_of_the_real_systemd_are_served,
                 handed_sockets_are_served_and_readiness_is_told, the_watchdog_of_another_is_not_fed):
        with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory:
            tap.check(test.__name__.replace('_', '-'), test, pathlib.Path(directory))
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main())
