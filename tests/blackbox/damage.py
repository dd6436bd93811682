#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd and damaged rules: what the intact rules refuse never passes, and the server stays.

Usage: damage.py POLICYD. Prints TAP. No answer is no pass: Postfix does what its default_action says."""
import contextlib
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading

from policyd import (ANY, DAMAGED, DUNNO, NO_TLS, PATIENCE, REJECT, UNREADABLE, Client, Rules, bank_rules,
                     generation, put, request)
from server import Server, receive

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Skip, Tap, equal  # noqa: E402

TAP = Tap()
TLS = {'encryption_protocol': 'TLSv1.3'}
# Found under a key, in a bucket with others, in an empty bucket, and by the exempt networks.
QUESTIONS = (({}, NO_TLS), ({'sender': 'x@sub.bank.test'}, NO_TLS), ({'state': 'DATA'}, NO_TLS),
             ({'sender': 'x@cert.test', **TLS}, b'action=450 4.7.1 Trusted client certificate required by rule cert: '
              b'present one, there was none\n\n'), ({'sender': 'x@other.test'}, DUNNO), (TLS, DUNNO),
             ({'client_address': '127.0.0.1'}, DUNNO))


def end_of(server, data):
    """What is answered, or b'' where the connection is closed."""
    with server.connect() as client:
        client.sendall(data)
        found = b''
        with contextlib.suppress(ConnectionResetError):
            while not found.endswith(b'\n\n') and (more := client.recv(1000)):
                found += more
        return found


def questions(server, number, counts):
    """Each is answered as the intact file has it, or not at all; whether all were."""
    for values, intact in QUESTIONS:
        found = end_of(server, request(context=str(number), **values))
        if found not in (intact, b''):
            raise AssertionError(f'{number}: {values}: found {found!r}, intact {intact!r}')
        counts[found != b''] += 1


def spoilt(intact, place, bits):
    data = bytearray(intact)
    data[place] ^= bits
    return bytes(data)


def note(counts):
    TAP.note(f'{counts[True]} answered as the intact file, {counts[False]} not answered')
    # Both happen: a test that sees only one of them looks at nothing.
    equal((counts[True] > 0, counts[False] > 0), (True, True))


def each_byte_flipped(directory):
    """In a generation of its own each, so that it is read anew; one of its bits, and all."""
    size, counts = len(bank_rules().build(1)), {True: 0, False: 0}
    with Server(directory) as server:
        for place in range(size):
            for bits in 1 << place % 8, 0xff:
                number = 1000 + 2 * place + (bits == 0xff)
                path = put(directory / str(number) / 'rules.db', spoilt(bank_rules().build(number), place, bits))
                questions(server, number, counts)
                path.unlink()
        equal(end_of(server, request()), NO_TLS)
    note(counts)


def each_byte_flipped_while_mapped(directory):
    """The file is open, and its header was whole when it was opened."""
    number, counts = 8, {True: 0, False: 0}
    path = generation(directory, number)
    intact = path.read_bytes()
    with Server(directory) as server, open(path, 'r+b', buffering=0) as file:
        equal(end_of(server, request(context='8', state='CONNECT')), DUNNO)
        for place in range(len(intact)):
            for bits in 1 << place % 8, 0xff:
                os.pwrite(file.fileno(), spoilt(intact, place, bits)[place:place + 1], place)
                questions(server, number, counts)
                os.pwrite(file.fileno(), intact[place:place + 1], place)
        questions(server, number, (after := {True: 0, False: 0}))
        equal(after, {True: len(QUESTIONS), False: 0})
    note(counts)


def each_length_cut(directory):
    size, counts = len(bank_rules().build(1)), {True: 0, False: 0}
    with Server(directory) as server:
        for length in range(size):
            number = 1000 + length
            put(directory / str(number) / 'rules.db', bank_rules().build(number)[:length])
            questions(server, number, counts)
            shutil.rmtree(directory / str(number))
        equal(end_of(server, request()), NO_TLS)
    equal((counts[True], counts[False]), (0, size * len(QUESTIONS)))


def each_length_cut_while_mapped(directory):
    """Within its only page the rest reads as zeros, so the server stays; without that page it ends."""
    path = generation(directory, 8)
    intact, counts = path.read_bytes(), {True: 0, False: 0}
    with Server(directory) as server:
        equal(end_of(server, request(context='8', state='CONNECT')), DUNNO)
        for length in range(len(intact) - 1, 0, -1):
            os.truncate(path, length)
            questions(server, 8, counts)
        equal((server.process.poll(), end_of(server, request())), (None, NO_TLS))
        os.truncate(path, 0)
        equal(end_of(server, request(context='8')), b'')
        equal(server.process.wait(PATIENCE), UNREADABLE)
    note(counts)


def large_file_cut_at_each_page_while_mapped(directory):
    """Under spawn(8): one process ends at most, and a second one, whose file is whole, answers on."""
    rules = Rules()
    for number in range(1500):
        rules.rule(f'rule-{number}', ANY, REJECT, f'd{number}.test')
    data = rules.build(7)
    path = put(directory / '7' / 'rules.db', data)
    generation(directory, 8)
    statuses = []
    with Client('--generations', directory) as other:
        for length in range(0, len(data), 4096):
            with Client('--generations', directory) as client:
                client.ask(request(state='CONNECT'), DUNNO)
                os.truncate(path, length)
                wanted = NO_TLS.replace(b'bank', b'rule-0')
                client.send(request(sender='x@d0.test'))
                client.close_writing()
                found = client.receive(1000)
                if found not in (b'', wanted):
                    raise AssertionError(f'{length} bytes left: {found!r}')
                status = client.process.wait(PATIENCE)
                equal((length, status in ((0,) if found else (DAMAGED, UNREADABLE))), (length, True))
                statuses.append(status)
            other.ask(request(context='8'), NO_TLS)
            put(path, data)
    TAP.note(f'of {len(statuses)} processes {statuses.count(UNREADABLE)} were ended by SIGBUS, '
             f'{statuses.count(0)} answered')
    equal((UNREADABLE in statuses, 0 in statuses), (True, True))


def what_is_no_rules_file_is_asked_for_again(directory):
    """No answer, one line of the reason; and as soon as the file is right, it is answered from."""
    def fifo(path):
        path.unlink()
        os.mkfifo(path)

    def directory_there(path):
        path.unlink()
        path.mkdir()

    wrongs = {
        'empty': (lambda path: put(path, b''), 'shorter than a rules file can be'),
        'another format': (lambda path: put(path, bank_rules().build(8, file_format=4)), 'of format 4'),
        'older format': (lambda path: put(path, bank_rules().build(8, file_format=2)), 'of format 2'),
        'another generation': (lambda path: put(path, bank_rules().build(9)), 'holds generation 9'),
        'vanished': (lambda path: path.unlink(), 'No such file'),
        'text': (lambda path: put(path, b'{}\n' * 100), 'not a rules file'),
        'a loop': (lambda path: (path.unlink(), path.symlink_to('rules.db')), 'symbolic links'),
        'a directory': (directory_there, 'not a regular file'),
        'a pipe': (fifo, 'not a regular file'),
    }
    for name, (spoil, said) in wrongs.items():
        with Server(directory) as server:
            path = generation(directory, 8)
            spoil(path)
            for _ in range(3):
                for values, _ in QUESTIONS:
                    equal((name, end_of(server, request(context='8', **values))), (name, b''))
                equal((name, end_of(server, request())), (name, NO_TLS))
            server.wait_logged(said)
            shutil.rmtree(path.parent)
            generation(directory, 8)
            equal((name, end_of(server, request(context='8'))), (name, NO_TLS))
            shutil.rmtree(path.parent)


def unreadable_gets_no_answer(directory):
    """As another user than root, who may read all."""
    if os.geteuid() != 0:
        options = {}
    else:
        options = {'user': 65534, 'group': 65534, 'extra_groups': []}
        directory.chmod(0o777)
    try:
        server = Server(directory, **options)
    except PermissionError as error:
        raise Skip(f'the program can\'t be run as another user: {error}') from error
    with server:
        equal(end_of(server, request()), NO_TLS)
        path = generation(directory, 8)
        for place, mode in (path, 0), (path.parent, 0o700 if options else 0):
            before = place.stat().st_mode & 0o777
            place.chmod(mode)
            for values, _ in QUESTIONS:
                equal(end_of(server, request(context='8', **values)), b'')
            server.wait_logged('Permission denied')
            place.chmod(before)
        equal(end_of(server, request(context='8')), NO_TLS)


class Generations:
    """Adds generations without end and prunes those that nobody asks about any more, in a thread of its own."""
    KEPT = 20

    def __init__(self, directory, n):
        self.directory, self.n = directory, n
        self.changed = threading.Condition()
        self.newest = self.oldest = 10
        self.floor = 10  # nothing from here on is pruned
        self.add(10)
        self.thread = threading.Thread(target=self.run, daemon=True)

    def add(self, number):
        """Built beside and renamed, as apply does it."""
        new = self.directory / f'new-{number}'
        put(new / 'rules.db', Rules().rule(f'rule-{number}', ANY, REJECT, 'bank.test').build(number))
        new.rename(self.directory / str(number))

    def run(self):
        for number in range(11, self.n + 10):
            self.add(number)
            with self.changed:
                self.newest = number
                self.changed.notify_all()
                self.changed.wait_for(lambda: self.newest - self.floor < self.KEPT, PATIENCE)
            while self.oldest < self.floor:
                shutil.rmtree(self.directory / str(self.oldest))
                self.oldest += 1

    def ask_from(self, floor):
        with self.changed:
            self.floor = floor
            self.changed.notify_all()

    def wait_newer(self, number):
        with self.changed:
            self.changed.wait_for(lambda: self.newest > number, PATIENCE)
            return self.newest


def refusal(number):
    return NO_TLS.replace(b'bank', f'rule-{number}'.encode())


def a_thousand_generations_come_and_go(directory):
    """100 connections: no question about one that is there fails, none about one that is gone passes."""
    n, pick, asked, gone = 1000, random.Random(1), 0, {True: 0, False: 0}
    with Server(directory) as server:
        generations = Generations(directory, n)
        clients = [server.connect() for _ in range(100)]
        generations.thread.start()
        newest = 10
        while newest < n + 9:
            newest = generations.wait_newer(newest)
            floor = max(10, newest - 10)
            generations.ask_from(floor)
            numbers = [pick.randint(floor, newest) for _ in clients]
            for client, number in zip(clients, numbers):
                client.sendall(request(context=str(number)))
            if generations.oldest > 11:
                number = pick.randint(10, generations.oldest - 1)
                found = end_of(server, request(context=str(number)))
                equal((number, found in (b'', refusal(number))), (number, True))
                gone[found != b''] += 1
            for client, number in zip(clients, numbers):
                equal((number, receive(client, len(refusal(number)))), (number, refusal(number)))
            asked += len(clients)
        generations.thread.join(PATIENCE)
        for client in clients:
            client.close()
        maps = pathlib.Path(f'/proc/{server.process.pid}/maps').read_text()
        equal(maps.count('rules.db') <= 4, True)
    TAP.note(f'{asked} questions about {n} generations; about pruned ones {gone[False]} without an answer, '
             f'{gone[True]} answered from what was still open')
    equal(gone[False] > 0, True)


def main():
    for rule in (each_byte_flipped, each_byte_flipped_while_mapped, each_length_cut, each_length_cut_while_mapped,
                 large_file_cut_at_each_page_while_mapped, what_is_no_rules_file_is_asked_for_again,
                 unreadable_gets_no_answer, a_thousand_generations_come_and_go):
        with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory:
            TAP.check(rule.__name__.replace('_', '-'), rule, pathlib.Path(directory))
    return TAP.finish()


sys.exit(main())
