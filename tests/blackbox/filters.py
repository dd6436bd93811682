#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Content filters in a Postfix that never runs: where plan refuses the document, and what it says cures it.

Usage: filters.py TLSMAP"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import MASTER_CF, Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

HERE_HOP, FAR_HOP = '[127.0.0.1]:10025', '[filter.example]:10025'
SERVICES = MASTER_CF + 'lmtp unix - - y - - lmtp\nfilter unix - n n - - pipe flags=R user=nobody argv=/bin/true\n'
ENCRYPT = {'security_level': 'encrypt'}
MAY = {'security_level': 'may'}
STRONG_ROW = {'domains': [{'destination': 'bank.example', 'security_level': 'secure'}]}
RULED = {**MAY, **STRONG_ROW}


def own(name, options):
    return f'{name} unix - - y - - smtp {options}\n'


# name, send of the document, main.cf, what master.cf has more, the next-hops that are refused.
CASES = (
    ('a-filter-here-and-tls-for-all', ENCRYPT, {'content_filter': f'smtp:{HERE_HOP}'}, '', [HERE_HOP]),
    ('a-filter-by-ipv6', ENCRYPT, {'content_filter': 'smtp:[::1]:10025'}, '', ['[::1]:10025']),
    ('a-filter-by-name', ENCRYPT, {'content_filter': 'smtp:LocalHost:10025'}, '', ['localhost:10025']),
    ('two-filters', ENCRYPT, {'content_filter': f'smtp:{HERE_HOP},[::1]:10026'}, '', [HERE_HOP, '[::1]:10026']),
    ('a-name-in-the-value', ENCRYPT, {'content_filter': '$scanner', 'scanner': f'smtp:{HERE_HOP}'}, '', [HERE_HOP]),
    ('the-default-next-hop', ENCRYPT, {'content_filter': 'smtp:', 'default_filter_nexthop': HERE_HOP}, '',
     [HERE_HOP]),
    ('a-filter-that-is-the-domain-itself', ENCRYPT, {'content_filter': 'smtp:'}, '', []),
    ('a-filter-of-a-service', ENCRYPT, {}, f'587 inet n - y - - smtpd -o content_filter=smtp:{HERE_HOP}\n',
     [HERE_HOP]),
    ('a-filter-here-and-tls-where-offered', MAY, {'content_filter': f'smtp:{HERE_HOP}'}, '', []),
    ('a-filter-here-and-a-strong-row', RULED, {'content_filter': f'smtp:{HERE_HOP}'}, '', []),
    ('a-filter-with-a-row-of-its-own',
     {**ENCRYPT, 'domains': [{'destination': HERE_HOP, 'security_level': 'encrypt'}]},
     {'content_filter': f'smtp:{HERE_HOP}'}, '', []),
    ('a-filter-elsewhere-and-tls-for-all', ENCRYPT, {'content_filter': f'smtp:{FAR_HOP}'}, '', []),
    ('a-filter-elsewhere-and-no-row-above-the-level',
     {'security_level': 'secure', 'domains': [{'destination': 'bank.example', 'security_level': 'encrypt'}]},
     {'content_filter': f'smtp:{FAR_HOP}'}, '', []),
    ('a-filter-elsewhere-and-a-strong-row', RULED, {'content_filter': f'smtp:{FAR_HOP}'}, '', [FAR_HOP]),
    ('a-filter-elsewhere-and-a-row-above-the-level', {**ENCRYPT, **STRONG_ROW},
     {'content_filter': f'smtp:{FAR_HOP}'}, '', [FAR_HOP]),
    ('a-filter-elsewhere-with-a-weaker-service', RULED, {'content_filter': f'scan:{FAR_HOP}'},
     own('scan', '-o smtp_tls_security_level=encrypt'), [FAR_HOP]),
    ('a-filter-elsewhere-with-a-service-as-strong', RULED, {'content_filter': f'scan:{FAR_HOP}'},
     own('scan', '-o smtp_tls_security_level=secure'), []),
    ('a-filter-here-that-another-table-knows', {**ENCRYPT, 'fallback_policy_maps': ['static:none']},
     {'content_filter': f'smtp:{HERE_HOP}'}, '', []),
    ('a-filter-elsewhere-that-another-table-knows', {**RULED, 'fallback_policy_maps': ['static:secure']},
     {'content_filter': f'smtp:{FAR_HOP}'}, '', []),
    ('a-filter-here-below-a-parent-that-demands-tls',
     {**MAY, 'domains': [{'destination': '.example', 'security_level': 'encrypt'}]},
     {'content_filter': 'smtp:filter.example'}, '', []),
    ('a-service-of-its-own-that-is-named-unguarded', ENCRYPT, {'content_filter': f'scan:{HERE_HOP}'},
     own('scan', '-o smtp_tls_security_level=none'), []),
    ('a-service-elsewhere-that-is-named-unguarded', RULED, {'content_filter': f'scan:{FAR_HOP}'},
     own('scan', '-o smtp_tls_security_level=none'), []),
    ('a-service-of-its-own-without-options', ENCRYPT, {'content_filter': f'other:{HERE_HOP}'}, own('other', ''),
     [HERE_HOP]),
    ('a-filter-by-pipe', RULED, {'content_filter': 'filter:dummy'}, '', []),
    ('a-filter-by-lmtp', ENCRYPT, {'content_filter': f'lmtp:{HERE_HOP}'}, '', []),
    ('a-filter-elsewhere-by-lmtp', RULED, {'content_filter': f'lmtp:inet:{FAR_HOP}'}, '', [FAR_HOP]),
    ('a-filter-elsewhere-by-lmtp-and-tls-for-all', ENCRYPT, {'content_filter': f'lmtp:{FAR_HOP}'}, '', [FAR_HOP]),
    ('a-filter-elsewhere-by-lmtp-with-a-level', RULED,
     {'content_filter': f'lmtp:{FAR_HOP}', 'lmtp_tls_security_level': 'secure'}, '', []),
    ('a-filter-elsewhere-by-lmtp-with-a-weaker-service', RULED,
     {'content_filter': f'out:{FAR_HOP}', 'lmtp_tls_security_level': 'secure'},
     'out unix - - y - - lmtp -o lmtp_tls_security_level=encrypt\n', [FAR_HOP]),
    ('a-filter-by-lmtp-at-a-socket', RULED, {'content_filter': 'lmtp:unix:private/filter'}, '', []),
    ('a-proxy-filter-elsewhere', RULED, {'smtpd_proxy_filter': 'filter.example:10025'}, '', ['filter.example:10025']),
    ('a-proxy-filter-elsewhere-and-tls-for-all', ENCRYPT, {'smtpd_proxy_filter': f'inet:{FAR_HOP}'}, '', [FAR_HOP]),
    ('a-proxy-filter-elsewhere-and-tls-where-offered', MAY, {'smtpd_proxy_filter': f'inet:{FAR_HOP}'}, '', []),
    ('a-proxy-filter-elsewhere-of-a-service', RULED, {},
     f'587 inet n - y - - smtpd -o smtpd_proxy_filter={FAR_HOP}\n', [FAR_HOP]),
    ('a-proxy-filter-here', RULED, {'smtpd_proxy_filter': 'inet:127.0.0.1:10025'}, '', []),
    ('a-proxy-filter-at-a-port', RULED, {'smtpd_proxy_filter': '10025'}, '', []),
    ('a-proxy-filter-at-a-port-with-a-colon', RULED, {'smtpd_proxy_filter': ':10025'}, '', []),
    ('a-proxy-filter-at-a-socket', RULED, {'smtpd_proxy_filter': 'unix:private/filter'}, '', []),
    ('an-action-in-a-list', ENCRYPT,
     {'smtpd_sender_restrictions': f'check_sender_access static:{{FILTER smtp:{HERE_HOP}}}'}, '', [HERE_HOP]),
    ('an-action-of-a-class', ENCRYPT, {'smtpd_restriction_classes': 'scanned',
                                       'scanned': f'check_sender_access static:{{filter smtp:{HERE_HOP}}}'}, '',
     [HERE_HOP]),
    ('an-action-in-a-table', ENCRYPT, {'smtpd_sender_restrictions': 'check_sender_access regexp:TABLE'}, '',
     [HERE_HOP]),
    ('an-action-in-a-table-of-a-service', ENCRYPT, {},
     '587 inet n - y - - smtpd -o smtpd_client_restrictions=check_client_access,cidr:TABLE,permit\n', [HERE_HOP]),
    ('an-action-of-header-checks', ENCRYPT, {'header_checks': 'pcre:TABLE'}, '', [HERE_HOP]),
    ('a-table-that-holds-no-actions', ENCRYPT, {'virtual_alias_maps': 'regexp:TABLE'}, '', []),
)
# One more in a comment, which names another next-hop.
TABLE = f'# /old/ FILTER smtp:[127.0.0.1]:10099\n/^/ FILTER smtp:{HERE_HOP}\n'


