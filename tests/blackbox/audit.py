#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""audit: each thing that tlsmap audit finds in a Postfix, and the same Postfix without it.

Usage: audit.py TLSMAP"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import MASTER_CF, Site, tree  # noqa: E402
from tap import Tap, equal  # noqa: E402

CERTIFICATE = {'smtpd_tls_cert_file': '/cert.pem', 'smtpd_tls_key_file': '/key.pem'}
# In force under OFFER: nothing is to be found in it.
CLEAN = {**CERTIFICATE, 'smtpd_tls_security_level': 'may', 'smtp_tls_security_level': 'may',
         'smtpd_tls_loglevel': '1', 'smtp_tls_loglevel': '1', 'smtpd_tls_received_header': 'yes'}
OFFER = {}
ROW = {'send': {'domains': [{'destination': 'a.example', 'security_level': 'encrypt'},
                            {'destination': '[mx.example]:587', 'security_level': 'encrypt'}]}}
VERIFY = {'send': {'security_level': 'verify'}}
RULES = {'receive': {'rules': [{'name': 'all'}]},
         'postfix': {'policyd_path': '/bin/true', 'policyd_user': 'nobody'}}
SUBMISSION = 'submission inet n - y - - smtpd\n'


def findings_of(site, document):
    site.write('doc.json', document)
    before = tree(site.folder)
    run = site.run('-s', 'doc.json', 'audit')
    equal(tree(site.folder), before)
    found = []
    for line in run.stderr.decode().splitlines():
        where, severity, message, identifier = re.fullmatch(
            r'(.*?): (error|warning|info): (.*) \[(\S+)\]', line).groups()
        found.append((identifier, where.replace(f'{site.config}/', ''), severity, message))
    counts = tuple(sum(finding[2] == severity for finding in found) for severity in ('error', 'warning', 'info'))
    equal(run.stdout.decode(), '{} errors, {} warnings, {} to know\n'.format(*counts))
    equal(run.returncode, 1 if counts[0] + counts[1] else 0)
    return found


def apply(site, document):
    site.write('doc.json', document)
    site.succeed('-s', 'doc.json', 'apply')


def places(found):
    return [finding[:2] for finding in found]


# identifier, where, how main.cf is changed after the document came into force, what master.cf has
# more, the document.
CASES = (
    ('weaker-than-document', 'main.cf: smtp_tls_security_level', {'smtp_tls_security_level': None}, '', OFFER),
    ('weaker-than-document', 'main.cf: smtp_tls_policy_maps', {'smtp_tls_policy_maps': None}, '', ROW),
    ('not-as-document', 'main.cf: tlsgate_time_limit', {'tlsgate_time_limit': None}, '', RULES),
    ('service-differs', 'master.cf: submission/inet: -o smtpd_tls_security_level', {},
     SUBMISSION + '  -o smtpd_tls_security_level=encrypt\n', OFFER),
    ('open-way', 'Postfix', {}, 'pickup unix n - y 60 1 pickup\n', RULES),
    ('permit-before-check', 'main.cf: smtpd_client_restrictions',
     {'smtpd_client_restrictions': 'permit_mynetworks, reject_plaintext_session'}, '', OFFER),
    ('permit-before-check', 'master.cf: submission/inet: -o smtpd_sender_restrictions', {},
     SUBMISSION + '  -o smtpd_sender_restrictions=permit_sasl_authenticated,reject_plaintext_session\n', OFFER),
    ('all-client-certificates', 'main.cf: smtpd_relay_restrictions',
     {'smtpd_relay_restrictions': 'permit_tls_all_clientcerts, reject'}, '', OFFER),
    ('default-ca-trusted', 'main.cf: tls_append_default_CA', {'tls_append_default_CA': 'yes'}, '', VERIFY),
    ('old-protocol', 'main.cf: smtpd_tls_mandatory_protocols', {'smtpd_tls_mandatory_protocols': '!SSLv2, !SSLv3'},
     '', OFFER),
    ('old-protocol', 'main.cf: smtp_tls_protocols', {'smtp_tls_protocols': '!SSLv2'}, '', OFFER),
    ('old-protocol', 'master.cf: submission/inet: -o smtpd_tls_mandatory_protocols', {},
     SUBMISSION + '  -o smtpd_tls_mandatory_protocols=TLSv1\n', OFFER),
    ('floor-at-may', 'main.cf: smtp_tls_protocols', {'smtp_tls_protocols': '>=TLSv1.2'}, '', OFFER),
    ('obsolete-parameter', 'main.cf: smtpd_use_tls', {'smtpd_use_tls': 'yes'}, '', OFFER),
    ('obsolete-parameter', 'main.cf: smtp_tls_per_site', {'smtp_tls_per_site': 'hash:/per_site'}, '', ROW),
    ('postscreen-level', 'main.cf: postscreen_tls_security_level', {'postscreen_tls_security_level': 'none'},
     '26 inet n - y - 1 postscreen\n', OFFER),
    ('postscreen-level', 'main.cf: tlsproxy_tls_security_level', {'tlsproxy_tls_security_level': 'encrypt'},
     '26 inet n - y - 1 postscreen\n', OFFER),
    ('other-table', 'static:may', {}, '', {'send': {'fallback_policy_maps': ['static:may']}}),
    ('no-received-header', 'main.cf: smtpd_tls_received_header', {'smtpd_tls_received_header': None}, '', OFFER),
    ('tls-log-level', 'main.cf: smtpd_tls_loglevel', {'smtpd_tls_loglevel': '0'}, '', OFFER),
    ('tls-log-level', 'main.cf: smtp_tls_loglevel', {'smtp_tls_loglevel': '3'}, '', OFFER),
)


