#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What policyd has counted, asked by request=tlsgate_counters and by SIGUSR1, as a server and under spawn(8).

Usage: counting.py POLICYD. Prints TAP. Where the figures are told at SIGUSR1, under spawn(8) the log is a
/dev/log of the test."""
import array
import contextlib
import fcntl
import pathlib
import signal
import socket
import sys
import tempfile
import termios
import threading
import time

from policyd import (ANY, DUNNO, NO_TLS, PATIENCE, PROTOCOL, REJECT, Client, Log, Rules, Skip as NoLog, generation,
                     request)
from server import DEFERRED, WATCHED, Server, ask, expect_closed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Skip, Tap, equal  # noqa: E402

COUNTERS = b'request=tlsgate_counters\n\n'
NAMES = ('requests', 'passed', 'reported', 'deferred', 'rejected', 'unanswered', 'protocol_errors', 'connections',
         'open')
TLS = {'encryption_protocol': 'TLSv1.3'}
# What is asked, what the answer is, how often: another number for each, so that none is taken for another.
MIX = ((request(**TLS), DUNNO, 2), (request(sender='a@watch.test'), WATCHED, 3), (request(), NO_TLS, 5),
       (request(sender='a@cert.test', **TLS), DEFERRED, 4))
RULES = (('bank', 5), ('cert', 4), ('watch', 3))


def text(figures, rules=()):
    return ''.join([f'{name}={value}\n' for name, value in zip(NAMES, figures)]
                   + [f'rule={name} {times}\n' for name, times in rules] + ['\n']).encode()


def log_lines(figures, rules=()):
    return ['counters ' + ' '.join(f'{name}={value}' for name, value in zip(NAMES, figures)),
            *(f'counters rule={name} broken={times}' for name, times in rules)]


def told(client):
    """Up to the empty line: what would come behind it is seen by the next answer."""
    found = b''
    while not found.endswith(b'\n\n'):
        piece = client.recv(65536)
        equal(piece != b'', True)
        found += piece
    return found


def counters(client):
    client.sendall(COUNTERS)
    return told(client)


def ask_mix(client):
    for data, answer, times in MIX:
        for _ in range(times):
            ask(client, data, answer)


@contextlib.contextmanager
def both(directory, rules=None):
    """A client of the server and one of spawn(8), by name; the first asks on a loopback address, too."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with (Server(directory, '--listen', f'inet:127.0.0.1:{port}') as server, server.connect() as served,
          Client('--generations', directory) as spawned):
        generation(directory, 7, rules)
        yield {'served': served, 'spawned': spawned.socket}, ('127.0.0.1', port)


def figures_are_exact_after_a_known_mix(directory):
    with both(directory) as (clients, address):
        for name, client in clients.items():
            ask_mix(client)
            equal((name, counters(client)), (name, text((14, 2, 3, 4, 5, 0, 0, 1, 1), RULES)))
        with socket.create_connection(address, PATIENCE) as client:
            equal(counters(client), text((14, 2, 3, 4, 5, 0, 0, 2, 2), RULES))


def what_goes_wrong_is_counted_by_the_server(directory):
    with Server(directory) as server, server.connect() as client:
        ask_mix(client)
        for data, times in (request(context='8'), 6), (b'junk\n', 7), (COUNTERS * 2, 2):
            for _ in range(times):
                with server.connect() as other:
                    other.sendall(data)
                    if data == COUNTERS * 2:
                        told(other)
                    expect_closed(other)
        equal(counters(client), text((20, 2, 3, 4, 5, 6, 9, 16, 1), RULES))


def to_ask_counts_as_nothing(directory):
    with both(directory) as (clients, _):
        for name, client in clients.items():
            for _ in range(3):
                equal((name, counters(client)), (name, text((0, 0, 0, 0, 0, 0, 0, 1, 1))))


def bytes_may_come_one_by_one_and_with_others_beside(directory):
    beside = b'sender=\nprotocol_state=RCPT\nx=y\nrequest=tlsgate_counters\npolicy_context=no\n\n'
    with both(directory) as (clients, _):
        for name, client in clients.items():
            for data in COUNTERS, beside:
                for byte in data:
                    client.sendall(bytes([byte]))
                equal((name, told(client)), (name, text((0, 0, 0, 0, 0, 0, 0, 1, 1))))


