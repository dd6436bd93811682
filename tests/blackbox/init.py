#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""init: tlsmap init, which writes a settings file; and --help of each command, its example as printed.

Usage: init.py TLSMAP"""
import json
import os
import pathlib
import re
import stat
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import MASTER_CF, Site, tree  # noqa: E402
from tap import Tap, equal  # noqa: E402

ROW = {'domains': [{'destination': 'a.example', 'security_level': 'encrypt'}]}


def init_says_what_nothing_says():
    with Site.without_postfix() as site:
        site.succeed('-s', 'new.json', 'init')
        document = json.loads((site.folder / 'new.json').read_text())
        rules = [{'name': 'all'}]
        site.write('full.json', {**document, 'receive': {**document['receive'], 'rules': rules}})
        site.write('empty.json', {'receive': {'rules': rules}})
        run = site.succeed('--strict', '-s', 'new.json', 'check')
        equal((run.stdout, run.stderr), (b'', b''))
        for part in ('main.cf', 'tls_policy', 'rules'):
            ours, nothing = (site.succeed('-s', name, 'render', part, '--postfix-version', '3.7').stdout
                             for name in ('full.json', 'empty.json'))
            equal(ours, nothing)


def init_has_the_three_levels():
    with Site.without_postfix() as site:
        site.succeed('-s', 'new.json', 'init')
        document = json.loads((site.folder / 'new.json').read_text())
        equal((document['receive']['security_level'], document['receive']['client_certificate'],
               document['send']['security_level']), ('may', 'none', 'may'))


def init_is_readable_whatever_the_umask():
    with Site.without_postfix() as site:
        site.succeed('-s', 'new.json', 'init', umask=0o077)
        equal(oct(stat.S_IMODE((site.folder / 'new.json').stat().st_mode)), '0o644')
        equal(sorted(path.name for path in site.folder.iterdir()), ['new.json', 'tlsmap'])


def init_without_a_name_writes_beside_main_cf():
    with Site() as site:
        run = site.succeed('init')
        equal(run.stdout.decode(), f'wrote {site.config}/tls-settings.json\n')
        equal(site.succeed('check').stderr, b'')


def init_never_overwrites(kind):
    with Site.without_postfix() as site:
        path = site.folder / 'here.json'
        {'file': lambda: path.write_text('mine'), 'directory': path.mkdir,
         'link': lambda: path.symlink_to('tlsmap'),
         'dangling-link': lambda: path.symlink_to('nowhere')}[kind]()
        before = tree(site.folder)
        site.refuse(73, 'init never overwrites', '-s', 'here.json', 'init')
        equal(tree(site.folder), before)


def init_needs_a_directory(name):
    with Site.without_postfix() as site:
        site.refuse(73, "can't create", '-s', name, 'init')
        equal([path.name for path in site.folder.iterdir()], ['tlsmap'])


def init_needs_permission():
    with Site.without_postfix() as site:
        site.refuse(77, "can't create new.json", '-s', 'new.json', 'init', unprivileged=True)
        equal([path.name for path in site.folder.iterdir()], ['tlsmap'])


def init_points_to(parameters, master, names):
    with Site(**parameters) as site:
        (site.config / 'master.cf').write_text(MASTER_CF + master)
        run = site.succeed('-s', 'new.json', 'init')
        text = run.stderr.decode()
        if not names:
            equal(text, '')
            return
        equal(re.findall(r'\((.*)\)', text), [names])
        assert 'is configured for TLS already' in text, text


# --help.

def help_is_whole(command):
    with Site.without_postfix() as site:
        lines = site.succeed(command, '--help').stdout.decode().splitlines()
    equal([line.split(': ')[0] for line in lines if re.match('(Usage|Exit status|Example): ', line)],
          ['Usage', 'Exit status', 'Example'])
    longest = max(lines, key=len)
    if len(longest) > 110:
        raise AssertionError(longest)


def example_works(command, statuses):
    with Site() as site:
        text = site.succeed(command, '--help').stdout.decode()
        example = re.search('^Example: (.*)$', text, re.M)[1]
        for name in ['new-settings.json', 'etc/tls-settings.json'] if command != 'init' else []:
            site.write(name, {'receive': {'security_level': 'none'}, 'send': ROW})
        run = subprocess.run(['sh', '-c', example], cwd=site.folder, capture_output=True, check=False, env={
            'PATH': f'{site.folder}:{os.environ["PATH"]}', 'MAIL_CONFIG': str(site.config)})
        if run.returncode not in statuses or run.stderr:
            raise AssertionError(run)


DEBIAN = {'smtpd_tls_cert_file': '/etc/ssl/certs/ssl-cert-snakeoil.pem',
          'smtpd_tls_key_file': '/etc/ssl/private/ssl-cert-snakeoil.key', 'smtpd_tls_security_level': 'may',
          'smtp_tls_CApath': '/etc/ssl/certs', 'smtp_tls_security_level': 'may',
          'smtp_tls_session_cache_database': 'btree:${data_directory}/smtp_scache'}


def main():
    tap = Tap()
    for case in (init_says_what_nothing_says, init_has_the_three_levels, init_is_readable_whatever_the_umask,
                 init_without_a_name_writes_beside_main_cf, init_needs_permission):
        tap.check(case.__name__.replace('_', '-'), case)
    for kind in ('file', 'directory', 'link', 'dangling-link'):
        tap.check(f'init-never-overwrites/{kind}', init_never_overwrites, kind)
    for name in ('no/new.json', 'tlsmap/new.json'):
        tap.check(f'init-needs-a-directory/{name}', init_needs_a_directory, name)
    for name, parameters, master, names in (
            ('nothing-of-a-fresh-postfix', {}, '', None),
            ('nothing-of-a-stock-debian-postfix', DEBIAN, '', None),
            ('nothing-of-lists', {'smtpd_recipient_restrictions': 'permit_mynetworks'}, '', None),
            ('what-somebody-chose', {**DEBIAN, 'smtp_tls_security_level': 'dane',
                                     'smtp_tls_policy_maps': 'cdb:/etc/postfix/tls'}, '',
             'smtp_tls_security_level, smtp_tls_policy_maps'),
            ('a-service-of-its-own', {}, 'submission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt\n',
             'submission/inet/smtpd_tls_security_level')):
        tap.check(f'init-points-to/{name}', init_points_to, parameters, master, names)
    for command, statuses in (('init', (0,)), ('import', (1,)), ('check', (0,)), ('render', (0,)), ('plan', (1,)),
                              ('apply', (0,))):
        tap.check(f'help-of-{command}-is-whole', help_is_whole, command)
        tap.check(f'example-of-{command}-works-as-printed', example_works, command, statuses)
    return tap.finish()


sys.exit(main())
