#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""generations: which of them are kept. On a Postfix that never runs, where an apply is quick."""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from site_postfix import Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

DAY = 24 * 60 * 60


def apply(site, number):
    site.write('doc.json', {'receive': {'security_level': 'none'}, 'send': {'domains': [
        {'destination': f'n{number}.example', 'security_level': 'encrypt'}]}})
    site.succeed('-s', 'doc.json', 'apply')


def present(site):
    return sorted(int(path.name) for path in (site.config / 'tlsgate/gen').iterdir() if path.name.isdigit())


def date_back(site, number, seconds):
    when = time.time() - seconds
    os.utime(site.config / f'tlsgate/gen/{number}/manifest.json', (when, when))


def young_generations_stay(site):
    for number in range(1, 13):
        apply(site, number)
    equal(present(site), list(range(13)))


def those_of_the_last_day_stay(site):
    """3 went out of force when 4 came: an hour ago; 1 and 2 long before."""
    for number, seconds in ((1, 5 * DAY), (2, 3 * DAY), (3, 2 * DAY), (4, 60 * 60)):
        date_back(site, number, seconds)
    apply(site, 13)
    equal(present(site), [0, *range(3, 14)])


def the_last_ten_stay_however_old(site):
    for number in range(3, 14):
        date_back(site, number, 30 * DAY)
    apply(site, 14)
    equal(present(site), [0, *range(5, 15)])


def a_number_is_never_used_again(site):
    equal(site.succeed('history').stdout.decode().splitlines()[-1].split('\t')[0], '14')
    apply(site, 15)
    equal(present(site)[-1], 15)


def a_changed_table_of_spellings_is_built_anew(site):
    table = site.config / 'tlsgate/gen/15/tls_spellings'
    whole = table.read_bytes()
    table.write_bytes(whole.replace(b'encrypt', b'may'))
    plan = site.run('-s', 'doc.json', 'plan')
    equal((plan.returncode, plan.stdout.decode().splitlines()[:-1]),
          (1, ['row (spellings): not as this tlsmap has them -> built anew [equal]']))
    site.succeed('-s', 'doc.json', 'apply')
    equal((site.config / 'tlsgate/gen/16/tls_spellings').read_bytes(), whole)


def what_is_in_force_is_whole(site):
    equal(site.succeed('-s', 'doc.json', 'plan').stdout, b'')
    site.succeed('-s', 'doc.json', 'status')


def main():
    tap = Tap()
    with Site() as site:
        for case in (young_generations_stay, those_of_the_last_day_stay, the_last_ten_stay_however_old,
                     a_number_is_never_used_again, a_changed_table_of_spellings_is_built_anew,
                     what_is_in_force_is_whole):
            tap.check(case.__name__.replace('_', '-'), case, site)
    return tap.finish()


sys.exit(main())
