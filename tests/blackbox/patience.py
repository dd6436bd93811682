#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd's server has patience with smtpd(8), and an end of it with what is no smtpd(8).

Usage: patience.py POLICYD. Prints TAP. It waits for the minute that the server gives (policyd/server.c), so
it is a test of its own, which runs beside others."""
import contextlib
import pathlib
import select
import sys
import tempfile
import time

from policyd import NO_TLS, request
from server import Server, ask, expect_closed, receive

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

TAP = Tap()
ENOUGH = 180  # seconds
HALF = len(request()) // 2


def send_junk(server):
    with server.connect() as client:
        client.sendall(b'junk\n')
        expect_closed(client)


def main():
    with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory, contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(pathlib.Path(directory)))
        slow, deaf, idle, cut, steady, other = (stack.enter_context(server.connect()) for _ in range(6))

        # Once within a request, and at rest since; the other is asked between the halves, so that both are read.
        cut.sendall(request()[:HALF])
        ask(other)
        cut.sendall(request()[HALF:])
        equal(receive(cut, len(NO_TLS)), NO_TLS)
        # Always within the next request, and getting on.
        steady.sendall(request() + request()[:HALF])
        slow.sendall(request()[:HALF])
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                deaf.sendall(request() * 100)

        for _ in range(20):
            send_junk(server)

        poll = select.poll()
        closed, left = [], {slow.fileno(): 'slow', deaf.fileno(): 'deaf'}
        for client in slow, deaf, idle, cut, steady, other:
            poll.register(client, select.POLLRDHUP)
        deadline = time.monotonic() + ENOUGH
        while not {'slow', 'deaf'} <= set(closed) and time.monotonic() < deadline:
            for descriptor, _ in poll.poll(500):
                closed.append(left.get(descriptor, 'good'))
                poll.unregister(descriptor)
            steady.sendall(request()[HALF:] + request()[:HALF])
            equal(receive(steady, len(NO_TLS)), NO_TLS)
        TAP.check('who-stays-within-a-request-is-closed', equal, 'slow' in closed, True)
        TAP.check('who-takes-no-answers-is-closed', equal, 'deaf' in closed, True)
        TAP.check('nobody-else-is-closed', equal, sorted(closed), ['deaf', 'slow'])
        for name, client in (('idle', idle), ('once-cut', cut), ('other', other)):
            TAP.check(f'{name}-is-answered', ask, client)
        for text in 'a client did not finish its request within', 'a client did not take its answer within':
            TAP.check(f'log/{text.replace(" ", "-")}', server.wait_logged, text)
        # The window of the limit is long over.
        send_junk(server)
        TAP.check('log-tells-what-was-left-out', server.wait_logged, 'name=value (and 15 like this before)')
        TAP.check('log-has-few-lines', equal, server.logged().count('the client sent'), 6)
    return TAP.finish()


sys.exit(main())
