#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""manual: the pages say all that the programs know, and nothing else.

Usage: manual.py TLSMAP POLICYD. What must stand in a page is read from the tables of the sources, or
asked of the program itself; each of it must have an item of its own in the section where it belongs."""
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'lib'))
from manpage import Page  # noqa: E402
from tap import Tap, equal  # noqa: E402

TLSMAP, POLICYD = map(os.path.abspath, sys.argv[1:3])
SETTINGS = Page(ROOT / 'schema' / 'tls-settings.json.5')
COMMANDS = Page(ROOT / 'tlsmap' / 'tlsmap.1')
SERVER = Page(ROOT / 'policyd' / 'policyd.8')
COLUMNS = 80


def source(path):
    return (ROOT / path).read_text()


def only(found):
    """The one thing that was found: a table that is written in another way must not be overlooked."""
    equal(len(found), 1)
    return found[0]


# Which section has the keys of which table of load.c, and how a document with such an object looks.
TABLES = {
    'root_keys': ('DOCUMENT', lambda inner: inner),
    'receive_keys': ('RECEIVE', lambda inner: {'receive': inner}),
    'certificate_keys': ('CERTIFICATE', lambda inner: {'receive': {'certificate': inner}}),
    'rule_keys': ('RULES', lambda inner: {'receive': {'rules': [inner]}}),
    'require_keys': ('Requirements', lambda inner: {'receive': {'rules': [{'require': inner}]}}),
    'send_keys': ('SEND', lambda inner: {'send': inner}),
    'destination_keys': ('DESTINATIONS', lambda inner: {'send': {'domains': [inner]}}),
    'postfix_keys': ('POSTFIX', lambda inner: {'postfix': inner}),
}
TYPES = {'cursor_text': 'string', 'load_note': 'string', 'cursor_word': 'word',
         'cursor_object': 'object', 'load_certificate': 'object', 'cursor_array': 'list of ',
         'cursor_number': 'number', 'cursor_boolean': 'true or false'}


def key_tables():
    """{table: {key: (loader, argument)}} of load.c."""
    tables = {}
    for name, body in re.findall(r'static const CursorKey (\w+)\[\] = \{\n(.*?)\n\};', source('schema/load.c'), re.S):
        rows = re.findall(r'\{\s*"([^"]+)",\s*(\w+),[^"]*?,\s*&?(\w+)\s*\}', body)
        equal(len(rows), body.count('"') // 2)
        tables[name] = {key: (loader, argument) for key, loader, argument in rows}
    return tables


KEYS = key_tables()


def word_tables():
    """{array: {code: word}} of names.c, and {table: words} of what load.c names."""
    arrays = {name: dict(re.findall(r'\[(\w+)\] = "([^"]+)"', body)) for name, body in re.findall(
        r'static const char \*const (\w+)\[\] = \{(.*?)\};', source('schema/names.c'), re.S)}
    tables = {}
    for name, array, last in re.findall(
            r'const NameTable (\w+) = \{ (\w+), (?:G_N_ELEMENTS\(\w+\)|(\w+) \+ 1) \};', source('schema/names.c')):
        codes = list(arrays[array])
        tables[name] = [arrays[array][code] for code in codes[:codes.index(last) + 1 if last else None]]
    return {code: word for array in arrays.values() for code, word in array.items()}, tables


WORD_OF, WORDS = word_tables()


def tlsmap(*arguments, text):
    run = subprocess.run([TLSMAP, *arguments], cwd='/', input=text, capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout, run.stderr


def check(document):
    return tlsmap('-s', '-', 'check', text=json.dumps(document))


def keys_are_documented(table):
    equal(sorted(SETTINGS.items(TABLES[table][0])), sorted(KEYS[table]))


def types_are_documented(table):
    for key, (loader, _) in KEYS[table].items():
        said = SETTINGS.items(TABLES[table][0])[key].note
        if said != TYPES[loader] and not (TYPES[loader].endswith(' ') and said.startswith(TYPES[loader])):
            raise AssertionError(f'{key}: found {said!r}, wanted {TYPES[loader]!r}')


def words_are_documented(table, key):
    """Those of the table that tlsmap takes here, in whatever order."""
    section, wrap = TABLES[table]
    accepted = [word for word in WORDS[KEYS[table][key][1]]
                if '[unknown-word]' not in check(wrap({key: word}))[2]]
    equal(sorted(SETTINGS.items(section)[key].words()), sorted(accepted))


def words_stand_at_words_only():
    for table, keys in KEYS.items():
        for key, (loader, _) in keys.items():
            if TYPES[loader] != 'word':
                equal((key, SETTINGS.items(TABLES[table][0])[key].words()), (key, []))


def wanted_defaults():
    """{(section, key): words} of load.c. A code that it does not set is 0, the first of its table."""
    load = source('schema/load.c')
    defaults = {('SEND', 'fallback_may_override'): ['false'],
                ('POSTFIX', 'policyd'): WORDS[KEYS['postfix_keys']['policyd'][1]][:1]}
    for path, code in re.findall(r'(?:settings|loaded)->([\w.]+)\.code = (\w+);', load):
        parent, _, key = path.rpartition('.')
        defaults[parent.upper() or 'RULES', key] = [WORD_OF[code]]
    for name, text in re.findall(r'#define DEFAULT_(\w+) "([^"]+)"', load):
        defaults['POSTFIX', name.lower()] = [text]
    networks = only(re.findall(r'loopback\[\] = \{([^}]*)\}', load))
    defaults['RECEIVE', 'exempt_networks'] = re.findall(r'"([^"]+)"', networks)
    return defaults


def defaults_are_documented():
    equal({(section, key): item.arguments('Default:') for section, _ in TABLES.values()
           for key, item in SETTINGS.items(section).items() if item.arguments('Default:')}, wanted_defaults())


def levels_are_documented_weakest_first():
    """In an order in which none is followed by one that protects less in every case."""
    table = only(re.findall(r'unsigned at_least\[\] = \{(.*?)\};', source('schema/names.c'), re.S))
    rows = re.findall(r'\[(SECURITY_\w+)\] = (.*?),\n(?=\t\[|$)', table, re.S)
    order = [next(code for code in WORD_OF if WORD_OF[code] == word and code.startswith('SECURITY_'))
             for word in SETTINGS.items('SECURITY LEVELS')]
    equal(sorted(order), sorted(code for code, _ in rows))
    for code, above in rows:
        for stronger in re.findall(r'(?<!~)LEVEL\((SECURITY_\w+)\)', above):
            if order.index(stronger) < order.index(code):
                raise AssertionError(f'{WORD_OF[stronger]} stands before {WORD_OF[code]}')


# A value for each attribute of a row.
ATTRIBUTES = {'match': ['mx.example.com'], 'fingerprints': [':'.join(['AA'] * 32)], 'min_protocol': 'TLSv1.2',
              'ciphers': 'high', 'exclude': ['RC4'], 'server_name': 'mx.example.com',
              'trust_anchor_files': ['/etc/postfix/ca.pem'], 'connection_reuse': True}


def attributes_say_where_they_are_taken():
    """Each attribute at each level, in one document: those that tlsmap refuses are not named."""
    tried = [(key, level) for key in ATTRIBUTES for level in WORDS['names_security_level']]
    rows = [{'destination': f'd{number}.example', 'security_level': level, key: ATTRIBUTES[key]}
            for number, (key, level) in enumerate(tried)]
    _, _, findings = check({'send': {'domains': rows}})
    refused = {int(number) for number in re.findall(r'/send/domains/(\d+)/.*\[attribute-at-level\]', findings)}
    taken = {key: [] for key in ATTRIBUTES}
    for number, (key, level) in enumerate(tried):
        taken[key] += [] if number in refused else [level]
    equal({key: item.arguments('Taken at') for key, item in SETTINGS.items('DESTINATIONS').items()
           if item.arguments('Taken at')}, taken)


ENCRYPT = {'receive': {'security_level': 'encrypt'}}
RULE = {'receive': {'client_certificate': 'request', 'rules': [{'name': 'a', 'require': {}}]}}
PINNED = {'receive': {'client_certificate': 'request',
                      'rules': [{'name': 'a', 'require': {'fingerprints': ATTRIBUTES['fingerprints']}}]}}
CHAIN = {'chain_files': ['/etc/ssl/private/gateway.pem']}
PINNED_ROW = {'destination': 'example.com', 'security_level': 'fingerprint',
              'fingerprints': ATTRIBUTES['fingerprints']}
# For each key that says what it becomes: a document without it, and one with it.
BECOMES = {
    ('RECEIVE', 'security_level'): ({}, ENCRYPT),
    ('RECEIVE', 'client_certificate'): (
        ENCRYPT, {'receive': {'security_level': 'encrypt', 'client_certificate': 'require'}}),
    ('RECEIVE', 'certificate'): ({}, {'receive': {'certificate': CHAIN}}),
    ('RECEIVE', 'trusted_ca_file'): ({}, {'receive': {'trusted_ca_file': '/ca.pem'}}),
    ('RECEIVE', 'trusted_ca_directory'): ({}, {'receive': {'trusted_ca_directory': '/ca'}}),
    ('RECEIVE', 'min_protocol'): ({}, {'receive': {'min_protocol': 'TLSv1.2'}}),
    ('RECEIVE', 'rules'): ({}, {'receive': {'rules': [{'name': 'a'}]}}),
    ('Requirements', 'fingerprints'): (RULE, PINNED),
    ('SEND', 'security_level'): ({}, {'send': {'security_level': 'dane-only'}}),
    ('SEND', 'certificate'): ({}, {'send': {'certificate': CHAIN}}),
    ('SEND', 'trusted_ca_file'): ({}, {'send': {'trusted_ca_file': '/ca.pem'}}),
    ('SEND', 'trusted_ca_directory'): ({}, {'send': {'trusted_ca_directory': '/ca'}}),
    ('SEND', 'min_protocol'): ({}, {'send': {'min_protocol': 'TLSv1.2'}}),
    ('SEND', 'domains'): ({}, {'send': {'domains': [{'destination': 'a.example', 'security_level': 'may'}]}}),
    ('SEND', 'fallback_policy_maps'): ({}, {'send': {'fallback_policy_maps': ['static:may']}}),
    ('DESTINATIONS', 'fingerprints'): (
        {'send': {'domains': [{'destination': 'example.com', 'security_level': 'encrypt'}]}},
        {'send': {'domains': [PINNED_ROW]}}),
}


@functools.lru_cache(maxsize=None)
def render(text):
    return tlsmap('-c', '/nonexistent', '-s', '-', 'render', '--postfix-version', '3.12', text=text)


def render_all_at_once():
    """Where there is no Postfix, postconf waits a second before it says so."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=20) as pool:
        list(pool.map(render, {json.dumps(document) for pair in BECOMES.values() for document in pair}))


