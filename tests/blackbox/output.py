#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""output: what tlsmap --json prints, for each command and each exit status that can be had.

Usage: output.py TLSMAP. Every object is validated against schema/output.schema.json. 70 is missing
among the statuses: it is for bugs of ours, and nothing provokes it."""
import fcntl
import json
import os
import pathlib
import subprocess
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / 'data'
ROOT = HERE.parent.parent
EXAMPLES = ROOT / 'schema' / 'examples'
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

SCHEMA = json.loads((ROOT / 'schema' / 'output.schema.json').read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
NONE = {'receive': {'security_level': 'none'}}
ROW = {**NONE, 'send': {'domains': [{'destination': 'a.example', 'security_level': 'encrypt'}]}}
WARNED = {'receive': {'security_level': 'none', 'on_policy_failure': 'accept'}}


def without_duplicates(pairs):
    keys = [key for key, _ in pairs]
    equal(len(set(keys)), len(keys))
    return dict(pairs)


def validated(run):
    """The object that a run printed, which must be all that it printed."""
    equal(run.stderr, b'')
    text = run.stdout.decode()  # strict: valid UTF-8
    equal((text.count('\n'), text[-1:]), (1, '\n'))
    found = json.loads(text, object_pairs_hook=without_duplicates)
    VALIDATOR.validate(found)
    equal(found['exit'], run.returncode)
    return found


def json_of(site, *arguments, **options):
    return validated(site.run('--json', *arguments, **options))


def outcome(found):
    return found['command'], found['status'], found['exit']


def schema_is_complete(schema):
    """Title and description at each member, and no object that takes unknown members."""
    jsonschema.Draft202012Validator.check_schema(schema)

    def walk(part, path):
        if not isinstance(part, dict) or '$ref' in part:
            return
        for word in ('title', 'description'):
            if not part.get(word, '').strip():
                raise AssertionError(f'no {word} at {path}')
        if part.get('type') == 'object' and 'additionalProperties' not in part:
            raise AssertionError(f'additionalProperties missing at {path}')
        for name, member in part.get('properties', {}).items():
            walk(member, f'{path}/{name}')
        for name, member in part.get('$defs', {}).items():
            walk(member, f'{path}/$defs/{name}')
        for member in [part.get('items')] + part.get('prefixItems', []):
            walk(member, f'{path}/items')
    walk(schema, '')


def schema_refuses(change):
    """The validator is not one that takes everything."""
    good = {'format': 1, 'command': 'plan', 'status': 'changes', 'exit': 1, 'findings': [],
            'changes': [{'kind': 'row', 'name': 'a', 'old': None, 'new': 'b', 'direction': 'equal'}]}
    VALIDATOR.validate(good)
    if VALIDATOR.is_valid({**good, **change}):
        raise AssertionError(f'taken with {change}')


def schema_knows_counters():
    """Each of them, and nothing that is none; test_server.py compares the real ones with the schema."""
    rule = {'name': 'bank', 'broken': 1}
    counters = {name: 0 for name in SCHEMA['properties']['counters']['required']} | {'rules': [rule]}
    found = {'format': 1, 'command': 'status', 'status': 'ok', 'exit': 0, 'findings': [], 'counters': counters}
    for good in counters, {**counters, 'rules': []}, {**counters, 'rules': [rule] * 100}, None:
        VALIDATOR.validate({**found, 'counters': good})
    for bad in ({**counters, 'x': 1}, {**counters, 'open': -1}, {**counters, 'open': '1'}, {**counters, 'rules': None},
                {**counters, 'rules': [{**rule, 'broken': 0}]}, {**counters, 'rules': [{'name': 'bank'}]},
                {**counters, 'rules': [rule] * 101},
                *({other: counters[other] for other in counters if other != name} for name in counters)):
        equal((bad, VALIDATOR.is_valid({**found, 'counters': bad})), (bad, False))
    equal(VALIDATOR.is_valid({**found, 'command': 'history'}), False)


def findings_are_the_printed_ones(path):
    """The same ones in the same order as for people."""
    with Site.without_postfix() as site:
        found = json_of(site, '-s', path.name, 'check', folder=path.parent)
    lines = [f"{finding['file']}:{finding['line']}:{finding['column']}: {finding['pointer']}: "
             f"{finding['severity']}: {finding['message']} [{finding['id']}]" for finding in found['findings']]
    printed = path.with_suffix('.expected').read_text().splitlines()
    equal(printed.pop(), f"exit {found['exit']}")
    if len(lines) > 100:
        lines[100:] = [f'{path.name}: and {len(lines) - 100} more']
    equal(lines, printed)
    equal(outcome(found), ('check', 'findings', 65) if path.parent.name == 'wrong' else ('check', 'ok', 0))


def render_is_the_printed_one(path):
    with Site.without_postfix() as site:
        found = [json_of(site, '-s', str(path), 'render', part, '--postfix-version', '3.7')
                 for part in ('main.cf', 'tls_policy', 'rules')]
    expected = DATA / 'render' / path.stem
    equal([f'{name} = {value}'.rstrip() for name, value in found[0]['main.cf'].items()],
          expected.with_suffix('.main.cf').read_text().splitlines())
    equal(['\t'.join(row) for row in found[1]['tls_policy']],
          expected.with_suffix('.tls_policy').read_text().splitlines())
    lines = [f"rule {rule['name']}: {rule['text']}" for rule in found[2]['rules']]
    if lines:
        lines.insert(0, 'exempt networks: ' + (', '.join(found[2]['exempt_networks']) or 'none'))
    equal(lines, expected.with_suffix('.rules').read_text().splitlines())


def usage_is_explained(arguments, command, error):
    with Site.without_postfix() as site:
        found = json_of(site, *arguments)
        equal(outcome(found), (command, 'error', 64))
        equal(found['error'], error)
        run = site.run(*arguments)
        equal((run.returncode, run.stdout, run.stderr.decode()), (64, b'', f'tlsmap: {error}\n'))


def an_error_before_the_option_is_told_to_people():
    with Site.without_postfix() as site:
        run = site.run('--frobnicate', '--json', 'check')
    equal((run.returncode, run.stdout), (64, b''))
    assert b'"--frobnicate"' in run.stderr, run


def ends_with(arguments, document, command, status, code):
    with Site.without_postfix() as site:
        site.write('doc.json', document)
        equal(outcome(json_of(site, *arguments)), (command, status, code))


def help_and_version_are_members():
    with Site.without_postfix() as site:
        equal(json_of(site, '--version')['version'].encode(), site.run('--version').stdout.split()[1])
        equal(json_of(site, '--help')['help'].encode(), site.run('--help').stdout)
        found = json_of(site, 'apply', '--help')
        equal((found['command'], found['help'].encode()), ('apply', site.run('apply', '--help').stdout))


def unreadable_documents_are_errors():
    with Site.without_postfix() as site:
        for name, status in (('absent.json', 65), ('.', 65)):
            found = json_of(site, '-s', name, 'check')
            equal((outcome(found), found['findings']), (('check', 'error', status), []))
        site.write('secret.json', {}).chmod(0)
        found = json_of(site, '-s', 'secret.json', 'check', unprivileged=True)
        equal(outcome(found), ('check', 'error', 77))


def many_findings_are_counted():
    rows = [{'destination': f'd{n}.example', 'security_level': 'x'} for n in range(10_123)]
    with Site.without_postfix() as site:
        site.write('doc.json', {'send': {'domains': rows}})
        found = json_of(site, '-s', 'doc.json', 'check')
    equal((outcome(found), len(found['findings']), found['more']), (('check', 'findings', 65), 10_000, 123))


def warnings_give_way_to_errors():
    rows = [{'destination': f'd{n}.example', 'security_level': 'may'} for n in range(10_050)]
    rows += [{'destination': 'last.example', 'security_level': 'x'}]
    with Site.without_postfix() as site:
        site.write('doc.json', {'send': {'security_level': 'encrypt', 'domains': rows}})
        found = json_of(site, '-s', 'doc.json', 'check')
    equal((len(found['findings']), found['more']), (10_000, 51))
    equal((found['findings'][-1]['severity'], found['findings'][-1]['id']), ('error', 'unknown-word'))


def bytes_that_are_no_utf8_are_replaced():
    with Site.without_postfix() as site:
        (pathlib.Path(os.fsdecode(site.folder)) / os.fsdecode(b'\xff.json')).write_bytes(b'{"x":1}')
        found = json_of(site, '-s', b'\xff.json', 'check')
    equal(found['findings'][0]['file'], '\ufffd.json')


def unwritable_output_is_no_success():
    with Site.without_postfix() as site, open('/dev/full', 'wb') as full:
        site.write('doc.json', {})
        run = site.run('--json', '-s', 'doc.json', 'render', stdout=full, stderr=subprocess.PIPE)
        equal(run.returncode, 73)


def rollback_history_and_status():
    with Site() as site:
        site.write('doc.json', ROW)
        equal(json_of(site, 'history')['history'], [])
        equal(outcome(json_of(site, 'status')), ('status', 'ok', 0))
        equal(outcome(json_of(site, 'rollback')), ('rollback', 'error', 64))
        applied = json_of(site, '-s', 'doc.json', 'apply')
        found = json_of(site, '-s', 'doc.json', 'status')
        equal((found['generation'], found['running'], found['policyd'], found['settings_file'], found['counters']),
              (1, False, 'unused', 'same', None))
        back = json_of(site, 'rollback', '0')
        equal(outcome(back), ('rollback', 'ok', 0))
        equal({change['name'] for change in back['changes']}, {change['name'] for change in applied['changes']})
        equal([(item['generation'], item.get('rollback_of'), item['in_force'])
               for item in json_of(site, 'history')['history']], [(0, None, False), (1, None, False), (2, 0, True)])


def explain_says_why():
    with Site() as site:
        site.write('doc.json', {'receive': {'rules': [
            {'name': 'bank', 'sender_domains': ['bank.example']}, {'name': 'shop', 'sender_domains': ['shop.example']}]}})
        mail = ('explain', 'receive', '--client-address', '192.0.2.1', '--sender')
        found = json_of(site, '-s', 'doc.json', *mail, 'a@bank.example')
        equal(outcome(found), ('explain', 'ok', 0))
        equal((found['explained']['verdict'], found['explained']['decided_by']), ('rejected', 'rule bank'))
        equal(json_of(site, '-s', 'doc.json', *mail, 'a@other.example')['explained']['verdict'], 'passed')
        site.write('doc.json', {'receive': {'security_level': 'encrypt'}})
        equal(json_of(site, '-s', 'doc.json', *mail, 'a@other.example')['explained']['verdict'], 'refused')


def explain_send_says_why():
    with Site(relayhost='[relay.example]:587') as site:
        site.write('doc.json', {'send': {'domains': [
            {'destination': 'partner.example', 'security_level': 'encrypt'},
            {'destination': '[relay.example]:587', 'security_level': 'encrypt', 'min_protocol': 'TLSv1.2'}]}})
        found = json_of(site, '-s', 'doc.json', 'explain', 'send', 'a@partner.example')
        equal(outcome(found), ('explain', 'ok', 0))
        explained = found['explained_send']
        equal((explained['route'], explained['command']), ('relayhost', 'smtp'))
        equal([(hop['keys'], hop['decided_by'], hop['level']) for hop in explained['next_hops']],
              [(['[relay.example]:587'], 'row', 'encrypt')])
        equal([loser['destination'] for loser in explained['losers']], ['partner.example'])
        text = site.run('-s', 'doc.json', 'explain', 'send', 'a@partner.example').stdout.decode()
        equal(['does not decide' in text, 'doc.json:1:' in text], [True, True])


def import_and_audit():
    with Site(smtpd_tls_cert_file='/cert.pem', smtp_tls_security_level='encrypt') as site:
        site.write('doc.json', ROW)
        found = json_of(site, 'import')
        equal(outcome(found), ('import', 'ok', 0))
        equal([finding['severity'] for finding in found['findings']], ['info'])
        equal(found['document'], json.loads(site.run('import').stdout))
        found = json_of(site, '-s', 'doc.json', 'audit')
        equal(outcome(found), ('audit', 'findings', 1))
        equal({finding['severity'] for finding in found['findings']}, {'error', 'warning', 'info'})
        site.write('doc.json', {'send': {'security_level': 'encrypt'}, 'receive': {'security_level': 'none'}})
        site.succeed('-s', 'doc.json', 'apply')
        equal(outcome(json_of(site, '-s', 'doc.json', 'audit')), ('audit', 'ok', 0))
    with Site(smtp_tls_security_level='fingerprint', smtp_tls_CAfile='/ca.pem') as site:
        equal(outcome(json_of(site, 'import')), ('import', 'findings', 1))


def probe_tries_what_goes_by_smtp():
    """Nothing here needs a network; tests/e2e/test_probe.py has all else."""
    with Site(mydestination='$myhostname', transport_maps='inline:{other.example=uucp:}') as site:
        found = json_of(site, 'probe', 'gw.example', 'user@other.example')
        equal(outcome(found), ('probe', 'ok', 0))
        equal([(item['destination'], item['verdict'], item['hosts']) for item in found['destinations']],
              [('gw.example', 'not-tried', []), ('user@other.example', 'not-tried', [])])
        equal('not-tried, because mail goes by the service local' in site.run('probe', 'gw.example').stdout.decode(), True)
        site.write('doc.json', {**ROW, 'send': {'domains': [{'destination': '.a.example', 'security_level': 'encrypt'}]}})
        site.succeed('-s', 'doc.json', 'apply')
        found = json_of(site, 'probe')
        equal((outcome(found), found['destinations'], len(found['notes'])), (('probe', 'ok', 0), [], 1))
    with Site(mydestination='', transport_maps='regexp:$config_directory/routes') as site:
        (site.config / 'routes').write_text('/@gone\\.example$/ uucp:\n')
        equal([item['verdict'] for item in json_of(site, 'probe', 'gone.example')['destinations']], ['not-tried'])
    with Site(mydestination='', transport_maps='inline:{[}') as site:
        found = json_of(site, 'probe', 'gw.example')
        equal(outcome(found), ('probe', 'findings', 1))
        equal([item['verdict'] for item in found['destinations']], ['deferred'])


def plan_says_what_apply_does():
    with Site() as site:
        site.write('doc.json', ROW)
        planned = json_of(site, '-s', 'doc.json', 'plan')
        equal(outcome(planned), ('plan', 'changes', 1))
        equal(site.run('--json', '-s', 'doc.json', 'plan').stdout, site.run('--json', '-s', 'doc.json', 'plan').stdout)
        people = site.run('-s', 'doc.json', 'plan').stdout.decode()
        applied = json_of(site, '-s', 'doc.json', 'apply')
        equal(outcome(applied), ('apply', 'ok', 0))
        equal(applied['changes'], planned['changes'])
        equal((applied['generation'], applied['in_force']), (1, 'start'))
        equal(people.splitlines(), [
            f"{change['kind']} {change['name']}: {change['old'] or '(not set)'} -> {change['new']} "
            f"[{change['direction']}]" for change in applied['changes']] + [f"plan {planned['digest']}"])
        for command in ('plan', 'apply'):
            again = json_of(site, '-s', 'doc.json', command)
            equal((outcome(again), again['changes']), ((command, 'ok', 0), []))
        equal(again['generation'], 1)


def warnings_with_strict_are_findings():
    with Site() as site:
        site.write('doc.json', WARNED)
        for command in ('check', 'render', 'apply', 'plan'):
            found = json_of(site, '--strict', '-s', 'doc.json', command)
            equal(outcome(found), (command, 'findings', 1))
            equal([finding['severity'] for finding in found['findings']], ['warning'])


def changes_come_before_warnings_with_strict():
    with Site() as site:
        site.write('doc.json', WARNED)
        found = json_of(site, '--strict', '-s', 'doc.json', 'plan')
        equal((outcome(found), len(found['findings'])), (('plan', 'changes', 1), 1))


def wrong_document_ends(command):
    with Site() as site:
        site.write('doc.json', {'send': {'security_level': 'x'}})
        equal(outcome(json_of(site, '-s', 'doc.json', command)), (command, 'findings', 65))


def absent_postfix_ends(command):
    with Site.without_postfix() as site:
        site.write('doc.json', {})
        found = json_of(site, '-c', '/nonexistent', '-s', 'doc.json', command)
        equal((outcome(found), found['findings']), ((command, 'error', 69), []))


def refusal_has_live_findings(command):
    with Site(smtp_tls_security_level='dane') as site:
        site.write('doc.json', NONE)
        found = json_of(site, '-s', 'doc.json', command)
        equal(outcome(found), (command, 'refused', 78))
        live, = found['findings']
        equal((live['id'], live['where']), ('foreign-value', f'{site.config}/main.cf: smtp_tls_security_level'))
        equal('changes' in found, command == 'plan')


def locked_apply_ends():
    with Site() as site:
        site.write('doc.json', NONE)
        (site.config / 'tlsgate').mkdir()
        with open(site.config / 'tlsgate' / 'lock', 'w', encoding='ascii') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            equal(outcome(json_of(site, '-s', 'doc.json', 'apply')), ('apply', 'error', 75))


def apply_that_cannot_write_ends():
    with Site() as site:
        site.write('doc.json', NONE)
        (site.config / 'tlsgate').write_text('in the way')
        equal(outcome(json_of(site, '-s', 'doc.json', 'apply')), ('apply', 'error', 73))


def apply_without_permission_ends():
    with Site() as site:
        site.write('doc.json', NONE)
        found = json_of(site, '-s', 'doc.json', 'apply', unprivileged=True)
        equal(outcome(found), ('apply', 'error', 77))


def a_relative_directory_becomes_absolute():
    """main.cf is read by daemons, which run elsewhere."""
    with Site() as site:
        site.write('doc.json', ROW)
        for options, more in ((('-c', site.config.name), {}), ((), {'MAIL_CONFIG': site.config.name})):
            run = site.run('--json', *options, '-s', 'doc.json', 'plan', is_found=False, environment=more)
            maps, = (change['new'] for change in validated(run)['changes']
                     if change['name'] == 'smtp_tls_policy_maps')
            equal([table.split(':')[1] for table in maps.split(', ')],
                  [f'{site.config}/tlsgate/gen/1/{name}' for name in ('tls_policy', 'tls_spellings')])


USAGE = (
    ('no-command', [], None,
     'no command is named; accepted are init, import, check, render, plan, apply, rollback, history, status, audit, '
     'explain and probe; see tlsmap --help'),
    ('unknown-command', ['frob\x1b[2J'], None,
     'there is no command "frob\\u001b[2J"; accepted are init, import, check, render, plan, apply, rollback, '
     'history, status, audit, explain and probe; see tlsmap --help'),
    ('unknown-option', ['--frob', 'check'], None,
     'there is no option "--frob"; accepted are -c DIR, -s FILE, --json, --strict, --version and --help; '
     'see tlsmap --help'),
    ('unknown-letter-among-others', ['-xc', 'check'], None,
     'there is no option "-x"; accepted are -c DIR, -s FILE, --json, --strict, --version and --help; '
     'see tlsmap --help'),
    ('option-without-value', ['-c'], None,
     'nothing stands behind the option "-c"; accepted are -c DIR, -s FILE, --json, --strict, --version and '
     '--help; see tlsmap --help'),
    ('argument-where-none-is-taken', ['check', '--json'], 'check',
     'check: unexpected argument "--json"; accepted is none (options of tlsmap itself stand before "check"); '
     'see tlsmap check --help'),
    ('unknown-argument', ['apply', '--force'], 'apply',
     'apply: unexpected argument "--force"; accepted is [--adopt] [--no-reload] [--report-only] '
     '[--expect-plan DIGEST] [--confirm SECONDS] | --confirmed (options of tlsmap itself stand '
     'before "apply"); see tlsmap apply --help'),
    ('version-too-old', ['render', '--postfix-version', '2.0'], 'render',
     '--postfix-version "2.0": accepted is 3.5 or newer, like 3.7; see tlsmap render --help'),
    ('probe-of-all-below-a-domain', ['probe', '.a.example'], 'probe',
     'probe: found the destination ".a.example": it stands for all domains below one; name one of them; accepted are '
     'domains, addresses and next-hops'),
    ('probe-of-no-domain', ['probe', 'user@[192.0.2.1]'], 'probe',
     'probe: found the destination "user@[192.0.2.1]": it has no domain; accepted are domains, addresses and next-hops'),
    ('probe-without-patience', ['probe', '--timeout', '0', 'a.example'], 'probe',
     'probe: found "0" behind --timeout; accepted are numbers from 1 to 3600'),
    ('probe-of-too-many-at-once', ['probe', '--parallel'], 'probe',
     'probe: found nothing behind --parallel; accepted are numbers from 1 to 100'),
    ('probe-with-an-unknown-option', ['probe', '--frob'], 'probe',
     'probe: unexpected argument "--frob"; accepted is [--timeout SECONDS] [--parallel N] [DEST]… (options of tlsmap '
     'itself stand before "probe"); see tlsmap probe --help'),
    ('init-of-standard-input', ['-s', '-', 'init'], 'init',
     'init writes a file, and "-" is standard input; accepted is -s FILE; see tlsmap init --help'),
)

BAD_OUTPUT = (
    ('unknown-member', {'x': 1}), ('status-of-another-exit', {'exit': 0}), ('unknown-exit', {'exit': 2}),
    ('part-of-another-command', {'rules': []}), ('changes-of-check', {'command': 'check'}),
    ('document-of-plan', {'document': {}}),
    ('error-without-text', {'status': 'error', 'exit': 73}),
    ('finding-with-half-a-place', {'findings': [
        {'severity': 'error', 'id': 'x', 'message': 'x', 'file': 'x', 'line': 1}]}),
    ('finding-with-both-places', {'findings': [
        {'severity': 'error', 'id': 'x', 'message': 'x', 'file': 'x', 'line': 1, 'column': 1, 'pointer': '/',
         'where': 'x'}]}),
    ('unknown-severity', {'findings': [{'severity': 'hint', 'id': 'x', 'message': 'x'}]}),
    ('row-of-three', {'command': 'render', 'tls_policy': [['a', 'b', 'c']]}),
)


def main():
    tap = Tap()
    tap.check('schema/every-member-is-described', schema_is_complete, SCHEMA)
    tap.check('schema/counters-are-known', schema_knows_counters)
    for name, change in BAD_OUTPUT:
        tap.check(f'schema/refuses-{name}', schema_refuses, change)
    for path in sorted((DATA / 'wrong').glob('*.json')) + sorted((DATA / 'warned').glob('*.json')):
        tap.check(f'findings/{path.parent.name}/{path.stem}', findings_are_the_printed_ones, path)
    for path in sorted(EXAMPLES.glob('*.json')):
        tap.check(f'render/{path.stem}', render_is_the_printed_one, path)
    for name, arguments, command, error in USAGE:
        tap.check(f'usage/{name}', usage_is_explained, arguments, command, error)
    for case in (an_error_before_the_option_is_told_to_people, help_and_version_are_members,
                 unreadable_documents_are_errors, many_findings_are_counted, warnings_give_way_to_errors,
                 bytes_that_are_no_utf8_are_replaced, unwritable_output_is_no_success, plan_says_what_apply_does,
                 rollback_history_and_status, explain_says_why, explain_send_says_why, import_and_audit,
                 probe_tries_what_goes_by_smtp,
                 warnings_with_strict_are_findings, changes_come_before_warnings_with_strict, locked_apply_ends,
                 apply_that_cannot_write_ends, apply_without_permission_ends,
                 a_relative_directory_becomes_absolute):
        tap.check(case.__name__.replace('_', '-'), case)
    for command in ('plan', 'apply', 'audit'):
        tap.check(f'wrong-document-ends-{command}', wrong_document_ends, command)
    for command in ('plan', 'apply', 'audit', 'import', 'probe'):
        tap.check(f'absent-postfix-ends-{command}', absent_postfix_ends, command)
    for command in ('plan', 'apply'):
        tap.check(f'refusal-of-{command}-has-live-findings', refusal_has_live_findings, command)
    for name, arguments, document, command, status, code in (
            ('init', ['-s', 'new.json', 'init'], {}, 'init', 'ok', 0),
            ('init-again', ['-s', 'doc.json', 'init'], {}, 'init', 'error', 73),
            ('render-directory', ['-s', 'doc.json', 'render', '-o', 'out'], {}, 'render', 'ok', 0),
            ('render-to-a-file', ['-s', 'doc.json', 'render', '-o', 'doc.json'], {}, 'render', 'error', 73),
            ('check-good', ['-s', 'doc.json', 'check'], {}, 'check', 'ok', 0),
            ('render-wrong', ['-s', 'doc.json', 'render'], {'x': 1}, 'render', 'findings', 65)):
        tap.check(f'status/{name}', ends_with, arguments, document, command, status, code)
    return tap.finish()


sys.exit(main())