def refused(site, send, master):
    """What plan says of filters: the next-hop and the row that it prints, of each."""
    # A service that is to speak in clear is named as such.
    unguarded = ['scan/unix'] if '=none' in master else []
    site.write('doc.json', {'receive': {'security_level': 'none'}, 'send': send,
                            'postfix': {'unguarded_services': unguarded}} if unguarded else
               {'receive': {'security_level': 'none'}, 'send': send})
    run = site.run('-s', 'doc.json', 'plan')
    found = re.findall(r'(?m)^.*?: error: .*? filter "(\S+?)".*(\{ "destination": .*? \}).* \[filter-without-row\]$',
                       run.stderr.decode())
    equal((len(found), run.returncode), (run.stderr.count(b': error: '), 78 if found else 1))
    return [(hop, json.loads(row)) for hop, row in found]


def filter_is_judged(send, values, master, next_hops):
    with Site(tls_append_default_CA='yes') as site:
        table = str(site.folder / 'table')
        site.write('table', '').write_text(TABLE)
        (site.config / 'master.cf').write_text(SERVICES + master.replace('TABLE', table))
        with open(site.config / 'main.cf', 'a', encoding='ascii') as main_cf:
            main_cf.writelines(f'{name} = {value}\n'.replace('TABLE', table) for name, value in values.items())
        found = refused(site, send, master)
        equal([hop for hop, _ in found], next_hops)
        rows = [*send.get('domains', []), *(row for _, row in found)]
        # The rows that were printed cure it.
        equal(refused(site, {**send, 'domains': rows} if rows else send, master), [])