def something_is_found(identifier, where, values, master, document):
    with Site(**CLEAN, smtp_tls_CAfile='') as site:
        (site.config / 'master.cf').write_text(MASTER_CF)
        anchors = site.folder / 'ca.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-keyout', '/dev/null', '-out', anchors, '-subj', '/CN=ca'], check=True,
                       capture_output=True, timeout=60)
        document = {**document, 'send': {'trusted_ca_file': str(anchors), **document.get('send', {})}}
        apply(site, document)
        before = [place for place in places(findings_of(site, document)) if place[0] != 'other-table']
        with open(site.config / 'master.cf', 'a', encoding='ascii') as master_cf:
            master_cf.write(master)
        for name, value in values.items():
            edit = ['-X', name] if value is None else ['-e', f'{name}={value}']
            subprocess.run(['postconf', '-c', site.config, *edit], check=True, timeout=60)
        found = findings_of(site, document)
        if (identifier, where) in before or (identifier, where) not in places(found):
            raise AssertionError(f'before {before}\nafter {found}')
        severity, = {finding[2] for finding in found if finding[0] == identifier}
        equal(severity, SEVERITIES[identifier])


def table_of_findings():
    """{identifier: severity} of what finding.h says audit finds."""
    enum = (ROOT / 'schema' / 'finding.h').read_text().split('/* What audit finds')[1].split('N_FINDINGS')[0]
    kinds = dict(re.findall(r'\[(FINDING_\w+)\] = \{ "[^"]+", SEVERITY_(\w+) \}',
                            (ROOT / 'schema' / 'finding.c').read_text()))
    return {code[len('FINDING_'):].lower().replace('_', '-'): kinds[code].lower()
            for code in re.findall(r'FINDING_\w+', enum)}


SEVERITIES = table_of_findings()


def all_is_tried():
    equal(sorted({case[0] for case in CASES}), sorted(SEVERITIES))


def nothing_is_found_in_a_clean_postfix():
    with Site(**CLEAN) as site:
        equal(findings_of(site, OFFER), [])
        apply(site, OFFER)
        equal(findings_of(site, OFFER), [])


def a_level_that_is_not_set_is_what_postfix_does():
    with Site(smtp_tls_loglevel='1') as site:
        equal(findings_of(site, {'receive': {'security_level': 'none'}, 'send': {'security_level': 'none'}}), [])


def only_the_first_apply_is_missing():
    """Before it, all that the document says is missing, and is said once."""
    with Site(**CLEAN) as site:
        equal(places(findings_of(site, ROW)), [
            ('weaker-than-document', 'main.cf: smtp_tls_policy_maps'),
            ('weaker-than-document', 'row [mx.example]:587'), ('weaker-than-document', 'row a.example')])


def what_apply_refuses_is_said_once():
    with Site(**{**CLEAN, 'smtpd_tls_security_level': 'encrypt'}) as site:
        (site.config / 'master.cf').write_text(MASTER_CF + SUBMISSION + '  -o smtpd_tls_security_level=none\n')
        equal(places(findings_of(site, OFFER)), [('foreign-value', 'main.cf: smtpd_tls_security_level'),
                                                 ('hidden-service', 'master.cf: submission/inet')])


def import_is_clean():
    """What import prints is what audit finds in force, but for what is only to know."""
    with Site(**{**CLEAN, 'smtpd_tls_security_level': 'encrypt', 'smtp_tls_security_level': 'encrypt'}) as site:
        (site.folder / 'doc.json').write_bytes(site.run('import').stdout)
        equal(site.run('-s', 'doc.json', 'audit').returncode, 0)


def a_wrong_document_is_no_measure():
    with Site(**CLEAN) as site:
        site.write('doc.json', {'x': 1})
        site.refuse(65, '[unknown-key]', '-s', 'doc.json', 'audit')


def main():
    tap = Tap()
    tap.check('all-is-tried', all_is_tried)
    for number, case in enumerate(CASES):
        tap.check(f'found/{case[0]}-{number}', something_is_found, *case)
    for case in (nothing_is_found_in_a_clean_postfix, a_level_that_is_not_set_is_what_postfix_does,
                 only_the_first_apply_is_missing,
                 what_apply_refuses_is_said_once, import_is_clean, a_wrong_document_is_no_measure):
        tap.check(case.__name__.replace('_', '-'), case)
    return tap.finish()


sys.exit(main())
