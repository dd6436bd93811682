#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hands: main.cf in all the shapes that other hands give it, and other hands at work while apply is.

Whatever the shape: what is not ours stays byte for byte, and with owner, mode, attributes and link; or apply
refuses, says why and changes nothing. With --all also 1,000 edits of a foreign parameter beside 50 applies."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / 'lib'))
sys.path.append(str(TESTS / 'e2e/lib'))  # some of its modules have names of the library
from site_postfix import NOBODY, Site, tree  # noqa: E402
from tap import Tap, equal  # noqa: E402
from wait import until  # noqa: E402

POLICYD = sys.argv[2]
OWNED = re.compile(rb'(smtpd?_tls_(security_level|policy_maps|(ask|req)_ccert)|smtpd_(recipient|data)_restrictions|'
                   rb'smtpd_tls_chain_files|tlsgate_policy|tlsgate_time_limit)\s*=')


class HandsSite(Site):
    """With policyd, and a document that changes a level, rows and rules."""

    def __enter__(self):
        super().__enter__()
        self.policyd = shutil.copy(POLICYD, self.folder / 'policyd')
        self.main_cf = self.config / 'main.cf'
        self.document = {
            'receive': {'security_level': 'may', 'certificate': {'chain_files': [str(self.make_certificate())]},
                        'rules': [{'name': 'bank', 'sender_domains': ['bank.example']}]},
            'send': {'security_level': 'encrypt',
                     'domains': [{'destination': 'a.example', 'security_level': 'encrypt'}]},
            'postfix': {'policyd_path': str(self.policyd), 'policyd_user': 'nobody'}}
        self.write('doc.json', self.document)
        return self

    def make_certificate(self):
        path = self.folder / 'chain.pem'
        command = ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                   '-keyout', path, '-out', self.folder / 'cert.pem', '-subj', '/CN=gw.example', '-days', '30']
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        with path.open('ab') as chain:
            chain.write((self.folder / 'cert.pem').read_bytes())
        return path

    def write_main_cf(self, data):
        """Postfix's programs wait for a file that changed in the last two seconds."""
        self.main_cf.write_bytes(data)
        os.utime(self.main_cf, (1, 1))

    def apply(self, *arguments, **options):
        return self.run('-s', 'doc.json', 'apply', '--adopt', *arguments, **options)

    def postconf(self, *arguments):
        return subprocess.run(['postconf', '-c', self.config, *arguments], check=True, capture_output=True,
                              timeout=60).stdout


def others(data):
    """The lines that are not of our parameters, with their comments and continuations."""
    kept, is_ours = [], False
    for line in data.splitlines(keepends=True):
        if not line.strip() or line.startswith(b'#'):
            kept.append(line)
        elif line[:1].isspace():
            kept += [] if is_ours else [line]
        else:
            is_ours = OWNED.match(line) is not None
            kept += [] if is_ours else [line]
    return b''.join(kept)


# ---- shapes of main.cf ----

SHAPES = {
    'crlf': lambda text: (text + b'smtp_tls_security_level = may\n').replace(b'\n', b'\r\n'),
    'continuation-lines-and-comments-in-them': lambda text: text + (
        b'smtp_tls_security_level =\n# why\n\tmay\n\n  # and this\nmydestination = a.example,\n  # not here\n'
        b'\n\tb.example\n# the end\n'),
    'a-list-with-comments': lambda text: text + (
        b'smtpd_recipient_restrictions =\n  # ours first\n  permit_mynetworks\n  # then\n'
        b'  reject_unauth_destination\n'),
    'parameters-twice': lambda text: (
        b'smtp_tls_security_level = none\nmydestination = x.example\n' + text +
        b'smtp_tls_security_level = may\nmydestination = y.example\n'),
    'references': lambda text: text + (
        b'the_level = may\nsmtp_tls_security_level = ${the_level}\nmine = permit_mynetworks, reject\n'
        b'smtpd_recipient_restrictions = $mine\nsmtpd_data_restrictions =\n'),
    'no-end-of-the-last-line': lambda text: text + b'mydestination = a.example',
    'bytes-that-are-no-utf-8': lambda text: text + b'# caf\xe9\nsmtpd_banner = $myhostname \xff\n',
    'empty-lines-and-blanks': lambda text: (
        b'\n\n' + text.replace(b' = ', b'=') + b'   \n\t\nmydestination=   a.example   \n\n'),
    'comments-alone-in-front': lambda text: b'# by hand\n#\n#smtp_tls_security_level = may\n' + text,
}


