#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""staging: the Postfix of this machine takes what tlsmap makes of documents, and reads it as it is meant.

Usage: staging.py STAGE-DOCUMENT [N]. Generated documents 0 to N-1 (25) are each merged, by apply's own
staging, into the main.cf and master.cf that this Postfix is delivered with. Its postconf and postmap then
judge files and tables; the rows that they read back are compared with a model of the contract."""
from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from documents import expected_rows, generate  # noqa: E402
from tap import Tap  # noqa: E402

STAGE_DOCUMENT = os.path.abspath(sys.argv[1])
N_DOCUMENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 25
BATCH = 25

SHARE = pathlib.Path('/usr/share/postfix')
# Debian's main.cf as its postinst begins it, and the one of Postfix itself.
STOCKS = (('main.cf.debian', 'main.cf.tls'), ('main.cf.dist',))

TABLE_TYPES = ('cdb', 'lmdb', 'hash', 'texthash')
# These are read from their source.
UNBUILT_TYPES = ('texthash',)

# All that tlsmap may write into main.cf, in the words of the contract.
OWNED = re.compile(
    'smtpd?_tls_(security_level|chain_files|[de]?c*(cert|key)_file|CAfile|CApath|mandatory_protocols|'
    'fingerprint_digest)|smtpd_tls_(ask|req)_ccert|smtp_tls_policy_maps|smtp_dns_support_level|'
    'tls_required_enable|smtpd_(recipient|data)_restrictions')
# No parameters of Postfix: one is ours, and the other Postfix makes of the name of the service.
OWN = {'tlsgate_policy', 'tlsgate_time_limit'}


def refuse(problems):
    if problems:
        raise AssertionError('\n'.join(problems))


def run(*command, given=''):
    return subprocess.run([*map(str, command)], input=given, capture_output=True, text=True, timeout=120)


def postconf(directory, *arguments):
    """Its output, and its warnings without what an edit moves: the directory and the number of the line."""
    child = run('postconf', '-c', directory, *arguments)
    warnings = child.stderr.replace(str(directory), '')
    if child.returncode != 0:
        warnings += f'postconf {" ".join(arguments)} ended with status {child.returncode}\n'
    return child.stdout, re.sub(r', line \d+', '', warnings).splitlines()


def parameters(text):
    return dict(re.split(r' =\s?', line, maxsplit=1) for line in text.splitlines())


def cool_down(path):
    """Postfix's programs wait for a file that changed in the last two seconds."""
    os.utime(path, (1, 1))


def postmap(directory, source, *arguments, given=''):
    """Its output, and its warnings."""
    child = run('postmap', '-c', directory, *arguments, given=given)
    warnings = child.stderr.replace(str(source), 'TABLE').replace(str(directory), '').splitlines()
    if child.returncode != 0:
        warnings.append(f'postmap {" ".join(arguments)} ended with status {child.returncode}')
    return child.stdout, warnings


def build(directory, word, source):
    return [] if word in UNBUILT_TYPES else postmap(directory, source, f'{word}:{source}')[1]


def read_back(directory, word, source, keys):
    return postmap(directory, source, '-q', '-', f'{word}:{source}', given=''.join(f'{key}\n' for key in keys))


class Stock:
    """A configuration directory with the files that this Postfix is delivered with."""

    def __init__(self, directory, parts):
        self.directory = directory
        # apply makes it for its lock.
        (directory / 'tlsgate').mkdir(parents=True)
        text = ''.join((SHARE / part).read_text() for part in parts)
        # The empty ones are left for Postfix's installation to fill in.
        (directory / 'main.cf').write_text(re.sub(r'(?m)^\w+ =\n(?![ \t]+\S)', '', text))
        (directory / 'master.cf').write_bytes((SHARE / 'master.cf.dist').read_bytes())
        cool_down(directory / 'main.cf')
        self.answers = {option: postconf(directory, option) for option in ('-n', '-P', '-M')}
        types = postconf(directory, '-m')[0].split()
        self.complaints = {word: self._complaints(word) for word in TABLE_TYPES if word in types}

    def _complaints(self, word):
        """What postmap says of main.cf, and against a type whatever stands in the table."""
        source = self.directory / 'plain'
        source.write_text('domain.example may\n')
        cool_down(source)
        return build(self.directory, word, source) + read_back(self.directory, word, source, ['domain.example'])[1]


class Postfix:
    """What the Postfix of this machine is and knows."""

    def __init__(self, directory):
        self.release = postconf(directory, '-d', '-h', 'mail_version')[0].strip()
        self.version = tuple(int(number) for number in re.match(r'(\d+)\.(\d+)', self.release).groups())
        values, warnings = postconf(directory, '-d')
        refuse(warnings)
        self.known = set(parameters(values))


def needs_service(document):
    return bool(document.get('receive', {}).get('rules')) and (
        document.get('postfix', {}).get('policyd', 'spawn') == 'spawn')


