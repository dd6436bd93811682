#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""terminal: on a terminal tlsmap shows the line of the document and a caret below the place.

Usage: terminal.py TLSMAP. The terminal is a real one (pty(7)). A document comes from people who may
not mean well: nothing of it may steer the terminal."""
import os
import pathlib
import pty
import subprocess
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from tap import Tap, equal  # noqa: E402

TLSMAP = os.path.abspath(sys.argv[1])
LONG = b'x' * 2000
WIDEST = 80

# (rule, document, source line, caret line); the finding is the first one.
SHOWN = (
    ('caret-under-the-key', b'{"sendd":{}}', '{"sendd":{}}', ' ^'),
    ('caret-in-a-later-line', b'{\n  "send": {\n    "x": 1\n  }\n}\n', '    "x": 1', '    ^'),
    ('caret-behind-the-end', b'{"send":{}', '{"send":{}', '          ^'),
    ('caret-in-the-last-empty-line', b'{"send":{}\n', '', '^'),
    ('two-bytes-are-one-column', '{"$schema":"ü","x":1}'.encode(), '{"$schema":"ü","x":1}', ' ' * 15 + '^'),
    ('east-asian-is-two-columns', '{"$schema":"漢字","x":1}'.encode(), '{"$schema":"漢字","x":1}',
     ' ' * 18 + '^'),
    ('emoji-is-two-columns', '{"$schema":"📮","x":1}'.encode(), '{"$schema":"📮","x":1}', ' ' * 16 + '^'),
    ('combining-mark-is-no-column', '{"$schema":"u\u0308","x":1}'.encode(), '{"$schema":"u\u0308","x":1}',
     ' ' * 15 + '^'),
    ('tab-stays-a-tab', b'{\n\t"send":\t{"x":1}}', '\t"send":\t{"x":1}}', '\t       \t ^'),
    ('end-of-line-crlf-is-not-shown', b'{\r\n"x":1\r\n}\r\n', '"x":1', '^'),
    ('lone-cr-is-shown-as-one', b'{\r"x":1\r}', '{?"x":1?}', '  ^'),
    ('escape-is-not-sent', b'{"$schema":"\x1b[31m"}', '{"$schema":"?[31m"}', ' ' * 12 + '^'),
    ('csi-of-8-bits-is-not-sent', '{"$schema":"\u009b31m","x":1}'.encode(), '{"$schema":"?31m","x":1}',
     ' ' * 18 + '^'),
    ('text-direction-is-not-sent', '{"$schema":"\u202e","x":1}'.encode(), '{"$schema":"?","x":1}',
     ' ' * 15 + '^'),
    ('bell-and-delete-are-not-sent', b'{"$schema":"\x7f\x07"}', '{"$schema":"??"}', ' ' * 13 + '^'),
    ('broken-utf8-is-not-sent', b'{"$schema":"\xc3(\xff"}', '{"$schema":"?(?"}', ' ' * 12 + '^'),
    ('surrogate-is-not-sent', b'{"$schema":"\xed\xa0\x80"}', '{"$schema":"???"}', ' ' * 12 + '^'),
    ('nul-is-not-sent', b'{\0}', '{?}', ' ^'),
    ('long-line-is-cut-behind', b'{"x":"' + LONG + b'"}', '{"x":"' + 'x' * 66 + '…', ' ^'),
    ('long-line-is-cut-around', b'{"$schema":"' + LONG + b'","x":"' + LONG + b'"}',
     '…' + 'x' * 26 + '","x":"' + 'x' * 39 + '…', ' ' * 29 + '^'),
    ('long-line-is-cut-before', b'{"$schema":"' + LONG + b'","x":1}\n', '…' + 'x' * 26 + '","x":1}',
     ' ' * 29 + '^'),
    ('a-character-is-not-cut', '{{"$schema":"{}","x":1}}'.format('漢' * 30).encode(), '…' + '漢' * 8 + '","x":1}',
     ' ' * 19 + '^'),
    ('a-full-line-is-not-cut', b'{"x":"' + b'x' * 64 + b'"}\r\n', '{"x":"' + 'x' * 64 + '"}', ' ^'),
)


def check_on_terminal(document):
    """What a terminal gets from `check`, its line ends aside."""
    master, slave = pty.openpty()
    try:
        with subprocess.Popen([TLSMAP, '-s', '-', 'check'], stdin=subprocess.PIPE, stdout=slave,
                              stderr=slave) as child:
            os.close(slave)
            child.stdin.write(document)
            child.stdin.close()
            output = read_all(master)
        equal(child.returncode, 65)
    finally:
        os.close(master)
    return output.replace(b'\r\n', b'\n')


def read_all(master):
    output = b''
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:  # how Linux says that the other side is closed
            return output
        if not got:
            return output
        output += got


def nothing_steers(output):
    for character in output.decode():  # broken UTF-8 raises
        if character not in '\n\t' and unicodedata.category(character) in ('Cc', 'Cf', 'Cs'):
            raise AssertionError(f'U+{ord(character):04X} was sent to the terminal')


def place_is_shown(document, source, caret):
    output = check_on_terminal(document)
    nothing_steers(output)
    lines = output.decode().split('\n')
    equal(lines[1:3], ['    ' + source, '    ' + caret])
    if len(lines[1]) > WIDEST:
        raise AssertionError(f'{len(lines[1])} columns')


def key_does_not_steer(key):
    output = check_on_terminal(b'{"' + key + b'":1}')
    nothing_steers(output)
    equal(output.count(b'\n'), 3)  # the finding, its line, the caret


def empty_document_has_no_source():
    equal(check_on_terminal(b'').count(b'\n'), 1)


def each_finding_has_its_source():
    lines = check_on_terminal(b'{"x":1,\n"y":2}').decode().split('\n')
    equal(lines[1:3] + lines[4:6], ['    {"x":1,', '     ^', '    "y":2}', '    ^'])


def main():
    tap = Tap()
    for rule, *arguments in SHOWN:
        tap.check(rule, place_is_shown, *arguments)
    for rule, key in (('escape-in-a-key', rb'\u001b[31m'), ('csi-in-a-key', '\u009b31m'.encode()),
                      ('line-end-in-a-key', rb'a\nb'), ('text-direction-in-a-key', '\u202e'.encode())):
        tap.check(rule, key_does_not_steer, key)
    tap.check('empty-document-has-no-source', empty_document_has_no_source)
    tap.check('each-finding-has-its-source', each_finding_has_its_source)
    return tap.finish()


sys.exit(main())