def foreign_values(site):
    """What postconf says of parameters that are not ours."""
    lines = site.postconf('-n').splitlines(keepends=True)
    return [line for line in lines if not OWNED.match(line)]


def the_rest_is_kept(shape, findings):
    with HandsSite() as site:
        before = shape(site.main_cf.read_bytes())
        site.write_main_cf(before)
        values = foreign_values(site)
        run = site.apply()
        equal((run.returncode, re.findall(rb'\[([a-z-]+)\]$', run.stderr, re.M)), (0, findings))
        after = site.main_cf.read_bytes()
        equal(others(after), others(before if before.endswith(b'\n') else before + b'\n'))
        equal(foreign_values(site), [value for value in values if not findings or b'the_level' not in value])
        equal(site.postconf('-h', 'smtp_tls_security_level'), b'encrypt\n')
        equal(site.postconf('-h', 'smtpd_recipient_restrictions').startswith(b'$tlsgate_policy'), True)
        site.succeed('-s', 'doc.json', 'status')
        os.utime(site.main_cf, (1, 1))
        site.succeed('rollback', '0')
        equal(others(site.main_cf.read_bytes()), others(after))
        equal(foreign_values(site), values)


# ---- what surrounds it ----

def acl_of(uid):
    """user::rw- user:UID:r-- group::r-- mask::r-- other::---, as the kernel keeps it."""
    undefined = 0xffffffff
    entries = ((0x01, 6, undefined), (0x02, 4, uid), (0x04, 4, undefined), (0x10, 4, undefined), (0x20, 0, undefined))
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)


def link_owner_mode_and_attributes_are_kept():
    with HandsSite() as site:
        elsewhere = site.folder / 'elsewhere'
        elsewhere.mkdir()
        target = elsewhere / 'real.cf'
        site.main_cf.rename(target)
        site.main_cf.symlink_to('../elsewhere/real.cf')
        os.chown(target, NOBODY, NOBODY)
        target.chmod(0o600)
        attributes = {'user.origin': b'by hand'}
        with contextlib.suppress(OSError):  # not on each file system
            os.setxattr(target, 'system.posix_acl_access', acl_of(1))
        for name, value in attributes.items():
            with contextlib.suppress(OSError):
                os.setxattr(target, name, value)
        os.utime(target, (1, 1))

        def surroundings():
            status = target.stat()
            names = sorted(os.listxattr(target))
            return (os.readlink(site.main_cf), status.st_uid, status.st_gid, oct(status.st_mode),
                    [(name, os.getxattr(target, name)) for name in names])

        before = surroundings()
        equal((site.apply().returncode, surroundings()), (0, before))
        equal(site.postconf('-h', 'smtp_tls_security_level'), b'encrypt\n')
        equal(sorted(path.name for path in elsewhere.iterdir()), ['real.cf'])


def nothing_else_is_touched():
    """So that version control of the directory shows main.cf, master.cf and tlsgate/."""
    with HandsSite() as site:
        (site.config / '.git').mkdir()
        (site.config / 'virtual').write_text('x\n')
        before = tree(site.config)
        equal(site.apply().returncode, 0)
        after = tree(site.config)
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        equal({name.split('/')[0] for name in changed}, {'main.cf', 'master.cf', 'tlsgate'})


def a_fallback_table_that_answers_is_taken():
    with HandsSite() as site:
        with_fallback('static:may', 'unix:passwd.byname')(site)
        equal(site.apply().returncode, 0)
        equal(site.postconf('-h', 'smtp_tls_policy_maps'), b'static:may, unix:passwd.byname\n')


def a_note_of_what_waits_that_is_damaged_is_in_doubt():
    """It may be about what is in force: nothing goes on, and nothing is undone, until somebody says so."""
    for damage in (b'', b'7', b'x 0 9\n', b'1 0 99999999999999999999\n'):
        with HandsSite() as site:
            equal(site.apply('--confirm', '600').returncode, 0)
            note = site.config / 'tlsgate/unconfirmed'
            note.write_bytes(damage)
            with_fallback()(site)
            for run in (site.apply(), site.run('-s', 'doc.json', 'plan'), site.run('status')):
                equal((run.returncode in (1, 78), b'[unconfirmed]' in run.stderr), (True, True))
            equal(site.run('rollback', '--unconfirmed', '1').returncode, 78)
            equal(site.postconf('-h', 'smtp_tls_security_level'), b'encrypt\n')
            equal((site.run('apply', '--confirmed').returncode, note.exists()), (0, False))
            equal(site.apply().returncode, 0)


