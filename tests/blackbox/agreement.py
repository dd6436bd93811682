#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""agreement: tlsmap and settings.schema.json accept and refuse the same documents.

Usage: agreement.py TLSMAP [--all]. --all makes each sample as large as the promise: 1,000 valid documents,
1,000 wrong ones, every key, word and reason 20 times; without it a fifth of that.

Both are asked about whole documents, and about single texts made at random from good and bad ones. What
a schema can't tell stands in mutations.CONTRADICTIONS with its reason; any other disagreement fails."""
import collections
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
from random import Random

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / 'data'
SCHEMA_FILE = HERE.parent.parent / 'schema' / 'settings.schema.json'
EXAMPLES = HERE.parent.parent / 'schema' / 'examples'
sys.path.insert(0, str(HERE.parent / 'lib'))
import documents  # noqa: E402
import mutations  # noqa: E402
from tap import Tap, equal  # noqa: E402

TLSMAP = sys.argv[1]
N_DOCUMENTS, N_EACH, N_TEXTS = (1000, 20, 1900) if '--all' in sys.argv else (200, 4, 190)
SEED = 1
SCHEMA = json.loads(SCHEMA_FILE.read_text())


# ---- the two judges ----

def as_python(pattern):
    """An ECMA-262 pattern: its $ is the end of the text, Python's also stands before a last newline."""
    return re.sub(r'(\\.|\[(?:\\.|[^\]\\])*\])|\$', lambda found: found[1] or r'\Z', pattern)


def search(validator, pattern, text, schema):
    if isinstance(text, str) and not re.search(as_python(pattern), text):
        yield jsonschema.ValidationError(f'{text!r} does not match {pattern!r}')


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {'pattern': search})
VALIDATOR = Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
FINDING = re.compile(r'^[^:\n]+:\d+:\d+: (.*?): error: (.*) \[([a-z0-9-]+)\]$', re.M)


def ask_tlsmap(text):
    """[(pointer, message, identifier)] of the errors."""
    run = subprocess.run([TLSMAP, '-s', '-', 'check'], input=text, capture_output=True, timeout=60)
    errors = FINDING.findall(run.stderr.decode())
    if run.returncode != (65 if errors else 0):
        raise AssertionError(f'status {run.returncode}:\n{run.stderr.decode()}')
    return errors


def ask_all(texts):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask_tlsmap, texts))


def places_refused(document):
    """The pointers of what the schema refuses."""
    return {'/' + '/'.join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(document)}


# ---- samples ----

def count(counter, document):
    for place in mutations.places(document):
        if not place.is_item:
            counter['key ' + '/'.join(step for step in place.path if isinstance(step, str))] += 1
        if mutations.word_table(place.path) in mutations.WORDS and isinstance(place.value, str):
            counter[f'word {"/".join(mutations.word_table(place.path))}: {place.value}'] += 1


def every_key_and_word():
    """Their names as count() has them, from the schema."""
    for pointer, member in schemas():
        path = [step for step in pointer.split('/')[1:] if step != '0']
        yield 'key ' + '/'.join(path)
        for choice in member.get('oneOf', ()):
            yield f'word {"/".join(path[-2:])}: {choice["const"]}'


def seen_often_enough(counter, names):
    rare = {name: counter[name] for name in sorted(set(names)) if counter[name] < N_EACH}
    equal(rare, {})


def refuse(disagreements):
    if disagreements:
        raise AssertionError('\n' + '\n'.join(disagreements))


def valid_documents_are_accepted_by_both(tap):
    counter = collections.Counter()
    sample = [documents.generate(SEED * 1_000_000 + number) for number in range(N_DOCUMENTS)]
    answers = ask_all(mutations.text(document, number) for number, document in enumerate(sample))
    disagreements = []
    for document, errors in zip(sample, answers):
        count(counter, document)
        refused = places_refused(document)
        if errors or refused:
            disagreements.append(f'{json.dumps(document)}\n  tlsmap: {errors}\n  schema: {refused}')
    tap.note(f'seed {SEED}: {len(sample)} valid documents')
    for name in sorted(counter):
        tap.note(f'{counter[name]:5} {name}')
    refuse(disagreements)
    seen_often_enough(counter, every_key_and_word())


