# SPDX-License-Identifier: Apache-2.0
"""A configured Postfix that never runs, in a temporary folder, and tlsmap beside it.

    with Site(smtp_tls_security_level='may') as site:
        site.write('doc.json', {})
        run = site.run('-s', 'doc.json', 'plan')
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tap import equal

NOBODY = 65534
MASTER_CF = 'smtp inet n - y - - smtpd\nsmtp unix - - y - - smtp\n'


class Site:
    """tlsmap is what the first argument of the test names; parameters go into main.cf."""

    def __init__(self, is_configured=True, **parameters):
        self.is_configured, self.parameters = is_configured, parameters

    @classmethod
    def without_postfix(cls):
        return cls(is_configured=False)

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp()).resolve()
        self.folder.chmod(0o755)
        self.config = self.folder / 'etc'
        # A copy, because nobody may not be let in where it was built.
        self.tlsmap = shutil.copy(sys.argv[1], self.folder / 'tlsmap')
        if self.is_configured:
            for name in ('etc', 'spool', 'data'):
                (self.folder / name).mkdir()
            values = {'compatibility_level': '3.6', 'queue_directory': self.folder / 'spool',
                      'data_directory': self.folder / 'data', 'myhostname': 'gw.example', **self.parameters}
            (self.config / 'main.cf').write_text(''.join(f'{name} = {value}\n' for name, value in values.items()))
            (self.config / 'master.cf').write_text(MASTER_CF)
        return self

    def date_back(self):
        """Postfix's programs wait until main.cf has been as it is for two seconds."""
        for path in self.config.glob('*') if self.is_configured else ():
            if path.is_file() and not path.is_symlink():
                os.utime(path, (1, 1))

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def write(self, name, document):
        path = self.folder / name
        path.write_text(json.dumps(document))
        return path

    def run(self, *arguments, folder=None, unprivileged=False, is_found=True, environment=(), **options):
        """Run tlsmap in the site's folder; is_found: MAIL_CONFIG names the site's Postfix, or none."""
        self.date_back()
        everything = {**os.environ, **dict(environment)}
        if is_found:
            everything['MAIL_CONFIG'] = str(self.config)
        if unprivileged and os.geteuid() == 0:
            options |= {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}
        if 'stdout' not in options:
            options['capture_output'] = True
        return subprocess.run([self.tlsmap, *arguments], cwd=folder or self.folder, env=everything, timeout=120,
                              stdin=subprocess.DEVNULL, **options)

    def succeed(self, *arguments, **options):
        run = self.run(*arguments, **options)
        if run.returncode:
            raise AssertionError(run)
        return run

    def refuse(self, status, words, *arguments, **options):
        """It ends with status, and says words on standard error."""
        run = self.run(*arguments, **options)
        equal((run.returncode, run.stdout), (status, b''))
        if words not in run.stderr.decode():
            raise AssertionError(f'{words!r} is not in {run.stderr!r}')


def tree(folder):
    """All that is below, with its kind, mode and content."""
    return {str(path.relative_to(folder)): (
        oct(path.lstat().st_mode), os.readlink(path) if path.is_symlink() else
        path.read_bytes() if path.is_file() else '') for path in sorted(folder.rglob('*'))}