def what_nobody_confirms_goes_back_over_a_number_without_a_generation():
    """1 is in force, 2 was refused after it was built, nobody confirms 3: 4 is what 1 was."""
    with HandsSite() as site:
        equal(site.apply().returncode, 0)
        with_fallback()(site)
        make_unexecutable(site)
        equal(site.apply().returncode, 78)
        site.policyd.chmod(0o755)
        equal(site.apply('--confirm', '1').returncode, 0)
        until(lambda: site.postconf('-h', 'smtp_tls_security_level') == b'encrypt\n', 'the undoing')
        until(lambda: site.run('rollback', '4').returncode == 0, 'the end of the process that waited')


def what_main_cf_names_is_in_force_whoever_edited_it():
    """A run died right behind its commit; what it noted before is of main.cf as it was then."""
    with HandsSite() as site:
        equal(site.apply().returncode, 0)
        committed = site.main_cf.read_bytes()
        (site.config / 'tlsgate/unfinished').write_text(f'1 {hashlib.sha256(committed).hexdigest()}\n')
        site.write_main_cf(committed + b'relayhost = [by.hand.example]\n')
        site.succeed('-s', 'doc.json', 'status')
        equal(site.succeed('-s', 'doc.json', 'apply').stdout, b'')
        equal(sorted(generations(site)), ['0', '1'])


def an_edit_back_to_what_postfix_is_delivered_with_is_an_edit():
    for value in (b'may', b''):
        with HandsSite() as site:
            equal(site.apply().returncode, 0)
            edited = site.main_cf.read_bytes().replace(b'smtp_tls_security_level = encrypt',
                                                       b'smtp_tls_security_level = ' + value)
            site.write_main_cf(edited)
            run = site.run('-s', 'doc.json', 'apply')
            equal((run.returncode, b'[drift]' in run.stderr, site.main_cf.read_bytes()), (78, True, edited))


def a_lock_file_that_was_left_is_no_obstacle():
    with HandsSite() as site:
        (site.config / 'main.cf.tmp').write_text('left by a postconf that died')
        equal((site.apply().returncode, (site.config / 'main.cf.tmp').exists()), (0, False))


def whatever_the_umask():
    with HandsSite() as site:
        equal(site.apply(umask=0o077).returncode, 0)
        generation = site.config / 'tlsgate/gen/1'
        equal({oct(path.stat().st_mode & 0o777) for path in generation.iterdir()}, {'0o644'})
        equal([oct(path.stat().st_mode & 0o777) for path in (generation, *list(generation.parents)[:2])], ['0o755'] * 3)


def meta_directory_in_the_configuration():
    with HandsSite(meta_directory='$config_directory') as site:
        shutil.copy(subprocess.run(['postconf', '-dhx', 'meta_directory'], check=True, capture_output=True,
                                   text=True).stdout.strip() + '/dynamicmaps.cf', site.config)
        equal(site.apply().returncode, 0)


# ---- what can't serve ----

def generations(site):
    """Of one that never came into force a trace stays: its number is used."""
    return [path.name for path in (site.config / 'tlsgate').glob('gen/[0-9]*') if path.suffix != '.withdrawn']


def refuse_unchanged(site, words, **options):
    before = {name: (site.config / name).read_bytes() for name in ('main.cf', 'master.cf')}
    run = site.apply(**options)
    equal(run.returncode, 78)
    if words not in run.stderr.decode():
        raise AssertionError(f'{words!r} is not in {run.stderr!r}')
    equal({name: (site.config / name).read_bytes() for name in before}, before)
    equal(generations(site), [])


def with_postfix(**settings):
    def change(site):
        site.write('doc.json', site.document | {'postfix': site.document['postfix'] | settings})
    return change


def make_unexecutable(site):
    site.policyd.chmod(0o644)


def hide_the_rules(site):
    site.config.chmod(0o700)


def with_receive(**settings):
    def change(site):
        site.write('doc.json', site.document | {'receive': site.document['receive'] | settings})
    return change


def with_fallback(*maps):
    def change(site):
        fallbacks = {'fallback_policy_maps': [*maps]} if maps else {}
        site.write('doc.json', site.document | {'send': {'security_level': 'may'} | fallbacks})
    return change


def garbage(key):
    def change(site):
        path = site.folder / 'garbage.pem'
        path.write_text('no certificate')
        value = {'chain_files': [str(path)]} if key == 'certificate' else str(path)
        with_receive(**{key: value})(site)
    return change


