#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd's server among peers that mean it ill: they are closed, it says so a few times, memory has an
end, and the good clients beside them are answered.

Usage: hostile.py POLICYD. Prints TAP, and how much memory each took. How much longer a good client waits
is what scripts/bench measures."""
import contextlib
import os
import pathlib
import re
import socket
import struct
import sys
import tempfile
import time

from policyd import NO_TLS, PATIENCE, POLICYD, request
from server import MAX_BUSY, Server, ask, expect_closed, need_descriptors, receive

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

TAP = Tap()
# AddressSanitizer keeps what is freed: how much memory is in use can't be seen then.
IS_SANITIZED = b'__asan_init' in pathlib.Path(POLICYD).read_bytes()
MAX_LINES = 5  # of one kind in ten seconds: policyd/log.c
PEERS = 200
HEAD = b'request=smtpd_access_policy\nprotocol_state=RCPT\n'

# Bytes that each peer sends until it is closed, and what the log says of it.
SENT = {
    'endless-line': (b'sender=' + b'x' * 1_000_000, 'a line that is too long'),
    'endless-line-without-equals': (b'x' * 1_000_000, 'a line that is too long'),
    'a-million-attributes': (HEAD + b'a=b\n' * 1_000_000, 'too many attributes'),
    'endless-request': (HEAD + (b'n' + b'v=x' * 2500 + b'\n') * 200, 'a request that is too long'),
    'nul': (HEAD + b'sender=a\0b@bank.test\n\n', 'a NUL or CR in an attribute'),
    'nul-in-a-name': (HEAD + b'sen\0der=a@bank.test\n\n', 'a NUL or CR in an attribute'),
    'crlf': (request().replace(b'\n', b'\r\n'), 'a NUL or CR in an attribute'),
    'http': (b'GET / HTTP/1.0\n\n', 'a line that is not name=value'),
    'empty-lines': (b'\n' * 100_000, 'a request that lacks an attribute'),
    'no-name': (b'=x\n' * 1000, 'a line that is not name=value'),
    'one-attribute-twice': (HEAD + b'sender=\nsender=\n', 'an attribute that occurs twice'),
    'noise': (b'\xff\xfe\x80' * 50_000, 'a line that is too long'),
}


def lines_with(server, text):
    return [line for line in server.logged().splitlines() if text in line]


def expect_few_lines(server, text):
    lines = lines_with(server, text)
    if not 1 <= len(lines) <= MAX_LINES:
        raise AssertionError(f'{len(lines)} lines with {text!r}: {server.logged()[-2000:]}')


def note_memory(server, before, limit):
    """Private memory, so that the rules and libraries, which are shared, do not count."""
    grown = private(server) - before
    TAP.note(f'{grown // 1024} kB more' + ' (AddressSanitizer keeps what is freed)' * IS_SANITIZED)
    if grown > limit and not IS_SANITIZED:
        raise AssertionError(f'{grown} bytes more, at most {limit}')


def descriptors(server):
    return len(os.listdir(f'/proc/{server.process.pid}/fd'))


def wait_descriptors(server, most):
    """Until it has seen the ends of its connections."""
    deadline = time.monotonic() + PATIENCE
    while descriptors(server) >= most:
        if time.monotonic() > deadline:
            raise AssertionError(f'{descriptors(server)} descriptors')
        time.sleep(0.01)


def private(server):
    text = pathlib.Path(f'/proc/{server.process.pid}/smaps_rollup').read_text()
    return 1024 * sum(int(kb) for kb in re.findall(r'^Private_\w+: +(\d+) kB', text, re.M))


def peers_that_send(directory, data, said):
    """Many at once; each sends as much as is taken from it."""
    with Server(directory) as server, server.connect() as good:
        ask(good)
        before = private(server)
        for _ in range(PEERS):
            with server.connect() as peer:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    peer.sendall(data)
                expect_closed(peer)
            ask(good)
        expect_few_lines(server, 'the client sent ' + said)
        note_memory(server, before, 4_000_000)


def slow_loris(directory):
    """As many as are served, each with nearly all that a request may have, and then some; none is in a hurry."""
    need_descriptors(MAX_BUSY + 500)
    piece = HEAD + (b'x' * 250 + b'=' + b'y' * 5000 + b'\n') * 12
    with Server(directory) as server, server.connect() as good:
        ask(good)
        before = private(server)
        peers = [server.connect() for _ in range(MAX_BUSY)]
        for peer in peers:
            peer.sendall(piece)
        ask(good)
        for peer in peers[::50]:
            peer.sendall(b'z')
            ask(good)
        note_memory(server, before, MAX_BUSY * 70_000)
        for peer in peers:
            peer.close()
        server.wait_logged('a client closed within a request')
        ask(good)
        expect_few_lines(server, 'a client closed within a request')
        wait_descriptors(server, 50)
        note_memory(server, before, 2_000_000)


def half_close(directory):
    """Who has asked and then says no more still wants the answer."""
    with Server(directory) as server, server.connect() as good:
        for number in range(PEERS):
            with server.connect() as peer:
                peer.sendall(request() * 2 + (b'request=' if number % 2 else b''))
                peer.shutdown(socket.SHUT_WR)
                equal(receive(peer, 2 * len(NO_TLS)), NO_TLS * 2)
                expect_closed(peer)
            ask(good)
        expect_few_lines(server, 'a client closed within a request')


def reset(directory):
    """Before a request, within one, and with an answer under way."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with Server(directory, '--listen', f'inet:127.0.0.1:{port}') as server, server.connect() as good:
        ask(good)
        for data in (b'', b'request=', request(), request() * 1000):
            for _ in range(PEERS // 4):
                peer = socket.create_connection(('127.0.0.1', port), PATIENCE)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                peer.sendall(data)
                peer.close()
            ask(good)
        equal([line for line in server.logged().splitlines() if 'can\'t' in line], [])
        equal(server.process.poll(), None)


def asks_and_never_reads(directory):
    need_descriptors(MAX_BUSY + 500)
    with Server(directory) as server, server.connect() as good:
        ask(good)
        before = private(server)
        peers = [server.connect() for _ in range(PEERS)]
        for peer in peers:
            peer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    peer.sendall(request() * 200)
            ask(good)
        note_memory(server, before, PEERS * 300_000)
        for peer in peers:
            peer.close()
        ask(good)


def ten_thousand_idle(directory):
    """Some have asked before, most never do; who comes after them is served."""
    n = 10_000
    need_descriptors(n + 500)
    with Server(directory) as server, server.connect() as good:
        ask(good)
        before = private(server)
        idle = []
        for number in range(n):
            idle.append(server.connect())
            if number % 10 == 0:
                ask(idle[-1])
                ask(good)
        note_memory(server, before, 8_000_000)
        with server.connect() as late:
            ask(late)
        ask(good)
        equal(descriptors(server) > n, True)
        for client in idle:
            client.close()
        ask(good)
        equal(lines_with(server, 'warning'), [])
        wait_descriptors(server, 50)


def main():
    cases = [(name, peers_that_send, row) for name, row in SENT.items()]
    cases += [(function.__name__.replace('_', '-'), function, ())
              for function in (slow_loris, half_close, reset, asks_and_never_reads, ten_thousand_idle)]
    for name, function, row in cases:
        with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory:
            TAP.check(name, function, pathlib.Path(directory), *row)
    return TAP.finish()


sys.exit(main())
