#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""documents: tlsmap check and render on whole files; what they print is compared to the letter.

Usage: documents.py TLSMAP. With UPDATE=1 in the environment the expectations are written anew: read
the difference before you commit it. The name of a document begins with the identifier that it is
about, its subject."""
import collections
import datetime
import os
import pathlib
import re
import subprocess
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / 'data'
SCHEMA = HERE.parent.parent / 'schema'
EXAMPLES = SCHEMA / 'examples'
sys.path.insert(0, str(HERE.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

TLSMAP = os.path.abspath(sys.argv[1])

MIN_WRONG = 120
MAX_OF_ONE_SUBJECT = 5
# What `check` prints at most: 100 findings and one line, none of them endless.
MAX_LINES = 101
MAX_LINE = 1000

# Each of its prefixes is wrong, in every state in which a text can end.
CUT = (rb'{"$schema":"\u00e4\n","receive":{"exempt_networks":["::1"],"rules":[{"name":"a","require":'
       rb'{"min_cipher_bits":1.28e+2}}]},"send":{"fallback_may_override":false}}')


def tlsmap(*arguments, folder, **options):
    return subprocess.run([TLSMAP, *arguments], cwd=folder, capture_output=True, timeout=60, **options)


def compare(text, path):
    if os.environ.get('UPDATE'):
        path.write_text(text)
    equal(text.splitlines(), path.read_text().splitlines())


def prints_no_more_than_it_should(run):
    """Findings alone, on standard error, in lines that a terminal and a log can take."""
    equal(run.stdout, b'')
    lines = run.stderr.decode().splitlines()
    if len(lines) > MAX_LINES or max(map(len, lines), default=0) > MAX_LINE:
        raise AssertionError(f'{len(lines)} lines, the longest of {max(map(len, lines))} characters')
    for line in lines:
        if any(unicodedata.category(character) in ('Cc', 'Cf', 'Cs') for character in line):
            raise AssertionError(f'control character in {line!r}')
        if not re.search(r': (error|warning): .*[^.] \[[a-z0-9-]+\]$|: and \d+ more$', line):
            raise AssertionError(f'no finding: {line!r}')


def check_says_what_is_expected(path):
    run = tlsmap('-s', path.name, 'check', folder=path.parent)
    prints_no_more_than_it_should(run)
    compare(run.stderr.decode() + f'exit {run.returncode}\n', path.with_suffix('.expected'))
    equal(run.returncode, 65 if path.parent.name == 'wrong' else 0)


def identifiers(severity):
    """Those that a document can cause: all of finding.c that stand before the live ones in finding.h."""
    declared = (SCHEMA / 'finding.h').read_text().split('What the live Postfix')[0]
    table = re.findall(r'\[(FINDING_\w+)\] = \{ "([a-z0-9-]+)", SEVERITY_(\w+) \}',
                       (SCHEMA / 'finding.c').read_text())
    found = {word for name, word, its in table if its == severity and re.search(rf'\b{name}\b', declared)}
    equal(len(found) > 5, True)
    return found


def subject(path, known):
    """The longest identifier with which the name begins."""
    fitting = [word for word in known if (path.stem + '-').startswith(word + '-')]
    if not fitting:
        raise AssertionError(f'{path.name} begins with no identifier')
    return max(fitting, key=len)


def subject_is_found(path, severity):
    word = subject(path, identifiers(severity))
    expected = path.with_suffix('.expected').read_text()
    if not re.search(rf': {severity.lower()}: .* \[{word}\]$', expected, re.M):
        raise AssertionError(f'no {word} in what is expected')


def every_identifier_has_documents(paths, severity, least):
    known = identifiers(severity)
    counts = collections.Counter(subject(path, known) for path in paths)
    equal(sorted(known - set(counts)), [])
    equal({word: n for word, n in counts.items() if n > MAX_OF_ONE_SUBJECT}, {})
    if len(paths) < least:
        raise AssertionError(f'{len(paths)} documents, at least {least} are required')


def every_expectation_has_a_document(folder):
    equal(sorted(path.stem for path in folder.glob('*.expected')), sorted(path.stem for path in folder.glob('*.json')))


def check_input(document):
    run = tlsmap('-s', '-', 'check', folder='/', input=document)
    prints_no_more_than_it_should(run)
    return run


def truncated_text_is_refused(end):
    run = check_input(CUT[:end])
    equal(run.returncode, 65)
    equal(run.stderr.count(b'\n'), 1)
    if not re.search(rb'\[(truncated|unclosed-string|empty-document|bad-\w+)\]$', run.stderr):
        raise AssertionError(run.stderr)


def whole_text_is_accepted():
    equal(check_input(CUT).returncode, 0)


def document_is_an_object(document, found):
    run = check_input(document)
    equal(run.returncode, 65)
    equal(run.stderr.decode(), f'-:1:1: /: error: found {found}; accepted is an object {{…}} [wrong-type]\n')


def column_counts_bytes(before, line, column):
    """before stands between the first bracket and a key that is not known."""
    run = check_input(b'{' + before + b'"x":1}')
    equal(run.returncode, 65)
    equal(run.stderr.decode().split(' ')[0], f'-:{line}:{column}:')


def review_is_due(days, is_due):
    # Where midnight falls between, once more.
    for _ in range(2):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        date = today + datetime.timedelta(days=days)
        run = check_input(b'{"receive":{"rules":[{"name":"a","review_by":"%s"}]}}' % str(date).encode())
        if datetime.datetime.now(datetime.timezone.utc).date() == today:
            break
    equal(run.returncode, 0)
    equal(run.stderr.decode(), '' if not is_due else
          f'-:1:46: /receive/rules/0/review_by: warning: the review is due on {date}, within 14 days; set a '
          'new date when it is done [review-due]\n')


def strict_makes_warnings_count(path):
    run = tlsmap('--strict', '-s', path.name, 'check', folder=path.parent)
    equal(run.returncode, 1)


def example_is_good(path):
    run = tlsmap('-s', path.name, 'check', folder=path.parent)
    equal(run.returncode, 0)
    if b' error: ' in run.stderr:
        raise AssertionError(run.stderr.decode())


def render_is_as_expected(path, part):
    # A directory without Postfix: the same text on every machine.
    run = tlsmap('-c', '/nonexistent', '-s', path.name, 'render', part, '--postfix-version', '3.7',
                 folder=path.parent)
    equal(run.returncode, 0)
    compare(run.stdout.decode(), DATA / 'render' / f'{path.stem}.{part}')


def standard_input_is_a_document():
    run = tlsmap('-s', '-', 'check', folder='/', input=b'{"send":{"security_level":"x"}}')
    equal(run.returncode, 65)
    equal(run.stderr, b'-:1:27: /send/security_level: error: found "x"; accepted is "none", "may", "encrypt", '
          b'"dane", "dane-only", "verify" or "secure" [unknown-word]\n')


def long_line_is_cut():
    """A line of 10 MB must not come back."""
    equal(check_input(b'{"' + b'k' * 10_000_000 + b'":1}').returncode, 65)


def wrong_settings_name_the_status(arguments, status):
    equal(tlsmap(*arguments, folder='/').returncode, status)


def main():
    tap = Tap()
    wrong = sorted((DATA / 'wrong').glob('*.json'))
    warned = sorted((DATA / 'warned').glob('*.json'))
    for path in wrong + warned:
        tap.check(f'{path.parent.name}/{path.stem}', check_says_what_is_expected, path)
    for paths, severity in ((wrong, 'ERROR'), (warned, 'WARNING')):
        for path in paths:
            tap.check(f'subject/{path.parent.name}/{path.stem}', subject_is_found, path, severity)
        tap.check(f'every-{severity.lower()}-has-documents', every_identifier_has_documents, paths, severity,
                  MIN_WRONG if severity == 'ERROR' else 0)
        tap.check(f'every-{severity.lower()}-expectation-has-a-document', every_expectation_has_a_document,
                  paths[0].parent)
    for path in warned:
        tap.check(f'strict/{path.stem}', strict_makes_warnings_count, path)
    for end in range(len(CUT)):
        tap.check(f'truncated-at-{end}', truncated_text_is_refused, end)
    tap.check('whole-text-is-accepted', whole_text_is_accepted)
    for document, found in ((b'[]', 'an array'), (b'"{}"', 'a string'), (b'1', 'a number'), (b'true', 'true'),
                            (b'false', 'false'), (b'null', 'null')):
        tap.check(f'root-is-{found.replace(" ", "-")}', document_is_an_object, document, found)
    for name, before, line, column in (
            ('behind-ten-million-blanks', b' ' * 10_000_000, 1, 10_000_002),
            ('behind-a-million-lines', b'\n' * 1_000_000, 1_000_001, 1),
            ('behind-tabs', b'\t\t', 1, 4), ('behind-crlf', b'\r\n\t', 2, 2), ('behind-cr', b'\r\r', 1, 4),
            ('behind-two-bytes', '"$schema":"ü",'.encode(), 1, 17),
            ('behind-wide-characters', '"$schema":"漢字📮",'.encode(), 1, 25)):
        tap.check(f'column-{name}', column_counts_bytes, before, line, column)
    for name, days, is_due in (('today', 0, True), ('in-14-days', 14, True), ('in-15-days', 15, False)):
        tap.check(f'review-{name}', review_is_due, days, is_due)
    for path in sorted(EXAMPLES.glob('*.json')):
        tap.check(f'example/{path.stem}', example_is_good, path)
        for part in ('main.cf', 'tls_policy', 'rules'):
            tap.check(f'render/{path.stem}/{part}', render_is_as_expected, path, part)
    tap.check('standard-input-is-a-document', standard_input_is_a_document)
    tap.check('a-long-line-is-cut', long_line_is_cut)
    for name, arguments, status in (
            ('no-command', [], 64), ('unknown-command', ['frobnicate'], 64),
            ('unknown-option', ['--frobnicate', 'check'], 64),
            ('unknown-argument', ['check', 'x'], 64),
            ('version-too-old', ['-s', '/dev/null', 'render', '--postfix-version', '2.0'], 65),
            ('help', ['--help'], 0), ('version', ['--version'], 0), ('help-of-a-command', ['apply', '--help'], 0),
            ('no-settings-file', ['-s', '/nonexistent', 'check'], 65),
            ('settings-are-a-directory', ['-s', '/', 'check'], 65),
            ('no-postfix', ['-c', '/nonexistent', '-s', str(EXAMPLES / 'minimal.json'), 'plan'], 69)):
        tap.check(f'status/{name}', wrong_settings_name_the_status, arguments, status)
    return tap.finish()


sys.exit(main())