def rendered(document):
    status, text, findings = render(json.dumps(document))
    if status != 0:
        raise AssertionError(findings)
    return set(text.splitlines())


def parameters_of(item):
    return [name for phrase in ('Becomes', 'Becomes a part of', 'also becomes', 'Also becomes', 'Empties')
            for name in item.arguments(phrase, 'Va')]


def key_becomes_what_render_prints(section, key):
    without, with_it = (rendered(document) for document in BECOMES[section, key])
    equal(sorted(parameters_of(SETTINGS.items(section)[key])),
          sorted({line.split(' =')[0] for line in without ^ with_it}))


def parameters_are_documented():
    """No parameter that tlsmap owns without a key that becomes it, and none but those proved above."""
    saying = {(section, key): parameters_of(item) for section, _ in TABLES.values()
              for key, item in SETTINGS.items(section).items() if parameters_of(item)}
    equal(sorted(saying), sorted(BECOMES))
    maincf = source('tlsmap/maincf.c') + source('tlsmap/maincf.h')
    table = only(re.findall(r'MainCfParameter parameters\[\] = \{(.*?)\n\};', maincf, re.S))
    names = re.findall(r'^\t\{ "?(\w+)"?, MAINCF_', table, re.M)
    names = [only(re.findall(rf'#define {name} "(\w+)"', maincf)) if name.isupper() else name for name in names]
    equal(sorted({name for named in saying.values() for name in named}), sorted(names))


