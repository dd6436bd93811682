#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd and the protocol: what each Postfix from 3.5 to 3.12 sends, in every order and cut anywhere.

Usage: protocol.py POLICYD. Prints TAP. Each rule holds for a client of spawn(8) and for one of the
server. The attributes are those of src/smtpd/smtpd_check.c, check_policy_service, of each version."""
import contextlib
import pathlib
import random
import socket
import sys
import tempfile

from policyd import DUNNO, NO_TLS, Client, generation
from server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

CLEAR = {'request': 'smtpd_access_policy', 'protocol_state': 'RCPT', 'protocol_name': 'ESMTP',
         'client_address': '192.0.2.10', 'client_name': 'mx.bank.test', 'client_port': '41234',
         'reverse_client_name': 'mx.bank.test', 'server_address': '192.0.2.1', 'server_port': '25',
         'helo_name': 'mx.bank.test', 'sender': 'user@bank.test', 'recipient': 'a@gw.test',
         'recipient_count': '0', 'queue_id': '', 'instance': '5ad.6742f3c1.8a2f3.0', 'size': '1200',
         'etrn_domain': '', 'stress': '', 'sasl_method': '', 'sasl_username': '', 'sasl_sender': '',
         'ccert_subject': '', 'ccert_issuer': '', 'ccert_fingerprint': '', 'ccert_pubkey_fingerprint': '',
         'encryption_protocol': '', 'encryption_cipher': '', 'encryption_keysize': '0', 'policy_context': '7'}
TLS = {'encryption_protocol': 'TLSv1.3', 'encryption_cipher': 'TLS_AES_256_GCM_SHA384', 'encryption_keysize': '256'}
TRUSTED = {**TLS, 'ccert_subject': 'mx.bank.test', 'ccert_issuer': 'CA+20of+20test', 'ccert_fingerprint': 'AA:BB',
           'ccert_pubkey_fingerprint': 'CC:DD'}
NO_CERTIFICATE = (b'action=450 4.7.1 Trusted client certificate required by rule cert: '
                  b'present one, there was none\n\n')
# Without one of these it is no question of smtpd(8), or it can't be decided.
NEEDED = ('request', 'protocol_state', 'client_address', 'sender', 'recipient', 'policy_context')
# Those that mean something here: one that came twice would have two meanings.
KNOWN = NEEDED + ('client_name', 'reverse_client_name', 'queue_id', 'instance', 'ccert_subject', 'ccert_issuer',
                  'ccert_fingerprint', 'ccert_pubkey_fingerprint', 'encryption_protocol', 'encryption_keysize')


def of_version(version, values):
    """What that Postfix sends, in its order."""
    minor = int(version.split('.')[1])
    lines = {**CLEAR, **values}
    if minor >= 12:
        context = lines.pop('policy_context')
        lines.update(tls_sni='', policy_context=context)
    if minor >= 8:
        lines.update(compatibility_level='3.6', mail_version=version + '.0')
    return list(lines.items())


def encode(lines):
    return ''.join(f'{name}={value}\n' for name, value in lines).encode() + b'\n'


class Spawned:
    def __init__(self, directory):
        self.directory = directory

    def connect(self):
        return Client('--generations', self.directory)


class Served:
    def __init__(self, server):
        self.server = server

    @contextlib.contextmanager
    def connect(self):
        with self.server.connect() as client:
            yield Served.Connection(client)

    class Connection:
        def __init__(self, client):
            self.socket = client
            self.send = client.sendall


@contextlib.contextmanager
def both(directory):
    """The two ways to be a client."""
    with Server(directory) as server:
        yield Spawned(directory), Served(server)


def answers(way, data):
    """All that comes back for data, until the connection is closed."""
    with way.connect() as client:
        client.send(data)
        client.socket.shutdown(socket.SHUT_WR)
        found = b''
        with contextlib.suppress(ConnectionResetError):
            while more := client.socket.recv(65536):
                found += more
        return found


def versions_are_understood(directory):
    asked = [(CLEAR, NO_TLS), (TLS, DUNNO), ({**TLS, 'sender': 'x@cert.test'}, NO_CERTIFICATE),
             ({**TRUSTED, 'sender': 'x@cert.test'}, DUNNO), ({'sender': ''}, DUNNO),
             ({'protocol_state': 'DATA', 'recipient': '', 'recipient_count': '2'}, NO_TLS)]
    asked += [({'protocol_state': state}, DUNNO)
              for state in ('CONNECT', 'EHLO', 'HELO', 'MAIL', 'VRFY', 'ETRN', 'END-OF-MESSAGE', 'NEW-STATE')]
    with both(directory) as ways:
        for way in ways:
            for minor in range(5, 13):
                data = b''.join(encode(of_version(f'3.{minor}', values)) for values, _ in asked)
                equal((minor, answers(way, data)), (minor, b''.join(answer for _, answer in asked)))


def builds_without_sasl_and_tls_are_understood(directory):
    """Their lines are absent (USE_SASL_AUTH, USE_TLS): such a client has no TLS."""
    with both(directory) as ways:
        for way in ways:
            for prefixes in (('sasl_',), ('ccert_', 'encryption_', 'tls_'), ('sasl_', 'ccert_', 'encryption_', 'tls_')):
                lines = [line for line in of_version('3.12', {}) if not line[0].startswith(prefixes)]
                equal(answers(way, encode(lines)), NO_TLS)


def order_means_nothing(directory):
    shuffle = random.Random(1).shuffle
    with both(directory) as ways:
        for way in ways:
            data, wanted = b'', b''
            for number in range(200):
                values, answer = ((CLEAR, NO_TLS), ({**TLS, 'sender': 'x@cert.test'}, NO_CERTIFICATE))[number % 2]
                lines = of_version('3.12', values)
                shuffle(lines)
                data, wanted = data + encode(lines), wanted + answer
            equal(answers(way, data), wanted)


def unknown_attributes_mean_nothing(directory):
    """However many times, and whatever they hold."""
    lines = of_version('3.12', {})
    unknown = [('new_attribute', 'x'), ('new_attribute', ''), ('sender2', 'a=b'), ('SENDER', 'y@other.test'),
               (' sender', 'y@other.test'), ('sender ', 'y@other.test'), ('x' * 500, 'y' * 5000), ('\xff', '\xff')]
    with both(directory) as ways:
        for way in ways:
            for place in (0, 5, len(lines)):
                equal(answers(way, encode(lines[:place] + unknown + lines[place:])), NO_TLS)


def missing_attributes_never_pass(directory):
    lines = of_version('3.12', {})
    with both(directory) as ways:
        for way in ways:
            for name, _ in lines:
                data = encode([line for line in lines if line[0] != name])
                equal((name, answers(way, data)), (name, b'' if name in NEEDED else NO_TLS))


def repeated_attributes_get_no_answer(directory):
    """Another value of a known one would have to be guessed at; another of an unknown one means nothing."""
    lines = of_version('3.12', {})
    with both(directory) as ways:
        for way in ways:
            for number, line in enumerate(lines):
                for other in (line, (line[0], 'TLSv1.3')):
                    data = encode(lines[:number] + [line, other] + lines[number + 1:])
                    equal((line, answers(way, data)), (line, b'' if line[0] in KNOWN else NO_TLS))


def end_anywhere_gets_whole_answers_only(directory):
    first, second = encode(of_version('3.12', {})), encode(of_version('3.12', TLS))
    data = first + second
    with both(directory) as (spawned, served):
        for way, step in (served, 1), (spawned, 41):
            for length in [*range(0, len(data), step), len(first) - 1, len(first), len(data) - 1, len(data)]:
                wanted = b'' if length < len(first) else NO_TLS if length < len(data) else NO_TLS + DUNNO
                equal((length, answers(way, data[:length])), (length, wanted))


def two_requests_cut_anywhere_are_answered(directory):
    """In two reads, wherever the cut is. Between them another is answered, so that the first has been read."""
    data = encode(of_version('3.12', {})) + encode(of_version('3.12', TLS))
    with Server(directory) as server, server.connect() as cut, server.connect() as other:
        for length in range(len(data) + 1):
            cut.sendall(data[:length])
            other.sendall(encode(of_version('3.5', TLS)))
            equal(other.recv(100), DUNNO)
            cut.sendall(data[length:])
            found = b''
            while len(found) < len(NO_TLS + DUNNO) and (more := cut.recv(1000)):
                found += more
            equal((length, found), (length, NO_TLS + DUNNO))


def main():
    tap = Tap()
    for rule in (versions_are_understood, builds_without_sasl_and_tls_are_understood, order_means_nothing,
                 unknown_attributes_mean_nothing, missing_attributes_never_pass, repeated_attributes_get_no_answer,
                 end_anywhere_gets_whole_answers_only, two_requests_cut_anywhere_are_answered):
        with tempfile.TemporaryDirectory(prefix='tlsgate-') as directory:
            generation(pathlib.Path(directory), 7)
            tap.check(rule.__name__.replace('_', '-'), rule, pathlib.Path(directory))
    return tap.finish()


sys.exit(main())