def a_key_of_another(site):
    """The key of one, the certificate of another."""
    key = site.folder / 'chain.pem'
    mixed = site.folder / 'mixed.pem'
    text = key.read_text()
    site.make_certificate()
    mixed.write_text(text[:text.index('-----BEGIN CERTIFICATE')] + (site.folder / 'cert.pem').read_text())
    with_receive(certificate={'chain_files': [str(mixed)]})(site)


def demand_tls_of_a_filter(site):
    """All that this machine listens on is for itself, and an option of another service sends there in clear."""
    (site.config / 'master.cf').write_text(
        '127.0.0.1:10025 inet n - y - - smtpd\nsmtp unix - - y - - smtp\n'
        'pickup unix n - y 60 1 pickup\n  -o content_filter=smtp:[127.0.0.1]:10025\n')
    with_receive(security_level='encrypt')(site)


UNUSABLE = {
    'no-such-user': (with_postfix(policyd_user='no-such-user'), 'no user "no-such-user"'),
    'no-such-program': (with_postfix(policyd_path='/no/such/policyd'), '[policyd-cannot-run]'),
    'a-program-that-is-not-executable': (make_unexecutable, '[policyd-cannot-run]'),
    'rules-that-the-user-can-not-read': (hide_the_rules, '[policyd-cannot-run]'),
    'no-such-certificate': (with_receive(certificate={'chain_files': ['/no/such/chain.pem']}), '[unusable-file]'),
    'a-certificate-that-is-none': (garbage('certificate'), '[unusable-file]'),
    'a-key-of-another-certificate': (a_key_of_another, '[unusable-file]'),
    'no-such-ca-file': (with_receive(trusted_ca_file='/no/such/ca.pem'), '[unusable-file]'),
    'a-fallback-table-whose-server-is-down': (with_fallback('static:may', 'socketmap:inet:127.0.0.1:1:postfix'),
                                              '/send/fallback_policy_maps/1: error: this table can'),
    'a-fallback-table-that-is-not-there': (with_fallback('cdb:/no/such/table'), '[fallback-fails]'),
    'a-listener-that-an-option-names-for-a-filter': (demand_tls_of_a_filter, '[loopback-inherits]'),
    'a-ca-file-that-is-none': (garbage('trusted_ca_file'), '[unusable-file]'),
}


def what_can_not_serve_is_refused(change, words):
    with HandsSite() as site:
        change(site)
        refuse_unchanged(site, words)


# ---- at the same time ----

MEDDLER = """#!/bin/sh
case " $* " in
*" {when} "*) [ -e {folder}/done ] || (touch {folder}/done; {edit}; touch -d @1 {config}/main.cf) ;;
esac
exec {real} "$@"
"""


def meddle(site, when, edit):
    """A postconf that does once, when it is called so, what nobody told it."""
    meddlers = site.folder / 'bin'
    meddlers.mkdir()
    (meddlers / 'postconf').write_text(MEDDLER.format(
        when=when, folder=site.folder, config=site.config, real=shutil.which('postconf'), edit=edit))
    (meddlers / 'postconf').chmod(0o755)


def meddling(site):
    return {'PATH': f'{site.folder / "bin"}:{os.environ["PATH"]}'}.items()


def an_edit_while_apply_is_at_work(when):
    """The postconf that tlsmap finds first edits the live main.cf on the way."""
    with HandsSite() as site:
        before = site.main_cf.read_bytes()
        meddle(site, when, f'echo "relayhost = [by.hand.example]" >> {site.config}/main.cf')
        run = site.apply(environment=meddling(site))
        equal((site.folder / 'done').exists(), True)
        equal(run.returncode, 78)
        if b'[main-cf-changed]' not in run.stderr:
            raise AssertionError(run)
        equal(site.main_cf.read_bytes(), before + b'relayhost = [by.hand.example]\n')
        equal(generations(site), [])
        equal(site.apply().returncode, 0)
        equal(site.postconf('-h', 'relayhost'), b'[by.hand.example]\n')


COPIES = {
    'a-parameter-more': 'echo "relayhost = [by.hand.example]" >> main.cf',
    'a-parameter-less': 'sed -i /^myhostname/d main.cf',
    'an-option-more': 'echo "  -o smtp_helo_timeout=3" >> master.cf',
}


def a_copy_that_is_not_as_planned(edit):
    """The postconf that tlsmap finds first does more to the copies than it was told."""
    with HandsSite() as site:
        meddle(site, '-e', f'cd {site.config}/tlsgate/stage && {edit}')
        refuse_unchanged(site, '[staged-differs]', environment=meddling(site))
        equal((site.folder / 'done').exists(), True)