# The groups of findings in finding.h, in its order.
GROUPS = ('The text is not JSON', 'One value is wrong', 'Values contradict each other',
          'Legal, but perhaps not meant', 'What the live Postfix says', 'What import leaves out', 'What audit finds')
WARNINGS = GROUPS[3]


def findings_of(group):
    enum = only(re.findall(r'enum \{([^}]*)N_FINDINGS', source('schema/finding.h')))
    groups = [re.findall(r'FINDING_\w+', part) for part in re.split(r'/\*.*?\*/', enum, flags=re.S)[1:]]
    equal(len(groups), len(GROUPS))
    kinds = {code: (identifier, severity) for code, identifier, severity in re.findall(
        r'\[(FINDING_\w+)\] = \{ "([^"]+)", SEVERITY_(\w+) \}', source('schema/finding.c'))}
    equal(len(kinds), sum(map(len, groups)))
    return [kinds[code] for code in groups[GROUPS.index(group)]]


def findings_are_documented(group):
    findings = findings_of(group)
    equal(sorted(SETTINGS.items(group)), sorted(identifier for identifier, _ in findings))
    # Only warnings are in their group; one elsewhere says what it is.
    for wanted, words in (('WARNING', 'A warning'), ('INFO', 'For information')):
        equal({identifier for identifier, severity in findings if severity == wanted},
              {identifier for identifier, item in SETTINGS.items(group).items()
               if (group == WARNINGS and wanted == 'WARNING') or ' '.join(item.body).startswith(words)})
    empty = [identifier for identifier, item in SETTINGS.items(group).items() if not item.body]
    equal(empty, [])