def problems_of_files(document, directory, stock, postfix):
    """What postconf has against the staged main.cf and master.cf."""
    answers = {}
    for option, (_, old_warnings) in stock.answers.items():
        answers[option], warnings = postconf(directory, option)
        yield from (f'postconf {option} warns: {line}' for line in warnings if line not in old_warnings)

    old, new = parameters(stock.answers['-n'][0]), parameters(answers['-n'])
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} - OWN
    # It names the directory asked for.
    changed.discard('config_directory')
    yield from (f'{name} is not owned, but written' for name in changed if not OWNED.fullmatch(name))
    yield from (f'{name} is written, but not known to this version' for name in changed - postfix.known)

    if answers['-P'] != stock.answers['-P'][0]:
        yield 'the options of services have changed'
    old_services = stock.answers['-M'][0].splitlines()
    added = [line for line in answers['-M'].splitlines() if line not in old_services]
    gone = [line for line in old_services if line not in answers['-M'].splitlines()]
    names = [line.split()[:2] for line in added]
    if gone or names != ([['tlsgate', 'unix']] if needs_service(document) else []):
        yield f'services added: {added}, gone: {gone}'


def is_found(row, word, version):
    """From 3.11 on texthash folds ASCII letters alone in what it reads, but every letter in what it is asked for
    (src/util/dict_thash.c, dict_thash_open(), 3.11.6): a key with "ß" is never found."""
    key = row.partition('\t')[0]
    return word != 'texthash' or version < (3, 11) or key.casefold() == key


def problems_of_table(document, source, stock, postfix):
    """What postmap has against the table, and what it reads back otherwise than meant."""
    rows = sorted(f'{key}\t{value}' for key, value in expected_rows(document, postfix.version))
    if sorted(source.read_text().splitlines()) != rows:
        yield f'the table has\nfound  {source.read_text().splitlines()}\nwanted {rows}'
    if not rows:
        return
    cool_down(source)
    for word, complaints in stock.complaints.items():
        warnings = build(stock.directory, word, source)
        found, more = read_back(stock.directory, word, source, [row.partition('\t')[0] for row in rows])
        yield from (f'postmap {word} warns: {line}' for line in warnings + more
                    if line not in complaints)
        wanted = [row for row in rows if is_found(row, word, postfix.version)]
        if found.splitlines() != wanted:
            yield f'{word} reads back\nfound  {found.splitlines()}\nwanted {wanted}'


def stage_batch(directory, parts, seeds, postfix):
    """The problems of each document of a batch: {seed: [what is wrong]}."""
    directory.mkdir()
    stock = Stock(directory / 'etc', parts)
    folders = {seed: directory / str(seed) for seed in seeds}
    for seed, folder in folders.items():
        folder.mkdir()
        (folder / 'settings.json').write_text(json.dumps(generate(seed)))
    staged = run(STAGE_DOCUMENT, stock.directory, *(folder / 'settings.json' for folder in folders.values()))
    problems = {}
    for seed, folder in folders.items():
        said = [line for line in staged.stderr.splitlines() if line.startswith(f'{folder}/')]
        if not (folder / 'tls_policy').exists():
            problems[seed] = said or [f'stage-document ended with status {staged.returncode}: {staged.stderr}']
            continue
        cool_down(folder / 'main.cf')
        document = generate(seed)
        problems[seed] = [*said, *problems_of_files(document, folder, stock, postfix),
                          *problems_of_table(document, folder / 'tls_policy', stock, postfix)]
    if staged.stderr and not any(problems.values()):
        problems[seeds[0]] = [staged.stderr]
    return problems


def stage_all(directory, postfix):
    """The problems of all documents; both stock configurations in turn."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        batches = [pool.submit(stage_batch, directory / f'batch-{first}', STOCKS[first // BATCH % len(STOCKS)],
                               range(first, min(first + BATCH, N_DOCUMENTS)), postfix)
                   for first in range(0, N_DOCUMENTS, BATCH)]
        for batch in batches:
            yield from batch.result().items()


def a_table_can_be_built(stock):
    if not set(stock.complaints) - set(UNBUILT_TYPES):
        raise AssertionError('this Postfix has neither cdb nor lmdb nor hash')


def documents_have_rows_and_rules(postfix):
    documents = [generate(seed) for seed in range(N_DOCUMENTS)]
    if not any(expected_rows(document, postfix.version) for document in documents) or not any(
            map(needs_service, documents)):
        raise AssertionError(f'not among {N_DOCUMENTS} documents: try more')


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        stock = Stock(directory / 'etc', STOCKS[0])
        postfix = Postfix(stock.directory)
        tap.note(f'Postfix {postfix.release}, tables {" ".join(stock.complaints)}')
        for word, lines in stock.complaints.items():
            tap.note(''.join(f'whatever stands in a {word} table: {line}\n' for line in dict.fromkeys(lines)))
        tap.check('a-table-can-be-built', a_table_can_be_built, stock)
        tap.check('documents-have-rows-and-rules', documents_have_rows_and_rules, postfix)
        for seed, problems in stage_all(directory, postfix):
            tap.check(f'postfix-{postfix.release}-takes-document-{seed}', refuse, problems)
    return tap.finish()


sys.exit(main())
