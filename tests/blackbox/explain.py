#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""explain: what explain receive says of a mail is what policyd answers, in random documents about random mail.

Usage: explain.py TLSMAP POLICYD [--all]: 2,000 mails, else 300. The rules that policyd reads are those of
render; what the two levels forbid is modelled from the contract."""
import collections
import json
import pathlib
import random
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from site_postfix import Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

POLICYD = sys.argv[2]
N_DOCUMENTS, AT_LEAST = (200, 20) if '--all' in sys.argv else (30, 1)
MAILS_EACH = 10

DOMAINS = ('bank.example', 'shop.example', 'sub.bank.example', 'bücher.example')
NAMES = ('mx.bank.example', 'mx.shop.example')
NETWORKS = ('192.0.2.0/24', '198.51.100.0/25', '2001:db8::/32')
ADDRESSES = ('192.0.2.1', '198.51.100.1', '198.51.100.200', '2001:db8::1', '127.0.0.1', '203.0.113.9')
SUBJECTS = ('mx.bank.example', 'A name = with + blanks', 'Größe')
ISSUERS = ('Some CA', 'Another CA')
PINS = tuple(':'.join([pair] * 32) for pair in ('AB', '01', 'CD'))
PROTOCOLS = ('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3')
REASONS = {'no-tls', 'no-certificate', 'untrusted-certificate', 'other-subject', 'other-issuer', 'other-fingerprint',
           'other-network', 'other-client-name', 'old-protocol', 'weak-cipher'}


# ---- documents and mails ----

def some(rng, items):
    return rng.sample(items, rng.randint(1, min(2, len(items))))


def make_require(rng, asks):
    require = {}
    if rng.random() < 0.2:
        require['client_networks'] = some(rng, NETWORKS)
    if rng.random() < 0.2:
        require['client_names'] = some(rng, NAMES)
    if rng.random() < 0.3:
        require['min_protocol'] = rng.choice(PROTOCOLS)
    if rng.random() < 0.3:
        require['min_cipher_bits'] = rng.choice((128, 256))
    kind = rng.choice(('trusted', 'subjects', 'issuers', 'fingerprints', 'none')) if asks != 'none' else 'none'
    if kind == 'trusted':
        require['certificate'] = 'trusted'
    elif kind == 'fingerprints':
        require |= {'fingerprints': some(rng, PINS)} if asks == 'request' else {}
    elif kind != 'none':
        require[kind] = some(rng, {'subjects': SUBJECTS, 'issuers': ISSUERS}[kind])
    return require


def make_rule(rng, number, asks):
    rule = {'name': f'rule-{number}'}
    for key, items in (('sender_domains', (*DOMAINS, '.bank.example', '<>')), ('recipient_domains', DOMAINS),
                       ('client_networks', NETWORKS), ('client_names', NAMES)):
        if rng.random() < 0.35:
            rule[key] = some(rng, items)
    if rng.random() < 0.8:
        rule['require'] = make_require(rng, asks)
    if rng.random() < 0.6:
        rule['violation'] = rng.choice(('reject', 'defer', 'report'))
    return rule


def make_document(rng):
    level = rng.choice(('none', 'may', 'may', 'may', 'encrypt', 'encrypt'))
    asks = rng.choice({'none': ('none',), 'may': ('none', 'request', 'request'),
                       'encrypt': ('none', 'request', 'require')}[level])
    receive = {'security_level': level, 'client_certificate': asks}
    if level != 'none':
        receive['rules'] = [make_rule(rng, number, asks) for number in range(rng.randint(1, 6))]
    return {'receive': receive}


def make_mail(rng):
    """The options of explain."""
    mail = {'client-address': rng.choice(ADDRESSES),
            'sender': rng.choice(('<>', *(f'user@{domain}' for domain in DOMAINS), 'USER@Bank.Example.', 'bare'))}
    if rng.random() < 0.8:
        mail['recipient'] = rng.choice((*(f'user@{domain}' for domain in DOMAINS), 'postmaster',
                                        'a%bank.example@gw.example'))
    for key in ('client-name', 'reverse-client-name'):
        if rng.random() < 0.4:
            mail[key] = rng.choice(NAMES)
    if rng.random() < 0.8:
        mail['tls'] = rng.choice(PROTOCOLS)
        mail |= {'cipher-bits': rng.choice(('0', '128', '256'))} if rng.random() < 0.6 else {}
    if rng.random() < 0.7:
        mail['fingerprint'] = rng.choice(PINS)
        mail['key-fingerprint'] = rng.choice(PINS)
        mail |= {'subject': rng.choice(SUBJECTS)} if rng.random() < 0.5 else {}
        mail |= {'issuer': rng.choice(ISSUERS)} if rng.random() < 0.6 else {}
    return mail


# ---- reality ----

def xtext(text):
    return ''.join(chr(byte) if 33 <= byte <= 126 and byte not in b'+=' else f'+{byte:02X}' for byte in text.encode())


def attributes(receive, mail):
    """What smtpd would send."""
    if receive['security_level'] == 'none':
        mail = {key: value for key, value in mail.items() if key not in ('tls', 'cipher-bits')}
    if 'tls' not in mail or receive['client_certificate'] == 'none':
        mail = {key: value for key, value in mail.items()
                if key not in ('subject', 'issuer', 'fingerprint', 'key-fingerprint')}
    recipient = mail.get('recipient', '')
    return {'request': 'smtpd_access_policy',
            'protocol_state': 'DATA' if recipient in ('', 'postmaster') else 'RCPT',
            'client_address': mail['client-address'], 'client_name': mail.get('client-name', 'unknown'),
            'reverse_client_name': mail.get('reverse-client-name', mail.get('client-name', 'unknown')),
            'sender': '' if mail['sender'] == '<>' else mail['sender'], 'recipient': recipient,
            'ccert_subject': xtext(mail.get('subject', '')), 'ccert_issuer': xtext(mail.get('issuer', '')),
            'ccert_fingerprint': mail.get('fingerprint', ''), 'ccert_pubkey_fingerprint': mail.get('key-fingerprint', ''),
            'encryption_protocol': mail.get('tls', ''),
            'encryption_keysize': mail.get('cipher-bits', '256') if 'tls' in mail else ''}


def refusal_of_levels(receive, request):
    """What Postfix answers without asking anybody."""
    if receive['security_level'] != 'encrypt':
        return None
    if not request['encryption_protocol']:
        return '530 5.7.0 '
    if receive['client_certificate'] == 'require' and not (request['ccert_subject'] or request['ccert_issuer']):
        return '421 4.7.1 '
    return None


class Policyd:
    """One that answers from a rules file, as spawn(8) runs it."""

    def __init__(self, rules):
        self.socket, child = socket.socketpair()
        self.socket.settimeout(20)
        self.process = subprocess.Popen([POLICYD, '--rules', rules], stdin=child, stdout=child,
                                        stderr=subprocess.DEVNULL)
        child.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.wait(20)

    def ask(self, request):
        self.socket.sendall(''.join(f'{name}={value}\n' for name, value in request.items()).encode() + b'\n')
        answer = b''
        while not answer.endswith(b'\n\n'):
            part = self.socket.recv(400)
            if not part:
                raise AssertionError('policyd did not answer')
            answer += part
        return answer.decode().removeprefix('action=').rstrip('\n')


# ---- the two compared ----

def explain(site, mail):
    options = [word for name, value in mail.items() for word in (f'--{name}', value)]
    run = site.succeed('--json', '-s', 'doc.json', 'explain', 'receive', *options)
    return json.loads(run.stdout)['explained']


def compare(document, mail, found, policyd, counts):
    receive = document['receive']
    request = attributes(receive, mail)
    refusal = refusal_of_levels(receive, request)
    counts[f"level {receive['security_level']}"] += 1
    counts[f"certificate {receive['client_certificate']}"] += 1
    counts[f"verdict {found['verdict']}"] += 1
    if refusal is not None:
        equal((found['verdict'], found['decided_by'], found['reply'][:len(refusal)]), ('refused', 'levels', refusal))
        return
    equal(found.get('reply', 'DUNNO'), policyd.ask(request) if policyd else 'DUNNO')
    names = [rule['name'] for rule in found['applied'] + found.get('others', [])]
    wanted = [] if found['exempt'] else [rule['name'] for rule in receive.get('rules', [])]
    equal(sorted(names), sorted(wanted))
    counts['exempt'] += found['exempt']
    broken = [rule for rule in found['applied'] if not rule['satisfied']]
    counts.update(f"reason {rule['reason']}" for rule in broken)
    counts.update(f'unmatched {key}' for rule in found.get('others', []) for key in rule['unmatched'].split(', '))
    counts['satisfied'] += len(found['applied']) - len(broken)
    equal(sum(rule['decides'] for rule in found['applied']), 1 if broken else 0)
    if any(not rule['unmatched'] for rule in found.get('others', [])):
        raise AssertionError(found)


def explained_as_answered(counts):
    with Site() as site:
        for seed in range(N_DOCUMENTS):
            rng = random.Random(seed)
            document = make_document(rng)
            site.write('doc.json', document)
            shutil.rmtree(site.folder / 'out', ignore_errors=True)
            site.succeed('-s', 'doc.json', 'render', '-o', 'out')
            rules = site.folder / 'out' / 'rules.db'
            with Policyd(rules) as policyd:
                for _ in range(MAILS_EACH):
                    mail = make_mail(rng)
                    found = explain(site, mail)
                    try:
                        compare(document, mail, found, policyd if rules.exists() else None, counts)
                    except AssertionError as error:
                        raise AssertionError(f'{json.dumps(document)}\n{mail}\n{found}\n{error}') from None


def all_kinds_occur(counts):
    wanted = {*(f'level {word}' for word in ('none', 'may', 'encrypt')),
              *(f'certificate {word}' for word in ('none', 'request', 'require')),
              *(f'verdict {word}' for word in ('refused', 'rejected', 'deferred', 'passed', 'passed and reported')),
              *(f'reason {word}' for word in REASONS), 'exempt', 'satisfied',
              *(f'unmatched {key}' for key in ('sender_domains', 'recipient_domains', 'client_networks', 'client_names'))}
    equal(sorted(kind for kind in wanted if counts[kind] < AT_LEAST), [])


# ---- what else it says ----

BANK = {'receive': {'rules': [{'name': 'bank', 'sender_domains': ['bank.example']},
                              {'name': 'shop', 'sender_domains': ['shop.example']}]}}
FROM_BANK = ('explain', 'receive', '--client-address', '192.0.2.1', '--sender', 'user@bank.example')


def people_read_place_rule_and_reply():
    with Site() as site:
        site.write('doc.json', BANK)
        lines = site.succeed('-s', 'doc.json', *FROM_BANK).stdout.decode().splitlines()
        equal(lines[:5], [
            'doc.json: receive.security_level is may (the default)',
            'doc.json: receive.client_certificate is none (the default)',
            'doc.json:1:24: rule bank applies and is broken, and decides: 550 5.7.10 TLS required by rule bank: '
            'send STARTTLS before MAIL',
            'doc.json:1:78: rule shop does not apply: nothing in sender_domains matches',
            'rejected, by rule bank: 550 5.7.10 TLS required by rule bank: send STARTTLS before MAIL'])
        equal(lines[5].startswith('logged as: verdict=reject rule=bank failed=bank reason=no-tls '), True)


def without_postfix_its_defaults_count():
    with Site.without_postfix() as site:
        site.write('doc.json', BANK)
        run = site.succeed('-c', 'nowhere', '-s', 'doc.json', *FROM_BANK)
        equal(b"by Postfix's defaults" in run.stderr, True)


WRONG = (
    ('nothing', ('explain',), 'what is to be explained?'),
    ('no-sender', ('explain', 'receive', '--client-address', '192.0.2.1'), 'say --client-address and --sender'),
    ('unknown-option', ('explain', 'receive', '--colour', 'red'), 'unexpected argument "--colour"'),
    ('no-value', (*FROM_BANK, '--tls'), 'found "" behind --tls; accepted is TLSv1'),
    ('wrong-protocol', (*FROM_BANK, '--tls', 'SSLv3'), 'found "SSLv3" behind --tls; accepted is TLSv1'),
    ('wrong-address', ('explain', 'receive', '--client-address', 'here'), 'accepted is an IPv4 or IPv6 address'),
    ('wrong-pin', (*FROM_BANK, '--fingerprint', 'AB:CD'), 'accepted is a fingerprint'),
    ('wrong-bits', (*FROM_BANK, '--cipher-bits', '-1'), 'accepted is a number of bits'),
)


def wrong_arguments_are_refused(arguments, words):
    with Site() as site:
        site.write('doc.json', BANK)
        site.refuse(64, words, '-s', 'doc.json', *arguments)


def main():
    tap = Tap()
    counts = collections.Counter()
    tap.check('explained-as-answered', explained_as_answered, counts)
    tap.check('all-kinds-occur', all_kinds_occur, counts)
    tap.note(', '.join(f'{kind}: {number}' for kind, number in sorted(counts.items())))
    for case in (people_read_place_rule_and_reply, without_postfix_its_defaults_count):
        tap.check(case.__name__.replace('_', '-'), case)
    for name, arguments, words in WRONG:
        tap.check(f'wrong/{name}', wrong_arguments_are_refused, arguments, words)
    return tap.finish()


sys.exit(main())