def limit_is_documented(path, pattern, words, page=SETTINGS):
    value = only(re.findall(pattern, source(path)))
    text = ' '.join(page.rendered().split())
    if words.format(value) not in text:
        raise AssertionError(f'not in the page: {words.format(value)}')


def examples_are_good():
    examples = [block for block in SETTINGS.blocks('EXAMPLES') if block.startswith('{')]
    equal(len(examples), 3)
    for example in examples:
        equal(tlsmap('-s', '-', 'check', text=example), (0, '', ''))


def parameters_are_those_of_postfix():
    """A misspelt name would send the reader astray. The newest ones need not be known to this Postfix."""
    known = set(subprocess.run(['postconf', '-dH'], capture_output=True, text=True, timeout=60,
                               check=True).stdout.split())
    newest = {'tls_required_enable', 'tls_trust_server_ccerts'}
    ours = {'tlsgate_policy', 'tlsgate_time_limit'}
    named = SETTINGS.parameters() | COMMANDS.parameters() | SERVER.parameters()
    # An attribute of requests; the parameter is smtpd_policy_service_policy_context.
    equal(sorted(named - known - newest - ours - {'policy_context'}), [])


def usage(*command):
    """The help of tlsmap or of one command, without the example at its end."""
    status, text, _ = tlsmap(*command, '--help', text='')
    equal(status, 0)
    return text.split('\nExample:')[0]


def options_in(text):
    return sorted(set(re.findall(r'(?<=[ \[])-(-[a-z-]+|[a-z])\b', text)))


def commands_are_documented():
    listed = re.findall(r'^  (\w+) ', usage().split('Commands:\n')[1].split('\n\n')[0], re.M)
    equal(list(COMMANDS.items('COMMANDS')), listed)
    equal(COMMANDS.synopsis(), listed)


def options_are_documented():
    """getopt takes -h besides, of which the help says nothing."""
    equal(sorted(COMMANDS.items('OPTIONS', 'Fl')), sorted(options_in(usage()) + ['h']))


def options_of_commands_are_documented():
    everywhere = options_in(usage())
    for name, item in COMMANDS.items('COMMANDS').items():
        equal((name, sorted(inner.name for inner in item.items if inner.macro == 'Fl')),
              (name, [option for option in options_in(usage(name)) if option not in everywhere]))


def statuses_are_documented():
    equal(list(COMMANDS.items('EXIT STATUS', '')),
          re.findall(r'^\tEXIT_\w+ = (\d+)', source('tlsmap/exitcode.h'), re.M))


# ---- policyd.8 ----

def server_help():
    run = subprocess.run([POLICYD, '--help'], capture_output=True, text=True, timeout=60, check=True)
    return run.stdout


def server_options_are_documented():
    """Those that --help names and those that getopt knows are the same, and all of them are here."""
    table = only(re.findall(r'struct option options\[\] = \{(.*?)\n\};', source('policyd/main.c'), re.S))
    known = sorted('-' + name for name in re.findall(r'\{ "([a-z]+)",', table))
    equal(options_in(server_help()), known)
    equal(sorted(SERVER.items('OPTIONS', 'Fl')), known)
    synopsis = source('policyd/policyd.8').split('.Sh SYNOPSIS\n')[1].split('.Sh ')[0]
    equal(sorted(set(re.findall(r'-[a-z]+\b', synopsis.replace('Fl ', '').replace('| -', '-')))), known)


def server_statuses_are_documented():
    """In the page and in --help; the codes are those of sysexits.h that the sources name."""
    code = {name: value for name, value in re.findall(
        r'#define (EX_\w+)\s+(\d+)', pathlib.Path('/usr/include/sysexits.h').read_text())}
    used = {code[name] for path in (ROOT / 'policyd').glob('*.c')
            for name in re.findall(r'\bEX_[A-Z]+\b', path.read_text())}
    equal(list(SERVER.items('EXIT STATUS', '')), sorted(used, key=int))
    said = ' '.join(server_help().split('exit status:')[1].split())
    equal(re.findall(r'(?:^|; )(\d+)', said), sorted(used, key=int))