def mutants(kinds, each):
    """(kind, number) so that each kind comes up equally often."""
    return [(kind, number) for number in range(each) for kind in kinds]


def documents_wrong_in_one_value_are_refused_by_both(tap):
    counter = collections.Counter()
    sample = mutants(mutations.BROKEN, -(-N_DOCUMENTS // len(mutations.BROKEN)))
    wrong = [mutations.mutate(kind, SEED * 1000 + number) for kind, number in sample]
    answers = ask_all(mutations.text(document, number) for number, document in enumerate(wrong))
    disagreements = []
    for (kind, number), document, errors in zip(sample, wrong, answers):
        identifiers = {identifier for _, _, identifier in errors}
        counter[kind.identifier] += 1
        if kind.identifier not in identifiers or not places_refused(document):
            disagreements.append(f'{kind.name} {number}: tlsmap: {errors or "accepted"}, schema: '
                                 f'{places_refused(document) or "accepted"}: {json.dumps(document)}')
    tap.note(f'seed {SEED}: {len(sample)} documents wrong in one value')
    for name, number in sorted(counter.items()):
        tap.note(f'{number:5} {name}')
    refuse(disagreements)
    seen_often_enough(counter, {kind.identifier for kind in mutations.BROKEN})


def only_tlsmap_refuses(tap, kind):
    sample = [mutations.mutate(kind, SEED * 1000 + number) for number in range(N_EACH)]
    answers = ask_all(mutations.text(document, number) for number, document in enumerate(sample))
    tap.note(f'{len(sample):5} {kind.identifier}: {kind.why}')
    for number, (document, errors) in enumerate(zip(sample, answers)):
        identifiers = {identifier for _, _, identifier in errors}
        # The second of two equal keys is no part of what a schema sees.
        plain = json.loads(mutations.text(document, number))
        if kind.identifier not in identifiers or places_refused(plain):
            raise AssertionError(f'{kind.name} {number}: tlsmap: {errors or "accepted"}, schema: '
                                 f'{places_refused(plain) or "accepted"}: {json.dumps(document)}')


def every_reason_has_its_mistake():
    """What tlsmap may say against a document that is JSON, by the sections of finding.h."""
    header, source = (SCHEMA_FILE.with_name(name).read_text() for name in ('finding.h', 'finding.c'))
    section = re.search(r'/\* One value is wrong.*?/\* Legal', header, re.S)[0]
    identifiers = dict(re.findall(r'\[(FINDING_\w+)\] = \{ "([^"]+)"', source))
    equal({kind.identifier for kind in mutations.BROKEN + mutations.CONTRADICTIONS},
          {identifiers[name] for name in re.findall(r'FINDING_\w+', section)})


# ---- single texts ----

def in_rules(key):
    return lambda texts: ({'receive': {'client_certificate': 'request', 'rules': [
        {'name': str(number), key: [text]} for number, text in enumerate(texts)]}}, f'/receive/rules/%d/{key}/0')


def in_demands(key):
    return lambda texts: ({'receive': {'client_certificate': 'request', 'rules': [
        {'name': str(number), 'require': {key: [text]}} for number, text in enumerate(texts)]}},
        f'/receive/rules/%d/require/{key}/0')


def in_rows(key, level, is_list):
    return lambda texts: ({'send': {'domains': [
        {'destination': f'd{number}', 'security_level': level, key: [text] if is_list else text}
        for number, text in enumerate(texts)]}}, f'/send/domains/%d/{key}' + '/0' * is_list)


# For each kind of text: a document that holds many, each in an object of its own, and the pointer of each.
# policyd_user stands in one place only.
HOLDERS = {
    'bad-path': in_rows('trust_anchor_files', 'secure', True),
    'bad-network': in_demands('client_networks'),
    'bad-date': in_rows('review_by', 'may', False),
    'bad-domain': in_rules('sender_domains'),
    'bad-client-name': in_demands('client_names'),
    'bad-certificate-name': in_demands('subjects'),
    'bad-fingerprint': in_demands('fingerprints'),
    'bad-match': in_rows('match', 'secure', True),
    'bad-cipher': in_rows('exclude', 'encrypt', True),
    'bad-server-name': in_rows('server_name', 'may', False),
    'bad-name': lambda texts: ({'receive': {'rules': [{'name': text} for text in texts]}}, '/receive/rules/%d/name'),
    'bad-destination': lambda texts: ({'send': {'domains': [
        {'destination': text, 'security_level': 'may'} for text in texts]}}, '/send/domains/%d/destination'),
    'bad-policy-map': lambda texts: ({'send': {'fallback_policy_maps': texts}}, '/send/fallback_policy_maps/%d'),
    'bad-service': lambda texts: ({'postfix': {'unguarded_services': texts}}, '/postfix/unguarded_services/%d'),
}
GOOD_TEXTS = {
    'bad-path': documents.path, 'bad-network': documents.network, 'bad-date': documents.date,
    'bad-domain': documents.sender_domain, 'bad-client-name': documents.domain,
    'bad-certificate-name': documents.certificate_name, 'bad-match': documents.match_name,
    'bad-fingerprint': lambda rng: documents.fingerprint(rng, rng.choice(documents.DIGEST_BYTES)),
    'bad-cipher': documents.cipher, 'bad-server-name': documents.host, 'bad-destination': documents.destination,
    'bad-policy-map': documents.policy_map, 'bad-service': documents.service,
    'bad-name': lambda rng: 'bank.a_b-' + str(rng.randrange(100)),
}
# Why tlsmap alone refuses a text: what no pattern can tell (see CONTRADICTIONS), in its words.
BEYOND_PATTERNS = {
    'bad-network': 'has bits set behind the prefix length',
    **dict.fromkeys(('bad-domain', 'bad-client-name', 'bad-match', 'bad-server-name', 'bad-destination'),
                    r'is no internationalised domain name|has an "xn--" label that stands for no name|is not written '
                    r'in its normal form|has more than 4 internationalised labels|has a letter '
                    r'.ß, ς. that Postfix folds into others|'
                    r'found ".*(\\u|[^\x00-\x7f]).*": it (is empty|has an empty label|has a character other)'),
}


def is_beyond_patterns(identifier, message):
    return identifier in BEYOND_PATTERNS and re.search(BEYOND_PATTERNS[identifier], message) is not None


# The findings shown for one document end at 100.
PER_DOCUMENT = 95
NASTY = ' \t\n\x01\x7f.,:;/-_@%!$"\'\\{}[]()<>*+=~^`|#&?0159afgzAFGZüßあ\u200b\u2028\U0001f600'


def any_text(rng, identifier):
    """A good or a bad one, with up to three characters changed."""
    text = GOOD_TEXTS[identifier](rng) if rng.random() < 0.7 else rng.choice(mutations.BAD_TEXTS[identifier])
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice((rng.choice(NASTY), '', text[at:at + 1] * 2)) + text[at + rng.randrange(2):]
    return text


def single_texts_get_one_answer(tap, identifier):
    rng = Random(f'{SEED} {identifier}')
    texts = sorted({any_text(rng, identifier) for _ in range(N_TEXTS)} | set(mutations.BAD_TEXTS[identifier]))
    n_refused, disagreements = 0, []
    batches = [texts[first:first + PER_DOCUMENT] for first in range(0, len(texts), PER_DOCUMENT)]
    wholes = [HOLDERS[identifier](batch) for batch in batches]
    answers = ask_all(mutations.text(document, number) for number, (document, _) in enumerate(wholes))
    for batch, (document, pointer), errors in zip(batches, wholes, answers):
        by_tlsmap = {place: message for place, message, found in errors if found == identifier}
        by_schema = places_refused(document)
        n_refused += len(by_schema)
        for number, text in enumerate(batch):
            place = pointer % number
            reason = by_tlsmap.get(place, '')
            is_beyond = place not in by_schema and is_beyond_patterns(identifier, reason)
            if (place in by_schema) != bool(reason) and not is_beyond:
                disagreements.append(f'{text!r}: tlsmap: {reason or "accepted"}, schema: '
                                     f'{"refused" if place in by_schema else "accepted"}')
    tap.note(f'{len(texts)} texts, {n_refused} of them refused by both')
    refuse(disagreements)
    if not len(texts) / 10 < n_refused < len(texts) * 9 / 10:
        raise AssertionError(f'{n_refused} of {len(texts)} refused: the sample says nothing')


# ---- the schema itself ----

def resolve(schema):
    """What a schema refers to, with what it says itself on top."""
    while '$ref' in schema:
        referred = SCHEMA['$defs'][schema['$ref'].removeprefix('#/$defs/')]
        schema = referred | {key: value for key, value in schema.items() if key != '$ref'}
    return schema


def schemas(schema=None, path=''):
    """Every subschema that stands under a key of the document, with its pointer; items are at 0."""
    for key, member in (SCHEMA if schema is None else schema).get('properties', {}).items():
        member = resolve(member)
        yield f'{path}/{key}', member
        yield from schemas(member, f'{path}/{key}')
        yield from schemas(resolve(member.get('items', {})), f'{path}/{key}/0')


def what_tlsmap_accepts(pointer, value, identifier):
    """The list behind "accepted", of the one finding about value at pointer."""
    for step in reversed(pointer.split('/')[1:]):
        value = [value] if step == '0' else {step: value}
    said = [message for _, message, found in ask_tlsmap(json.dumps(value).encode()) if found == identifier]
    equal(len(said), 1)
    return set(re.split(', | or ', re.split('accepted (?:here: |is |are )', said[0])[1].replace('"', '')))


def schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    equal(SCHEMA['$id'], 'https://tlsgate.example/settings.schema.json')


def a_form_can_be_drawn():
    """Each key and each word has a title and a description; defaults and examples are valid."""
    bare, wrong = [], []
    for pointer, member in schemas():
        for part in (member, *member.get('oneOf', ())):
            if not part.get('title') or not part.get('description'):
                bare.append(pointer)
        for value in member.get('examples', []) + [member[key] for key in ('default',) if key in member]:
            if list(VALIDATOR.evolve(schema=member).iter_errors(value)):
                wrong.append(f'{pointer}: {value}')
    for name, definition in SCHEMA['$defs'].items():
        for part in (definition, *definition.get('anyOf', ())):
            for value in part.get('examples', ()):
                if list(VALIDATOR.evolve(schema=definition).iter_errors(value)):
                    wrong.append(f'{name}: {value}')
    equal((bare, wrong), ([], []))


def patterns_are_ecma():
    """Only what ECMA-262 and Python read alike: anchored, no look-behind, no classes that differ by locale."""
    patterns = re.findall(r'"pattern": ("(?:\\.|[^"\\])*")', SCHEMA_FILE.read_text())
    limits = SCHEMA['$defs']['name-limits']['not']['pattern']
    for pattern in map(json.loads, patterns):
        if pattern != limits and not (pattern.startswith('^') and pattern.endswith('$')):
            raise AssertionError(f'not anchored: {pattern}')
        if re.search(r'\\[dDwWsSbBAZpP]|\(\?<|\(\?P|\(\?[aiLmsux]', pattern):
            raise AssertionError(f'not the same everywhere: {pattern}')


def keys_are_those_of_tlsmap():
    """tlsmap lists the keys of an object where one is not known."""
    objects = {'': SCHEMA}
    for pointer, member in schemas():
        inner = resolve(member.get('items', member))
        if 'properties' in inner:
            objects[pointer + '/0' * ('items' in member)] = inner
    for pointer, member in objects.items():
        equal((pointer, what_tlsmap_accepts(pointer, {'unknown': 1}, 'unknown-key')),
              (pointer, set(member['properties'])))


def words_are_those_of_tlsmap():
    """tlsmap lists the words where one is not known."""
    for pointer, member in schemas():
        if 'oneOf' in member:
            words = what_tlsmap_accepts(pointer, '?', 'unknown-word')
            # Listed for all send levels alike; that it is refused here is tested on documents.
            words -= {'fingerprint'} if pointer == '/send/security_level' else set()
            equal((pointer, words), (pointer, {choice['const'] for choice in member['oneOf']}))


def with_defaults(schema, value):
    """value with every key for which the schema has a default."""
    schema = resolve(schema)
    if isinstance(value, list):
        return [with_defaults(schema['items'], item) for item in value]
    if not isinstance(value, dict):
        return value
    given = {key: member['default'] for key, member in schema['properties'].items() if 'default' in member} | value
    return {key: with_defaults(schema['properties'][key], member) for key, member in given.items()}


def defaults_are_those_of_tlsmap(part):
    def render(document):
        # A directory without Postfix: the same text on every machine.
        return subprocess.run([TLSMAP, '-c', '/nonexistent', '-s', '-', 'render', part, '--postfix-version', '3.7'],
                              input=json.dumps(document), capture_output=True, text=True, check=True).stdout
    bare = {'receive': {'rules': [{'name': 'all'}]},
            'send': {'domains': [{'destination': 'a.example', 'security_level': 'may'}]}}
    whole = with_defaults(SCHEMA, bare)
    if 'violation' not in whole['receive']['rules'][0] or 'table_type' not in whole['postfix']:
        raise AssertionError(f'no defaults: {whole}')
    equal(render(whole), render(bare))


# ---- documents on file ----

def example_is_accepted_by_both(path):
    equal(ask_tlsmap(path.read_bytes()), [])
    equal(places_refused(json.loads(path.read_text())), set())


def wrong_document_is_refused_by_both(tap, path):
    # What tlsmap says is golden (documents.py).
    errors = FINDING.findall(path.with_suffix('.expected').read_text())
    # Of equal items the finding does not say whether they are so as written.
    judged = {kind.identifier for kind in mutations.BROKEN} - {'duplicate-item'}
    if not [message for _, message, identifier in errors
            if identifier in judged and not is_beyond_patterns(identifier, message)]:
        tap.note(f'{path.stem}: not for a schema: {", ".join(sorted({identifier for *_, identifier in errors}))}')
    elif not places_refused(json.loads(path.read_text())):
        raise AssertionError(f'tlsmap: {errors}, schema: accepted')


def main():
    tap = Tap()
    tap.check('the-schema-is-one', schema_is_a_schema)
    tap.check('a-form-can-be-drawn-from-it', a_form_can_be_drawn)
    tap.check('patterns-mean-the-same-everywhere', patterns_are_ecma)
    tap.check('keys-are-those-of-tlsmap', keys_are_those_of_tlsmap)
    tap.check('words-are-those-of-tlsmap', words_are_those_of_tlsmap)
    for part in ('main.cf', 'rules'):
        tap.check(f'defaults-are-those-of-tlsmap/{part}', defaults_are_those_of_tlsmap, part)
    for path in sorted(EXAMPLES.glob('*.json')) + sorted((DATA / 'warned').glob('*.json')):
        tap.check(f'example/{path.stem}', example_is_accepted_by_both, path)
    for path in sorted((DATA / 'wrong').glob('*.json')):
        tap.check(f'wrong/{path.stem}', wrong_document_is_refused_by_both, tap, path)
    tap.check('valid-documents', valid_documents_are_accepted_by_both, tap)
    tap.check('every-reason-has-its-mistake', every_reason_has_its_mistake)
    tap.check('documents-wrong-in-one-value', documents_wrong_in_one_value_are_refused_by_both, tap)
    for kind in mutations.CONTRADICTIONS:
        tap.check(f'only-tlsmap-refuses/{kind.name}', only_tlsmap_refuses, tap, kind)
    for identifier in HOLDERS:
        tap.check(f'single-texts/{identifier}', single_texts_get_one_answer, tap, identifier)
    return tap.finish()


sys.exit(main())