def counters_stand_in_their_place_among_others(directory):
    """The figures are those of the moment: what was asked before is in them, what comes behind is not."""
    wanted = (NO_TLS * 2 + text((2, 0, 0, 0, 2, 0, 0, 1, 1), [('bank', 2)]) + NO_TLS + DUNNO)
    with both(directory) as (clients, _):
        for client in clients.values():
            ask(client, request() * 2 + COUNTERS + request() + request(**TLS), wanted)


def a_second_question_at_once_closes_the_connection(directory):
    """A reader of few bytes could otherwise have megabytes made for it."""
    generation(directory, 7)
    with Client('--generations', directory) as client:
        client.send(COUNTERS * 2 + request())
        client.expect_end(PROTOCOL, text((0, 0, 0, 0, 0, 0, 0, 1, 1)))
    with Server(directory) as server, server.connect() as client:
        client.sendall(COUNTERS * 2 + request())
        equal(told(client), text((0, 0, 0, 0, 0, 0, 0, 1, 1)))
        expect_closed(client)
        server.wait_logged('no answer: the client sent tlsgate_counters again before it took the answer')


def other_words_are_no_request(directory):
    generation(directory, 7)
    for word in 'tlsgate_counter', 'tlsgate_counters ', 'TLSGATE_COUNTERS', '':
        with Client('--generations', directory) as client:
            client.send(f'request={word}\n\n'.encode())
            client.expect_end(PROTOCOL)


def of_many_broken_rules_a_hundred_are_told(directory):
    """The most often broken first, also where they were broken last."""
    rules, wanted = Rules(), []
    for number in range(150):
        rules.rule(f'rule-{number:03}', ANY, REJECT, f'd{number}.test')
    with both(directory, rules) as (clients, _):
        for name, client in clients.items():
            wanted = [(f'rule-{number:03}', 3 if number >= 140 else 2) for number in range(150)]
            for number, (rule, times) in enumerate(wanted):
                for _ in range(times):
                    ask(client, request(sender=f'x@d{number}.test'), NO_TLS.replace(b'bank', rule.encode()))
            wanted.sort(key=lambda pair: -pair[1])
            equal((name, counters(client)), (name, text((310, 0, 0, 0, 310, 0, 0, 1, 1), wanted[:100])))


# ---- SIGUSR1 under spawn(8) ----

class Lines:
    """A client of spawn(8) whose log is read at once, as syslogd does it."""

    def __init__(self, directory, **options):
        generation(directory, 7)
        try:
            self.log = Log(directory)
        except NoLog as skip:
            raise Skip(str(skip)) from skip
        self.log.socket.settimeout(0.1)
        self.lines, self.is_over = [], False
        self.client = Client('--generations', directory, wrapper=self.log.wrapper, **options)
        self.reader = threading.Thread(target=self.read)

    def __enter__(self):
        self.reader.start()
        return self

    def __exit__(self, *_):
        self.client.__exit__()
        self.is_over = True
        self.reader.join(PATIENCE)

    def read(self):
        while not self.is_over:
            with contextlib.suppress(TimeoutError):
                self.lines.append(self.log.socket.recv(65536).decode().split(']: ', 1)[1])

    def counted(self):
        return [line for line in self.lines if line.startswith('counters ')]

    def wait_counted(self, wanted):
        self.wait(lambda: len(self.counted()) >= len(wanted), wanted)
        equal(self.counted(), wanted)

    def wait(self, probe, what):
        deadline = time.monotonic() + PATIENCE
        while not probe():
            if time.monotonic() > deadline:
                raise AssertionError(f'not there: {what!r}; the log ends in {self.lines[-5:]!r}')
            time.sleep(0.01)

    def wait_at_rest(self, has_read_all=True):
        """It sleeps: in read(2) if it has read all, else until there is room for an answer. A log that is full
        would make it sleep, too, but not for long."""
        def probe():
            unread = array.array('i', [0])
            fcntl.ioctl(self.client.socket, termios.TIOCOUTQ, unread)
            stat = pathlib.Path(f'/proc/{self.client.process.pid}/stat').read_text()
            state = (unread[0] == 0, stat.rsplit(') ', 1)[1][0], len(self.lines))
            states.append(state)
            return states[-10:] == [(has_read_all, 'S', state[2])] * 10
        states = []
        self.wait(probe, 'a process at rest')

    def signal(self, number=signal.SIGUSR1):
        self.client.process.send_signal(number)