def server_endpoints_are_documented():
    """Each form that a refused endpoint is told about."""
    accepted = only(re.findall(r'accepted are (.*?)",\n', source('policyd/endpoint.c'), re.S))
    equal(sorted({form.split(':')[0] for form in SERVER.items('ENDPOINTS')}),
          sorted(set(re.findall(r'\b(\w+):(?=PATH|[\d\[])', accepted))))


def answers_are_documented():
    details = set(re.findall(r'\{ "(7\.\d+)"', source('policyd/reply.c')))
    actions = re.findall(r'"action=(\w+(?: \d\.)?)', source('policyd/reply.c'))
    wanted = [action + detail for action in actions for detail in (details if action.endswith('.') else [''])]
    table = only(re.findall(r'\.Sh ANSWERS\n(.*?)\n\.Sh ', source('policyd/policyd.8'), re.S))
    equal(sorted(re.findall(r'^\.It Cm (.*)$', table, re.M)), sorted(wanted))


def log_keys_are_documented():
    """In the order of the line, in the list and in the example."""
    text = source('policyd/logline.c')
    first = re.findall(r'append\(&line, " ?(\w+)="\)', text)
    values = only(re.findall(r'values\[\] = \{(.*?)\n\};', text, re.S))
    keys = first + re.findall(r'\{ "(\w+)", REQUEST_', values)
    equal(len(keys), values.count('REQUEST_') + 5)
    equal(list(SERVER.items('LOG')), keys)
    example = only([block for block in SERVER.blocks('LOG') if block.startswith('verdict=')])
    equal([word.split('=')[0] for word in example.split()], keys)


def log_words_are_documented():
    reasons = only(re.findall(r'reasons\[\] = \{(.*?)\};', source('policyd/logline.c'), re.S))
    items = SERVER.items('LOG')
    equal(items['reason'].words(), re.findall(r'= "([^"]+)"', reasons))
    verdicts = re.findall(r'^\.Cm (\w+)', '\n'.join(items['verdict'].body), re.M)
    equal(sorted(verdicts), sorted(WORDS['names_violation']))


def counters_are_documented():
    """In the order of the line, and then what the lines about rules have."""
    rules = only(re.findall(r'"counters (\w+)=%s (\w+)=%', source('policyd/counters.c')))
    equal(list(SERVER.items('COUNTERS')), [*WORDS['names_counter'], *rules])


def signals_are_documented():
    handled = set(re.findall(r'sigaddset\(&signals, (\w+)\)', source('policyd/server.c')))
    equal(set(SERVER.items('SIGNALS')), handled)


def example_of_server_works():
    """Run as it stands there, but for the places and the number of the generation."""
    example = only([block for block in SERVER.blocks('EXAMPLES') if 'printf' in block])
    with tempfile.TemporaryDirectory() as directory:
        status, _, _ = tlsmap('-c', '/nonexistent', '-s', '-', 'render', '--postfix-version', '3.7', '-o',
                                   f'{directory}/out', text='{"receive": {"rules": [{"name": "all"}]}}')
        equal(status, 0)
        os.makedirs(f'{directory}/gen/1')
        os.rename(f'{directory}/out/rules.db', f'{directory}/gen/1/rules.db')
        command = example.replace('/etc/postfix/tlsgate', directory).replace('=7', '=1').replace(
            '| policyd', f'| {POLICYD}')
        run = subprocess.run(['sh', '-c', command], capture_output=True, text=True, timeout=60)
        equal((run.returncode, run.stdout, run.stderr), (0, 'action=DUNNO\n\n', ''))


# ---- all pages ----

def mandoc_has_no_complaint(page):
    run = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page.path], capture_output=True, text=True,
                         timeout=60)
    equal((run.returncode, run.stdout + run.stderr), (0, ''))


def page_can_be_read(page):
    text = page.rendered()
    equal([heading for heading in page.headings if heading not in text], [])
    equal([line for line in text.splitlines() if len(line) > COLUMNS], [])