def has_open(process, lock):
    """Whether the process waits for this very file, whatever its path is by now."""
    for path in pathlib.Path(f'/proc/{process.pid}/fd').iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                return True
    return False


def the_lock_of_postfix_is_waited_for():
    """A postconf that holds it makes main.cf of the locked file; the next one locks another of the same name
    (src/util/edit_file.c, 3.7)."""
    with HandsSite() as site:
        path = site.config / 'main.cf.tmp'

        def lock():
            file = path.open('w')
            fcntl.flock(file, fcntl.LOCK_EX)
            return file

        def waits_for(held):
            if process.poll() is not None:
                raise AssertionError(f'it did not wait: {process.communicate()}')
            return has_open(process, held)

        with lock() as first:
            site.date_back()
            process = subprocess.Popen([site.tlsmap, '-c', site.config, '-s', 'doc.json', 'apply', '--adopt'],
                                       cwd=site.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            until(lambda: waits_for(first), 'apply waits for the lock')
            path.unlink()
            second = lock()
        with second:
            until(lambda: waits_for(second), 'apply waits for the next lock')
            edited = site.main_cf.read_bytes() + b'relayhost = [by.hand.example]\n'
            site.write_main_cf(edited)
            path.unlink()
        errors = process.communicate(timeout=60)[1]
        equal((process.returncode, b'[main-cf-changed]' in errors), (78, True))
        equal((site.main_cf.read_bytes(), generations(site)), (edited, []))


def edits_beside_applies(n_edits, n_applies):
    """In bursts: while main.cf is younger than two seconds all of Postfix's programs wait."""
    burst = n_edits // n_applies
    with HandsSite() as site:
        failures = []

        def edit():
            for number in range(n_edits):
                run = subprocess.run(['postconf', '-c', site.config, '-e', f'by_hand_{number}={number}'],
                                     capture_output=True)
                failures.extend([run] if run.returncode else [])
                if number % burst == burst - 1:
                    time.sleep(random.uniform(2, 4))

        editor = threading.Thread(target=edit)
        editor.start()
        outcomes = []
        while editor.is_alive() or len(outcomes) < n_applies:
            level = ('encrypt', 'may')[len(outcomes) % 2]
            site.write('doc.json', site.document | {'send': {'security_level': level}})
            run = site.apply()
            outcomes.append(run.returncode)
            if run.returncode == 78:
                equal(b'[main-cf-changed]' in run.stderr, True)
            else:
                equal((run.returncode, run.stderr), (0, b''))
                equal(f'smtp_tls_security_level = {level}\n' in site.main_cf.read_text(), True)
        editor.join()
        equal(failures, [])
        found = re.findall(r'(?m)^by_hand_(\d+) = \1$', site.main_cf.read_text())
        equal(sorted(map(int, found)), list(range(n_edits)))
        return f'{n_edits} edits, {len(outcomes)} applies, of which {outcomes.count(78)} refused'


def main():
    tap = Tap()
    for name, shape in SHAPES.items():
        tap.check(f'kept/{name}', the_rest_is_kept, shape, [b'unused-parameter'] if name == 'references' else [])
    for case in (link_owner_mode_and_attributes_are_kept, nothing_else_is_touched,
                 a_fallback_table_that_answers_is_taken, a_note_of_what_waits_that_is_damaged_is_in_doubt,
                 what_nobody_confirms_goes_back_over_a_number_without_a_generation,
                 an_edit_back_to_what_postfix_is_delivered_with_is_an_edit,
                 what_main_cf_names_is_in_force_whoever_edited_it,
                 a_lock_file_that_was_left_is_no_obstacle, whatever_the_umask, meta_directory_in_the_configuration):
        tap.check(case.__name__.replace('_', '-'), case)
    for name, (change, words) in UNUSABLE.items():
        tap.check(f'unusable/{name}', what_can_not_serve_is_refused, change, words)
    for name, when in {'before-the-copies-are-edited': '-e', 'after-that': '-Me'}.items():
        tap.check(f'edited-meanwhile/{name}', an_edit_while_apply_is_at_work, when)
    for name, edit in COPIES.items():
        tap.check(f'edited-copies/{name}', a_copy_that_is_not_as_planned, edit)
    tap.check('the-lock-of-postfix-is-waited-for', the_lock_of_postfix_is_waited_for)
    if '--all' in sys.argv:
        tap.check('edits-beside-applies', lambda: tap.note(edits_beside_applies(1000, 50)))
    return tap.finish()


sys.exit(main())