def an_address_without_brackets_is_to_be_spelled_so():
    """No row can name it otherwise."""
    with Site(content_filter='smtp:127.0.0.1:10025') as site:
        site.write('doc.json', {'receive': {'security_level': 'none'}, 'send': ENCRYPT})
        row = f'{{ "destination": "{HERE_HOP}", "security_level": "none" }}'
        site.refuse(78, f'write it as "{HERE_HOP}", and add the row {row}', '-s', 'doc.json', 'apply')


def a_row_that_a_proxy_filter_can_not_keep():
    """smtpd(8) does not ask for it."""
    with Site(smtpd_proxy_filter=FAR_HOP) as site:
        site.write('doc.json', {'receive': {'security_level': 'none'}, 'send': {
            **MAY, 'domains': [{'destination': FAR_HOP, 'security_level': 'encrypt'}]}})
        site.refuse(78, 'give its row the level "none"', '-s', 'doc.json', 'apply')


def main():
    tap = Tap()
    tap.check('a-row-that-a-proxy-filter-can-not-keep', a_row_that_a_proxy_filter_can_not_keep)
    tap.check('an-address-without-brackets', an_address_without_brackets_is_to_be_spelled_so)
    for name, *case in CASES:
        tap.check(name, filter_is_judged, *case)
    return tap.finish()


sys.exit(main())