def main():
    tap = Tap()
    with tap.case('every-table-has-a-section'):
        equal(sorted(KEYS), sorted(TABLES))
    for table, keys in KEYS.items():
        tap.check(f'keys/{table}', keys_are_documented, table)
        tap.check(f'types/{table}', types_are_documented, table)
        for key, (loader, _) in keys.items():
            if TYPES[loader] == 'word':
                tap.check(f'words/{table}/{key}', words_are_documented, table, key)
    for rule in (words_stand_at_words_only, defaults_are_documented, levels_are_documented_weakest_first,
                 attributes_say_where_they_are_taken, parameters_are_documented, parameters_are_those_of_postfix,
                 examples_are_good, commands_are_documented, options_are_documented,
                 options_of_commands_are_documented, statuses_are_documented, server_options_are_documented,
                 server_statuses_are_documented, server_endpoints_are_documented, answers_are_documented,
                 log_keys_are_documented, log_words_are_documented, counters_are_documented,
                 signals_are_documented, example_of_server_works):
        tap.check(rule.__name__.replace('_', '-'), rule)
    render_all_at_once()
    for section, key in BECOMES:
        tap.check(f'becomes/{section}/{key}', key_becomes_what_render_prints, section, key)
    for group in GROUPS:
        tap.check(f'findings/{group}', findings_are_documented, group)
    for name, path, pattern, words in (
            ('depth', 'schema/reader.h', r'READER_MAX_DEPTH (\d+)', 'nest at most {} levels'),
            ('text', 'schema/cursor.h', r'CURSOR_MAX_TEXT (\d+)', 'a string has at most {} characters'),
            ('labels', 'schema/idn.h', r'IDN_MAX_LABELS (\d+)', 'At most {} of its labels'),
            ('review', 'schema/checks.h', r'CHECKS_REVIEW_DAYS (\d+)', 'From {} days before'),
            ('rules-warned', 'schema/checks-receive.c', r'WARN_RULES_PER_KEY (\d+)', 'More than {} rules'),
            ('rules-refused', 'schema/ruledb.h', r'RULEDB_MAX_RULES_PER_KEY (\d+)', 'More than {} rules'),
            ('printed', 'schema/finding.c', r'MAX_PRINTED (\d+)', 'After the first {} only')):
        tap.check(f'limit/{name}', limit_is_documented, path, pattern, words)
    for name, path, pattern, words in (
            ('line', 'policyd/request.h', r'REQUEST_MAX_LINE (\d+)', 'a line has at most {} bytes'),
            ('attributes', 'policyd/request.h', r'REQUEST_MAX_ATTRIBUTES (\d+)', 'at most {} attributes'),
            ('bytes', 'policyd/request.h', r'REQUEST_MAX_BYTES (\d+)', 'a request has at most {} bytes'),
            ('value', 'policyd/logline.h', r'LOGLINE_MAX_VALUE (\d+)', 'cut to {} characters'),
            ('failed', 'policyd/decide.h', r'DECISION_MAX_FAILURES (\d+)', 'after {} of them'),
            ('warnings', 'policyd/log.c', r'MAX_IN_WINDOW (\d+)', 'at most {} lines'),
            ('window', 'policyd/log.c', r'WINDOW_US \((\d+) \*', 'in {} seconds by one process'),
            ('listeners', 'policyd/main.c', r'MAX_LISTENERS (\d+)', 'up to {} times'),
            ('counted', 'schema/names.h', r'COUNTER_MAX_RULES (\d+)', 'the {} rules that were broken most'),
            ('counted-of-one-mail', 'policyd/decide.h', r'DECISION_MAX_FAILURES (\d+)', 'more than {0} rules the first {0}'),
            ('remembered', 'policyd/counters.c', r'define MAX_RULES (\d+)', 'after {} rules that were broken'),
            ('connections', 'policyd/server.h', r'SERVER_MAX_CONNECTIONS (\d+)', 'at most {} connections'),
            ('busy', 'policyd/server.c', r'MAX_BUSY (\d+)', 'where {} others are so'),
            ('busy-seconds', 'policyd/server.c', r'MAX_BUSY_US \((\d+) \*', 'closed after {} seconds'),
            ('drain', 'policyd/server.c', r'DRAIN_US \((\d+) \*', 'after {} seconds at the latest')):
        tap.check(f'limit/policyd/{name}', limit_is_documented, path, pattern, words, SERVER)
    for page in (SETTINGS, COMMANDS, SERVER):
        tap.check(f'mandoc-has-no-complaint/{page.path.name}', mandoc_has_no_complaint, page)
        tap.check(f'page-can-be-read/{page.path.name}', page_can_be_read, page)
    return tap.finish()


sys.exit(main())
