#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""import: the document that says what a Postfix does today, and what stays of it when it is applied.

Usage: import.py TLSMAP"""
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import MASTER_CF, Site, tree  # noqa: E402
from tap import Tap, equal  # noqa: E402

PIN = ':'.join(['AA'] * 32)
MD5 = ':'.join(['AA'] * 16)
SNAKEOIL = {'smtpd_tls_cert_file': '/etc/ssl/certs/ssl-cert-snakeoil.pem',
            'smtpd_tls_key_file': '/etc/ssl/private/ssl-cert-snakeoil.key'}
DEBIAN = {**SNAKEOIL, 'smtpd_tls_security_level': 'may', 'smtp_tls_CApath': '/etc/ssl/certs',
          'smtp_tls_security_level': 'may'}


def table(site, name, rows, kind='texthash'):
    path = site.config / name
    path.write_text(''.join(f'{key} {value}\n' for key, value in rows))
    if kind != 'texthash':
        subprocess.run(['postmap', '-c', site.config, f'{kind}:{path}'], check=True, timeout=60)
    return f'{kind}:{path}'


def set_maps(site, *tables):
    with open(site.config / 'main.cf', 'a', encoding='ascii') as main_cf:
        main_cf.write('smtp_tls_policy_maps = ' + ', '.join(tables) + '\n')


def imported(site, status=None):
    """The document, and (identifier, what it is about, message) of each finding."""
    before = tree(site.folder)
    run = site.run('import')
    equal(tree(site.folder), before)
    findings = []
    for line in run.stderr.decode().splitlines():
        where, severity, message, identifier = re.fullmatch(
            r'(.*?): (error|warning|info): (.*) \[(\S+)\]', line).groups()
        findings.append((identifier, where.replace(f'{site.config}/', ''), message))
        if status is None and severity != 'info':
            raise AssertionError(line)
    equal(run.returncode, status or 0)
    return json.loads(run.stdout), findings


def places(findings):
    return [(identifier, where) for identifier, where, _ in findings]


def comes_into_force(site, *options):
    """The document of import passes check, plan shows nothing weaker, apply takes it, and import then
    prints it again as it is."""
    text = site.run('import').stdout
    (site.folder / 'doc.json').write_bytes(text)
    site.succeed('-s', 'doc.json', 'check')
    plan = site.run('-s', 'doc.json', 'plan')
    if b'[weaker]' in plan.stdout:
        raise AssertionError(plan)
    if options:
        equal(site.run('-s', 'doc.json', 'apply').returncode, 78)
    site.succeed('-s', 'doc.json', 'apply', *options)
    again = site.succeed('import')
    equal((again.stdout, again.stderr), (text, b''))


def nothing_is_said_of_nothing():
    with Site() as site:
        document, findings = imported(site)
        equal((document, findings), ({'receive': {'security_level': 'none', 'client_certificate': 'none'},
                                      'send': {'security_level': 'none'}}, []))
        comes_into_force(site)


LEVELS = (
    # name, parameters, (receive, certificate, send), findings
    ('words', {'smtpd_tls_security_level': 'may', 'smtp_tls_security_level': 'dane-only'},
     ('may', 'none', 'dane-only'), []),
    ('words-in-any-case', {'smtpd_tls_security_level': 'Encrypt', 'smtp_tls_security_level': 'MAY'},
     ('encrypt', 'none', 'may'), []),
    ('references', {'smtpd_tls_security_level': '$smtp_tls_security_level', 'smtp_tls_security_level': 'may'},
     ('may', 'none', 'may'), [('not-in-document', 'main.cf: smtpd_tls_security_level')]),
    ('obsolete-use', {'smtpd_use_tls': 'yes', 'smtp_use_tls': 'yes'}, ('may', 'none', 'may'), []),
    ('obsolete-enforce', {'smtpd_enforce_tls': 'yes', 'smtp_enforce_tls': 'yes', 'smtp_tls_CAfile': '/ca.pem'},
     ('encrypt', 'none', 'verify'), None),
    ('obsolete-enforce-without-names', {'smtp_enforce_tls': 'yes', 'smtp_tls_enforce_peername': 'no'},
     ('none', 'none', 'encrypt'), None),
    ('request', {'smtpd_tls_security_level': 'may', 'smtpd_tls_ask_ccert': 'yes'}, ('may', 'request', 'none'), []),
    ('require', {'smtpd_tls_security_level': 'encrypt', 'smtpd_tls_req_ccert': 'YES', 'tls_append_default_CA': 'yes'},
     ('encrypt', 'require', 'none'), []),
    ('require-at-may-is-nothing', {'smtpd_tls_security_level': 'may', 'smtpd_tls_req_ccert': 'yes'},
     ('may', 'none', 'none'), [('not-in-document', 'main.cf: smtpd_tls_req_ccert')]),
    ('require-at-may-beside-request', {'smtpd_tls_security_level': 'may', 'smtpd_tls_req_ccert': 'yes',
                                       'smtpd_tls_ask_ccert': 'yes'},
     ('may', 'request', 'none'), [('not-in-document', 'main.cf: smtpd_tls_req_ccert')]),
    ('request-at-none', {'smtpd_tls_ask_ccert': 'yes'}, ('none', 'none', 'none'),
     [('not-in-document', 'main.cf: smtpd_tls_ask_ccert')]),
    ('receive-word-that-is-encrypt', {'smtpd_tls_security_level': 'verify'}, ('encrypt', 'none', 'none'),
     [('not-in-document', 'main.cf: smtpd_tls_security_level')]),
    ('send-word-of-rows-alone', {'smtp_tls_security_level': 'fingerprint', 'smtp_tls_CAfile': '/ca.pem'},
     ('none', 'none', 'secure'), [('not-in-document', 'main.cf: smtp_tls_security_level')]),
)


def levels_are_said(parameters, levels, findings):
    with Site(**SNAKEOIL, **parameters) as site:
        document, found = imported(site, 1 if findings is None or findings else None)
        equal((document['receive']['security_level'], document['receive']['client_certificate'],
               document['send']['security_level']), levels)
        if findings is not None:
            found = {place for place in places(found) if place[0] == 'not-in-document'}
            equal(found, set(findings))


OPTIONAL = (
    # parameter, value, part, key, what is said of it
    ('smtpd_tls_chain_files', '/a.pem /b.pem', 'receive', 'certificate', {'chain_files': ['/a.pem', '/b.pem']}),
    ('smtpd_tls_CAfile', '/ca.pem', 'receive', 'trusted_ca_file', '/ca.pem'),
    ('smtpd_tls_CApath', '/ca', 'receive', 'trusted_ca_directory', '/ca'),
    ('smtpd_tls_mandatory_protocols', '>=TLSv1.2', 'receive', 'min_protocol', 'TLSv1.2'),
    ('smtpd_tls_mandatory_protocols', '!SSLv2,!sslv3 !TLSv1 : !TLSv1.1', 'receive', 'min_protocol', 'TLSv1.2'),
    ('smtpd_tls_mandatory_protocols', 'TLSv1.3', 'receive', 'min_protocol', 'TLSv1.3'),
    ('smtp_tls_chain_files', '/c.pem', 'send', 'certificate', {'chain_files': ['/c.pem']}),
    ('smtp_tls_CAfile', '/ca.pem', 'send', 'trusted_ca_file', '/ca.pem'),
    ('smtp_tls_CApath', '/ca', 'send', 'trusted_ca_directory', '/ca'),
    ('smtp_tls_mandatory_protocols', '!SSLv2, !SSLv3', 'send', 'min_protocol', 'TLSv1'),
)


def value_is_said(parameter, value, part, key, wanted):
    with Site(**{parameter: value}) as site:
        run = site.run('import')
        equal(json.loads(run.stdout)[part].get(key), wanted)
        if b'not-in-document' in run.stderr or b'left-to-postfix' in run.stderr:
            raise AssertionError(run.stderr)


LEFT = (
    ('smtpd_tls_cert_file', '/cert.pem'), ('smtpd_tls_eccert_file', '/cert.pem'), ('smtp_tls_cert_file', '/cert.pem'),
    ('smtpd_tls_CAfile', '$config_directory/ca.pem'), ('smtpd_tls_CApath', 'relative'),
    ('smtp_tls_chain_files', '$config_directory/a.pem'),
    ('smtpd_tls_mandatory_protocols', '!TLSv1.1'), ('smtpd_tls_mandatory_protocols', '>=TLSv1, <=TLSv1.2'),
    ('smtp_tls_mandatory_protocols', '!SSLv2'), ('smtp_tls_mandatory_protocols', '0x0303'),
    ('lmtp_tls_security_level', 'encrypt'),
    ('smtpd_sender_restrictions', 'permit_mynetworks, reject_plaintext_session'),
)


def value_is_left(parameter, value):
    """It is not in the document, it is named, and apply keeps it."""
    with Site(**{parameter: value}) as site:
        document, findings = imported(site)
        equal(places(findings), [('left-to-postfix', f'main.cf: {parameter}')])
        equal([sorted(part) for part in document.values()],
              [['client_certificate', 'security_level'], ['security_level']])
        comes_into_force_beside(site)
        kept = subprocess.run(['postconf', '-c', site.config, '-nh', parameter], capture_output=True, text=True,
                              check=True, timeout=60).stdout.strip()
        equal(kept, value)


def comes_into_force_beside(site):
    (site.folder / 'doc.json').write_bytes(site.run('import').stdout)
    site.succeed('-s', 'doc.json', 'apply')


ROWS = (
    ('a.example', 'encrypt', {'security_level': 'encrypt'}),
    ('.a.example', 'MAY', {'security_level': 'may'}),
    ('[mx.example]:587', 'secure match=a.example:.b.example, match=c.example',
     {'security_level': 'secure', 'match': ['a.example', '.b.example', 'c.example']}),
    ('b.example', f'fingerprint match={PIN}|{PIN.replace("AA", "BB")}',
     {'security_level': 'fingerprint', 'fingerprints': [PIN, PIN.replace('AA', 'BB')]}),
    ('c.example',
     'encrypt Protocols=>=TLSv1.2 ciphers=HIGH exclude=RC4:MD5 servername=mx.c.example connection_reuse=No',
     {'security_level': 'encrypt', 'min_protocol': 'TLSv1.2', 'ciphers': 'high', 'exclude': ['RC4', 'MD5'],
      'server_name': 'mx.c.example', 'connection_reuse': False}),
    ('d.example', 'verify tafile=/a.pem tafile=/b.pem protocols=!SSLv2:!SSLv3:!TLSv1',
     {'security_level': 'verify', 'trust_anchor_files': ['/a.pem', '/b.pem'], 'min_protocol': 'TLSv1.1'}),
    ('E.Example', 'dane', {'security_level': 'dane'}),
    ('f.example', 'none', {'security_level': 'none'}),
)


def rows_are_said(kind):
    with Site() as site:
        set_maps(site, table(site, 'tls_policy', [row[:2] for row in ROWS], kind))
        rows = {row['destination']: row for row in json.loads(site.run('import').stdout)['send']['domains']}
        equal(rows, {key.lower(): {'destination': key.lower(), **wanted} for key, _, wanted in ROWS})


REFUSED_ROWS = (
    # key, value, words of the reason
    ('a.example', 'enforce', 'none of Postfix\'s'),
    ('a.example', 'encrypt enable_rpk=yes', 'has "enable_rpk=yes", for which the document has no key'),
    ('a.example', 'secure match=x.example match', 'has "match"'),
    ('a.example', 'secure ciphers=high ciphers=medium', 'has ciphers twice'),
    ('a.example', 'encrypt ciphers=low', 'found "low"'),
    ('a.example', 'encrypt protocols=TLSv1.1:TLSv1.2', 'has protocols=TLSv1.1:TLSv1.2'),
    ('a.example', 'may protocols=>=TLSv1.2', '"min_protocol" at security_level "may"'),
    ('a.example', 'encrypt match=x.example', '"match" at security_level "encrypt"'),
    ('a.example', f'fingerprint match={MD5}', 'MD5'),
    ('a.example', f'fingerprint match={":".join(["AA"] * 20)}', 'no sha256 digest'),
    ('a.example', 'fingerprint', 'needs the fingerprints'),
    ('a.example', 'encrypt connection_reuse=maybe', 'has connection_reuse=maybe'),
    ('user@a.example', 'encrypt', 'has a key that is an address'),
    ('xn--bcher-kva.example', 'encrypt', 'would hold for "bücher.example" too'),
)


def row_keeps_its_table(key, value, words):
    with Site() as site:
        name = table(site, 'tls_policy', [(key, value), ('z.example', 'encrypt')])
        set_maps(site, name)
        document, ((identifier, where, message),) = imported(site, 1)
        equal((identifier, where), ('row-not-in-document', f'{name.replace(f"{site.config}/", "")}: {key}'))
        if words not in message:
            raise AssertionError(message)
        equal((document['send'].get('domains'), document['send']['fallback_policy_maps']), (None, [name]))
        (site.folder / 'doc.json').write_bytes(site.run('import').stdout)
        plan = site.run('-s', 'doc.json', 'plan').stdout
        if b'smtp_tls_policy_maps' in plan or b'[weaker]' in plan:
            raise AssertionError(plan)


def both_forms_of_a_name_are_one_row():
    with Site() as site:
        set_maps(site, table(site, 'tls_policy', [('xn--bcher-kva.example', 'encrypt'),
                                                  ('bücher.example', 'encrypt')]))
        equal(imported(site)[0]['send']['domains'],
              [{'destination': 'xn--bcher-kva.example', 'security_level': 'encrypt'}])


def the_first_table_decides():
    with Site() as site:
        set_maps(site, table(site, 'one', [('a.example', 'encrypt')]),
                 table(site, 'two', [('a.example', 'none'), ('b.example', 'may')]))
        equal({row['destination']: row['security_level'] for row in imported(site)[0]['send']['domains']},
              {'a.example': 'encrypt', 'b.example': 'may'})


def behind_a_table_without_rows_all_stay():
    with Site() as site:
        one, two = table(site, 'one', [('a.example', 'encrypt')]), table(site, 'two', [('a.example', 'none')])
        set_maps(site, one, 'socketmap:inet:127.0.0.1:8461:postfix', two)
        send = imported(site)[0]['send']
        equal(send['domains'], [{'destination': 'a.example', 'security_level': 'encrypt'}])
        equal(send['fallback_policy_maps'], ['socketmap:inet:127.0.0.1:8461:postfix', two])


def parents_before_other_tables_stay_as_they_are():
    with Site() as site:
        set_maps(site, table(site, 'one', [('.a.example', 'encrypt')]), 'static:may')
        equal(imported(site)[0]['send'], {
            'security_level': 'none', 'domains': [{'destination': '.a.example', 'security_level': 'encrypt'}],
            'fallback_policy_maps': ['static:may'], 'fallback_may_override': True})
        comes_into_force(site, '--adopt')


def a_table_that_cannot_be_listed_stays():
    with Site() as site:
        name = table(site, 'tls_policy', [('a.example', 'encrypt')], 'cdb')
        set_maps(site, name)
        document, ((identifier, _, message),) = imported(site, 1)
        equal((identifier, document['send']['fallback_policy_maps']), ('row-not-in-document', [name]))
        assert 'texthash' in message, message


def a_table_that_cannot_be_named_is_left():
    with Site() as site:
        set_maps(site, 'inline:{ a.example=encrypt }')
        document, found = imported(site, 1)
        equal(places(found), [('not-in-document', 'inline:{ a.example=encrypt }')])
        equal(document['send'], {'security_level': 'none'})
        comes_into_force_beside(site)
        assert 'inline:{ a.example=encrypt }' in (site.config / 'main.cf').read_text()


def per_site_cannot_be_said():
    with Site(smtp_tls_per_site='hash:/etc/postfix/per_site') as site:
        _, found = imported(site, 1)
        assert ('not-in-document', 'main.cf: smtp_tls_per_site') in places(found), found
        (site.folder / 'doc.json').write_bytes(site.run('import').stdout)
        site.refuse(78, 'smtp_tls_per_site', '-s', 'doc.json', 'apply')


SITES = (
    ('debian', DEBIAN, (), ''),
    ('hardened', {**DEBIAN, 'smtpd_tls_security_level': 'encrypt', 'smtp_tls_security_level': 'encrypt',
                  'smtpd_tls_mandatory_protocols': '!SSLv2, !SSLv3, !TLSv1, !TLSv1.1',
                  'smtp_tls_mandatory_protocols': '>=TLSv1.2', 'smtpd_tls_protocols': '>=TLSv1.2'}, (), ''),
    ('other-spellings', {**DEBIAN, 'smtpd_tls_security_level': 'MAY', 'smtpd_tls_ask_ccert': 'YES'}, (), ''),
    ('obsolete', {**SNAKEOIL, 'smtpd_use_tls': 'yes', 'smtp_use_tls': 'yes'}, (), ''),
    ('verify', {**DEBIAN, 'smtp_tls_security_level': 'verify'}, ('--adopt',), ''),
    ('reinjection', {**DEBIAN, 'content_filter': 'scan:[127.0.0.1]:10024'}, (),
     '127.0.0.1:10025 inet n - y - - smtpd\n  -o smtpd_tls_security_level=none\n'
     'scan unix - - n - - smtp\n  -o smtp_tls_security_level=none\n'),
    ('loopback-at-encrypt', {**DEBIAN, 'smtpd_tls_security_level': 'encrypt'}, ('--adopt',),
     '127.0.0.1:10025 inet n - y - - smtpd\n'),
    ('submission', DEBIAN, (), 'submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt\n'),
)


def site_comes_into_force(parameters, options, master):
    with Site(**parameters) as site:
        (site.config / 'master.cf').write_text(MASTER_CF + master)
        comes_into_force(site)


def rows_come_into_force_with_adopt():
    with Site(**DEBIAN) as site:
        set_maps(site, table(site, 'tls_policy', [('a.example', 'encrypt'), ('.a.example', 'secure match=x.example')]))
        equal(places(imported(site)[1]), [('left-to-postfix', 'main.cf: smtpd_tls_cert_file'),
                                          ('needs-adopt', 'main.cf: smtp_tls_policy_maps')])
        comes_into_force(site, '--adopt')


def plan_knows_the_rows_that_go():
    with Site(**DEBIAN) as site:
        set_maps(site, table(site, 'tls_policy', [('a.example', 'encrypt'), ('b.example', 'may')]))
        site.write('doc.json', {'send': {'domains': [{'destination': 'b.example', 'security_level': 'encrypt'}]}})
        lines = site.run('-s', 'doc.json', 'plan').stdout.decode().splitlines()
        equal([line for line in lines if line.startswith('row')],
              ['row b.example: may -> encrypt [stricter]', 'row a.example: encrypt -> (not set) [weaker]'])
        equal([line.split()[-1] for line in lines if 'smtp_tls_policy_maps' in line], ['[weaker]'])


def services_are_left_out():
    with Site(**DEBIAN) as site:
        (site.config / 'master.cf').write_text(
            MASTER_CF + '127.0.0.1:10025 inet n - y - - smtpd\n  -o smtpd_tls_security_level=none\n'
            '  -o smtpd_tls_ask_ccert=no\n')
        document, found = imported(site)
        equal(document['postfix'], {'unguarded_services': ['127.0.0.1:10025/inet']})
        equal([place for place in places(found) if place[0] == 'service-left-out'],
              [('service-left-out', 'master.cf: 127.0.0.1:10025/inet')])


RULED = '''{ "receive": { "rules": [
    { "name": "bank",
      "sender_domains": ["bank.example"], "note": "contract \\"4711\\" [a]}", "violation": "report" },
    { "name": "all", "client_networks": ["192.0.2.0/24"] } ],
    "exempt_networks": [], "on_policy_failure": "accept" },
  "send": { "domains": [ { "destination": "a.example", "security_level": "encrypt", "note": "since May" } ] },
  "postfix": { "table_type": "cdb", "policyd_path": "/bin/true", "policyd_user": "nobody" } }
'''


def rules_stay(edit, levels):
    """As they are where nobody edited anything; else with what Postfix says now."""
    with Site(**DEBIAN) as site:
        # policyd must be there, and answer --check with 0: true(1) does.
        (site.folder / 'doc.json').write_text(RULED)
        site.succeed('-s', 'doc.json', 'apply')
        if not edit:
            equal(site.succeed('import').stdout.decode(), RULED)
            return
        subprocess.run(['postconf', '-c', site.config, '-e', *edit], check=True, timeout=60)
        found = json.loads(site.run('import').stdout)
        wanted = json.loads(RULED)
        equal((found['receive'].pop('security_level'), found['receive'].pop('client_certificate'),
               found['send'].pop('security_level')), levels)
        equal(found['send'].pop('trusted_ca_directory'), '/etc/ssl/certs')
        equal(found, wanted)


def a_damaged_document_is_said():
    with Site(**DEBIAN) as site:
        (site.folder / 'doc.json').write_text(RULED)
        site.succeed('-s', 'doc.json', 'apply')
        (site.config / 'tlsgate' / 'gen' / '1' / 'settings.json').write_text('{')
        _, found = imported(site, 1)
        assert ('not-in-document', 'tlsgate/gen/1/settings.json') in places(found), found


def init_points_to_import():
    with Site(smtp_tls_security_level='dane') as site:
        assert b'tlsmap import' in site.succeed('-s', 'new.json', 'init').stderr


def apply_points_to_import():
    with Site(smtp_tls_security_level='dane') as site:
        site.write('doc.json', {'receive': {'security_level': 'none'}})
        site.refuse(78, 'tlsmap import', '-s', 'doc.json', 'apply')


def main():
    tap = Tap()
    tap.check('nothing-is-said-of-nothing', nothing_is_said_of_nothing)
    for name, parameters, levels, findings in LEVELS:
        tap.check(f'levels/{name}', levels_are_said, parameters, levels, findings)
    for number, row in enumerate(OPTIONAL):
        tap.check(f'said/{row[0]}-{number}', value_is_said, *row)
    for number, row in enumerate(LEFT):
        tap.check(f'left/{row[0]}-{number}', value_is_left, *row)
    for kind in ('hash', 'btree', 'lmdb', 'texthash'):
        tap.check(f'rows-of-{kind}-are-said', rows_are_said, kind)
    for number, row in enumerate(REFUSED_ROWS):
        tap.check(f'row-keeps-its-table/{number}', row_keeps_its_table, *row)
    for name, parameters, options, master in SITES:
        tap.check(f'comes-into-force/{name}', site_comes_into_force, parameters, options, master)
    for name, edit, levels in (('unedited', (), ()),
                               ('edited', ('smtp_tls_security_level=encrypt',), ('may', 'none', 'encrypt'))):
        tap.check(f'rules-stay/{name}', rules_stay, edit, levels)
    for case in (both_forms_of_a_name_are_one_row, the_first_table_decides, behind_a_table_without_rows_all_stay,
                 parents_before_other_tables_stay_as_they_are, a_table_that_cannot_be_listed_stays,
                 a_table_that_cannot_be_named_is_left, per_site_cannot_be_said, rows_come_into_force_with_adopt,
                 plan_knows_the_rows_that_go, services_are_left_out, a_damaged_document_is_said, init_points_to_import,
                 apply_points_to_import):
        tap.check(case.__name__.replace('_', '-'), case)
    return tap.finish()


sys.exit(main())
