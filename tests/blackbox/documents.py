#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""documents: tlsmap check and render on whole files; what they print is compared to the letter.

Usage: documents.py TLSMAP. With UPDATE=1 in the environment the expectations are written anew: read
the difference before you commit it."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / 'data'
EXAMPLES = HERE.parent.parent / 'schema' / 'examples'
sys.path.insert(0, str(HERE.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

TLSMAP = os.path.abspath(sys.argv[1])


def tlsmap(*arguments, folder, **options):
    return subprocess.run([TLSMAP, *arguments], cwd=folder, capture_output=True, timeout=60, **options)


def compare(text, path):
    if os.environ.get('UPDATE'):
        path.write_text(text)
    equal(text.splitlines(), path.read_text().splitlines())


def check_says_what_is_expected(path):
    run = tlsmap('-s', path.name, 'check', folder=path.parent)
    equal(run.stdout, b'')
    compare(run.stderr.decode() + f'exit {run.returncode}\n', path.with_suffix('.expected'))
    equal(run.returncode, 65 if path.parent.name == 'wrong' else 0)


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
    equal(run.stderr, b'-:1:27: /send/security_level: error: found "x"; accepted are none, may, encrypt, '
          b'fingerprint, dane, dane-only, verify or secure [unknown-word]\n')


def long_line_is_cut():
    """A line of 10 MB must not come back."""
    run = tlsmap('-s', '-', 'check', folder='/', input=b'{"' + b'k' * 10_000_000 + b'":1}')
    equal(run.returncode, 65)
    if len(run.stderr) > 1000:
        raise AssertionError(f'{len(run.stderr)} bytes printed')


def wrong_settings_name_the_status(arguments, status):
    equal(tlsmap(*arguments, folder='/').returncode, status)


def main():
    tap = Tap()
    wrong = sorted((DATA / 'wrong').glob('*.json'))
    warned = sorted((DATA / 'warned').glob('*.json'))
    for path in wrong + warned:
        tap.check(f'{path.parent.name}/{path.stem}', check_says_what_is_expected, path)
    for path in warned:
        tap.check(f'strict/{path.stem}', strict_makes_warnings_count, path)
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
            ('version-too-old', ['-s', '/dev/null', 'render', '--postfix-version', '2.0'], 64),
            ('help', ['--help'], 0), ('version', ['--version'], 0), ('help-of-a-command', ['apply', '--help'], 0),
            ('no-settings-file', ['-s', '/nonexistent', 'check'], 65),
            ('settings-are-a-directory', ['-s', '/', 'check'], 65),
            ('no-postfix', ['-c', '/nonexistent', '-s', str(EXAMPLES / 'minimal.json'), 'plan'], 69)):
        tap.check(f'status/{name}', wrong_settings_name_the_status, arguments, status)
    return tap.finish()


sys.exit(main())
