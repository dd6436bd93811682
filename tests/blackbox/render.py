#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""render: tlsmap render -o, which writes a directory.

Usage: render.py TLSMAP POLICYD"""
import os
import pathlib
import shutil
import stat
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lib'))
from site_postfix import MASTER_CF, Site, tree  # noqa: E402
from tap import Tap, equal  # noqa: E402

POLICYD = os.path.abspath(sys.argv[2])
FILES = ['.tlsmap-render', 'main.cf', 'master.cf', 'rules.db', 'tls_policy', 'tls_spellings']
RULED = {'receive': {'security_level': 'may', 'rules': [{'name': 'bank', 'sender_domains': ['bank.example']}]},
         'send': {'domains': [{'destination': 'a.example', 'security_level': 'encrypt'}]}}


def postconf(folder, *arguments):
    return subprocess.run(['postconf', '-c', folder, *arguments], check=True, capture_output=True,
                          text=True).stdout


def values(text):
    return dict(line.split(' =', 1) for line in text.splitlines())


def five_files_and_their_modes():
    with Site() as site:
        site.write('doc.json', RULED)
        site.succeed('-s', 'doc.json', 'render', '-o', 'out', umask=0o077)
        out = site.folder / 'out'
        equal(sorted(path.name for path in out.iterdir()), FILES)
        equal(stat.S_IMODE(out.stat().st_mode), 0o755)
        equal({stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()}, {0o644})
        equal((out / 'tls_policy').read_text(), 'a.example\tencrypt\n')
        subprocess.run([POLICYD, '--check', out / 'rules.db'], check=True, capture_output=True)


def live_files_are_merged():
    with Site(smtpd_data_restrictions='reject_unauth_pipelining', smtp_tls_security_level='dane') as site:
        site.write('doc.json', RULED)
        before = (site.config / 'main.cf').read_text()
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        # The very values that render prints, and all that was there before.
        printed = values(site.succeed('-s', 'doc.json', 'render').stdout.decode())
        found = values(postconf(site.folder / 'out', '-n'))
        equal({name: found.get(name) for name in printed}, printed)
        equal(printed['smtpd_data_restrictions'], ' $tlsgate_policy, reject_unauth_pipelining')
        kept = [line for line in before.splitlines() if 'restrictions' not in line and '_tls_' not in line]
        equal((site.folder / 'out' / 'main.cf').read_text().splitlines()[:len(kept)], kept)
        master = (site.folder / 'out' / 'master.cf').read_text()
        equal(master[:len(MASTER_CF)], MASTER_CF)
        assert 'argv=/usr/libexec/tlsgate/policyd' in master, master


def site_values(directory):
    """Without config_directory, of which postconf 3.10 and 3.11 name the default for a main.cf of this very second."""
    found = values(postconf(directory, '-n'))
    found.pop('config_directory', None)
    return found


def what_apply_writes_is_what_render_wrote():
    document = {'receive': {'security_level': 'none'}, 'send': RULED['send']}
    with Site() as site:
        site.write('doc.json', document)
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        site.succeed('-s', 'doc.json', 'apply')
        for name in ('main.cf', 'master.cf'):
            equal((site.folder / 'out' / name).read_text(), (site.config / name).read_text())
        for name in ('tls_policy', 'tls_spellings'):
            equal((site.folder / 'out' / name).read_bytes(), (site.config / 'tlsgate/gen/1' / name).read_bytes())
        # The number is 1 whatever is in force.
        site.write('other.json', {**document, 'send': {}})
        site.succeed('-s', 'other.json', 'apply')
        site.succeed('-s', 'doc.json', 'apply')
        assert '/gen/3/' in postconf(site.config, '-h', 'smtp_tls_policy_maps')
        site.succeed('-s', 'doc.json', 'render', '-o', 'again')
        equal(site_values(site.folder / 'again'), site_values(site.folder / 'out'))


def without_postfix_only_our_values():
    with Site.without_postfix() as site:
        site.write('doc.json', RULED)
        run = site.succeed('-s', 'doc.json', 'render', '-o', 'out', '--postfix-version', '3.7')
        equal((site.folder / 'out' / 'main.cf').read_bytes(),
              site.succeed('-s', 'doc.json', 'render', '--postfix-version', '3.7').stdout)
        equal((site.folder / 'out' / 'master.cf').read_text(),
              'tlsgate unix - n n - 0 spawn user=tlsgate argv=/usr/libexec/tlsgate/policyd --generations '
              '/etc/postfix/tlsgate/gen\n')
        assert b'there is no Postfix 3.7 here to merge with' in run.stderr, run
        subprocess.run([POLICYD, '--check', site.folder / 'out' / 'rules.db'], check=True, capture_output=True)


def another_version_is_not_merged():
    with Site() as site:
        site.write('doc.json', RULED)
        for name, version in (('out', '3.12'), ('absent', '3.12')):
            options = ['-c', '/nonexistent'] if name == 'absent' else []
            run = site.succeed(*options, '-s', 'doc.json', 'render', '-o', name, '--postfix-version', version)
            assert b'there is no Postfix 3.12 here to merge with' in run.stderr, run
        equal(tree(site.folder / 'out'), tree(site.folder / 'absent'))


def same_input_gives_the_same_bytes():
    with Site() as site:
        site.write('doc.json', RULED)
        for name in ('one', 'two', 'three'):
            site.succeed('-s', 'doc.json', 'render', '-o', name)
        equal(tree(site.folder / 'one'), tree(site.folder / 'two'))
        equal(tree(site.folder / 'one'), tree(site.folder / 'three'))


def a_former_directory_is_replaced():
    with Site() as site:
        site.write('doc.json', RULED)
        site.write('plain.json', {})
        site.succeed('-s', 'plain.json', 'render', '-o', 'plain')
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        (site.folder / 'out' / 'note').write_text('mine')
        site.succeed('-s', 'plain.json', 'render', '-o', 'out/')
        found = tree(site.folder / 'out')
        equal(found.pop('note')[1], b'mine')
        equal(found, tree(site.folder / 'plain'))


def a_foreign_file_is_refused(name):
    with Site() as site:
        site.write('doc.json', RULED)
        out = site.folder / 'out'
        out.mkdir()
        (out / name).write_text('mine\n')
        before = tree(site.folder)
        site.refuse(73, f'holds a {name} that render -o did not write', '-s', 'doc.json', 'render', '-o', 'out')
        (out / name).unlink()
        (out / name).symlink_to('nowhere')
        site.refuse(73, 'did not write', '-s', 'doc.json', 'render', '-o', 'out')
        (out / name).unlink()
        (out / name).write_text('mine\n')
        equal(tree(site.folder), before)


def the_live_directory_is_refused():
    with Site() as site:
        site.write('doc.json', RULED)
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        shutil.copy(site.folder / 'out' / '.tlsmap-render', site.config)
        (site.folder / 'link').symlink_to(site.config)
        before = tree(site.folder)
        for name in ('etc', 'etc/', 'link', str(site.config), 'out/../etc'):
            site.refuse(73, 'is where this Postfix reads', '-s', 'doc.json', 'render', '-o', name)
        equal(tree(site.folder), before)


def nothing_outside_is_written():
    with Site() as site:
        site.write('doc.json', RULED)
        outside = site.folder / 'outside'
        outside.mkdir()
        (outside / 'precious').write_text('precious\n')
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        for name, target in (('main.cf', 'precious'), ('rules.db', 'new'), ('.tlsmap-render.new', '')):
            path = site.folder / 'out' / name
            path.unlink(missing_ok=True)
            path.symlink_to(outside / target)
        before = tree(site.folder)
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        changed = {name for name, what in (tree(site.folder).items() ^ before.items())}
        equal(sorted(changed), ['out/.tlsmap-render.new', 'out/main.cf', 'out/rules.db'])
        equal(sorted(path.name for path in (site.folder / 'out').iterdir()), FILES)


def a_secret_stays_one():
    with Site() as site:
        site.write('doc.json', RULED)
        (site.config / 'main.cf').chmod(0o640)
        site.succeed('-s', 'doc.json', 'render', '-o', 'out')
        equal({path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in (site.folder / 'out').iterdir()},
              {name: '0o640' if name == 'main.cf' else '0o644' for name in FILES})


def what_leaves_a_value_unknown_is_refused():
    with Site() as site:
        # A Postfix without the packages for cdb and lmdb.
        (site.folder / 'dynamicmaps.cf').write_text('')
        with open(site.config / 'main.cf', 'a', encoding='ascii') as file:
            file.write(f'meta_directory = {site.folder}\n')
        site.write('doc.json', RULED | {'postfix': {'table_type': 'cdb'}})
        site.refuse(78, '[no-table-type]', '-s', 'doc.json', 'render', '-o', 'out')
        equal(list((site.folder / 'out').iterdir()), [])
        site.write('doc.json', RULED)
        # From Debian 13 on hash is a package of its own too: then there is nothing left to choose.
        if 'hash' in subprocess.run(['postconf', '-c', site.config, '-m'], capture_output=True, text=True,
                                    check=True).stdout.split():
            printed = site.succeed('-s', 'doc.json', 'render').stdout.decode()
            assert 'smtp_tls_policy_maps = hash:' in printed, printed
        else:
            site.refuse(78, '[no-table-type]', '-s', 'doc.json', 'render', '-o', 'out')


def nowhere_to_write(name, status, words):
    with Site() as site:
        site.write('doc.json', RULED)
        (site.folder / 'file').write_text('')
        before = tree(site.folder)
        site.refuse(status, words, '-s', 'doc.json', 'render', '-o', name, unprivileged=status == 77)
        equal(tree(site.folder), before)


def main():
    tap = Tap()
    for case in (five_files_and_their_modes, live_files_are_merged, what_apply_writes_is_what_render_wrote,
                 without_postfix_only_our_values, another_version_is_not_merged,
                 same_input_gives_the_same_bytes, a_former_directory_is_replaced, the_live_directory_is_refused,
                 nothing_outside_is_written, a_secret_stays_one, what_leaves_a_value_unknown_is_refused):
        tap.check(case.__name__.replace('_', '-'), case)
    for name in FILES[1:]:
        tap.check(f'a-foreign-file-is-refused/{name}', a_foreign_file_is_refused, name)
    for name, status, words in (('no/out', 73, 'No such file'), ('file', 73, ''), ('file/out', 73, ''),
                                ('out', 77, 'Permission denied')):
        tap.check(f'nowhere-to-write/{name}-{status}', nowhere_to_write, name, status, words)
    return tap.finish()


sys.exit(main())