def sigusr1_between_requests_logs_the_counters(directory):
    for options in {}, {'is_blocking': False}:
        with Lines(directory, **options) as spawned:
            ask_mix(spawned.client.socket)
            spawned.wait_at_rest()
            spawned.signal()
            spawned.wait_counted(log_lines((14, 2, 3, 4, 5, 0, 0, 1, 1), RULES))
            ask_mix(spawned.client.socket)
            equal(counters(spawned.client.socket),
                  text((28, 4, 6, 8, 10, 0, 0, 1, 1), [(name, 2 * times) for name, times in RULES]))
            spawned.client.close_writing()
            spawned.client.expect_end(0)
        (directory / 'dev' / 'log').unlink()


def sigusr1_within_a_request_leaves_it_whole(directory):
    data = request()
    with Lines(directory) as spawned:
        ask(spawned.client.socket)
        wanted = []
        for number, cut in enumerate((1, 8, len(data) // 2, len(data) - 1), 1):
            spawned.client.send(data[:cut])
            spawned.wait_at_rest()
            spawned.signal()
            wanted += log_lines((number, 0, 0, 0, number, 0, 0, 1, 1), [('bank', number)])
            spawned.wait_counted(wanted)
            ask(spawned.client.socket, data[cut:], NO_TLS)
        spawned.client.close_writing()
        spawned.client.expect_end(0)


def sigusr1_beside_a_request_answers_it_once(directory):
    """Both wait when the process goes on: it sees the signal first."""
    with Lines(directory) as spawned:
        ask(spawned.client.socket)
        spawned.wait_at_rest()
        spawned.signal(signal.SIGSTOP)
        spawned.client.send(request())
        spawned.signal()
        spawned.signal(signal.SIGCONT)
        equal(spawned.client.receive(len(NO_TLS)), NO_TLS)
        spawned.wait(lambda: len(spawned.counted()) == 2, 'the counters')
        spawned.client.close_writing()
        spawned.client.expect_end(0)
        equal(len(spawned.counted()), 2)


def sigusr1_while_answers_wait_loses_none(directory):
    """The process waits for room in the socket. Each request is told from the next by its answer."""
    asked = ((request(**TLS), DUNNO), (request(sender='a@watch.test'), WATCHED))
    data, wanted = (b''.join(part) * 3000 for part in zip(*asked))
    for options in {}, {'is_blocking': False}:
        with Lines(directory, **options) as spawned:
            ask(spawned.client.socket, *asked[0])
            sender = threading.Thread(target=spawned.client.send, args=(data,))
            sender.start()
            spawned.wait_at_rest(has_read_all=False)
            for times in range(1, 6):
                spawned.signal()
                spawned.wait(lambda: len(spawned.counted()) >= 2 * times, 'the counters')
            equal(len(set(spawned.counted())), 2)  # nothing was answered meanwhile
            equal(spawned.client.receive(len(wanted)) == wanted, True)
            sender.join(PATIENCE)
            equal(counters(spawned.client.socket), text((6001, 3001, 3000, 0, 0, 0, 0, 1, 1), [('watch', 3000)]))
            spawned.client.close_writing()
            spawned.client.expect_end(0)
        (directory / 'dev' / 'log').unlink()


def main():
    tap = Tap()
    for test in (figures_are_exact_after_a_known_mix, what_goes_wrong_is_counted_by_the_server,
                 to_ask_counts_as_nothing, bytes_may_come_one_by_one_and_with_others_beside,
                 counters_stand_in_their_place_among_others, a_second_question_at_once_closes_the_connection,
                 other_words_are_no_request, of_many_broken_rules_a_hundred_are_told,
                 sigusr1_between_requests_logs_the_counters, sigusr1_within_a_request_leaves_it_whole,
                 sigusr1_beside_a_request_answers_it_once, sigusr1_while_answers_wait_loses_none):
        with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory:
            tap.check(test.__name__.replace('_', '-'), test, pathlib.Path(directory))
    return tap.finish()


sys.exit(main())
