#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd units of policyd: understood by systemd, and true to what Postfix and policyd do.

Usage: units.py POLICYD SERVICE SOCKET. Prints TAP. That readiness, the watchdog and the drain work is
tested in server.py."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'lib'))
from tap import Skip, Tap, equal  # noqa: E402

POLICYD, SERVICE, SOCKET = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
SECONDS = {'ms': 0.001, 's': 1, '': 1, 'min': 60}


def settings(path):
    """{name: value}; none of these units says one twice."""
    pairs = re.findall(r'^(\w+)=(.*)$', path.read_text(), re.M)
    equal(len(dict(pairs)), len(pairs))
    return dict(pairs)


def seconds(text):
    number, unit = re.fullmatch(r'(\d+)(\w*)', text).groups()
    return int(number) * SECONDS[unit]


def constant(path, pattern):
    found = re.findall(pattern, (ROOT / path).read_text())
    equal(len(found), 1)
    return int(found[0])


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


def verified(service, socket):
    """What systemd says of copies whose program is there: nothing where all is well."""
    analyze = shutil.which('systemd-analyze')
    if analyze is None:
        raise Skip('there is no systemd-analyze')
    with tempfile.TemporaryDirectory() as directory:
        places = []
        for path, text in (SOCKET, socket), (SERVICE, service):
            copy = pathlib.Path(directory) / path.name
            copy.write_text(re.sub(r'^ExecStart=\S+', f'ExecStart={POLICYD}', text, flags=re.M))
            places.append(copy.with_name(copy.name.replace('@.', '@postfix.')))
        done = run(analyze, 'verify', '--man=no', *places)
        return done.returncode, done.stdout + done.stderr


def systemd_understands_them():
    equal(verified(SERVICE.read_text(), SOCKET.read_text()), (0, ''))


def systemd_would_complain():
    """The proof can fail: it does, where a key is misspelt."""
    status, text = verified(SERVICE.read_text().replace('WatchdogSec=', 'WatchdogSecs='), SOCKET.read_text())
    equal((status != 0 or text != '', 'WatchdogSecs' in text), (True, True))


def smtpd_finds_the_socket():
    """Below queue_directory, at the place that tlsmap writes to main.cf, for mail_owner alone."""
    place = re.search(r'#define MAINCF_SYSTEM_SOCKET "([^"]+)"', (ROOT / 'tlsmap' / 'maincf.h').read_text()).group(1)
    unit = settings(SOCKET)
    equal((unit['ListenStream'], unit['SocketUser'], unit['SocketMode'], unit['DirectoryMode']),
          (f'/var/spool/%i/{place}', 'postfix', '0600', '0755'))
    equal('Accept' in unit, False)


def the_command_is_one_that_policyd_takes():
    """With a place of ours in place of the instance; it says that it has no client, and nothing else."""
    program, *arguments = settings(SERVICE)['ExecStart'].split()
    equal(program.endswith('/libexec/tlsgate/policyd'), True)
    equal(arguments, ['--generations', '/etc/%i/tlsgate/gen'])
    done = subprocess.run([POLICYD, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    equal((done.returncode, done.stdout, done.stderr), (0, b'', b''))


def a_dead_or_silent_server_is_started_again():
    service, socket = settings(SERVICE), settings(SOCKET)
    equal((service['Type'], service['Restart'], service['StartLimitIntervalSec'], socket['TriggerLimitIntervalSec']),
          ('notify', 'on-failure', '0', '0'))
    # Twice what sd_watchdog_enabled(3) asks for, so that a busy machine is no reason.
    sweep = constant('policyd/server.c', r'#define SWEEP_INTERVAL_MS (\d+)') / 1000
    equal(seconds(service['WatchdogSec']) >= 4 * sweep, True)


def the_drain_has_its_time():
    drain = constant('policyd/server.c', r'#define DRAIN_US \((\d+) \*')
    equal(seconds(settings(SERVICE)['TimeoutStopSec']) > drain, True)


def there_are_files_for_all_connections():
    connections = constant('policyd/server.h', r'#define SERVER_MAX_CONNECTIONS (\d+)')
    spare = constant('policyd/server.c', r'#define SPARE_DESCRIPTORS (\d+)')
    equal(int(settings(SERVICE)['LimitNOFILE']), connections + spare)


def the_user_is_that_of_the_document():
    user = re.search(r'#define DEFAULT_POLICYD_USER "(\w+)"', (ROOT / 'schema' / 'load.c').read_text()).group(1)
    equal(settings(SERVICE)['User'], user)


def the_manual_names_them():
    text = (ROOT / 'policyd' / 'policyd.8').read_text()
    equal(SOCKET.name.replace('@.', '@postfix.') in text, True)


def main():
    tap = Tap()
    for rule in (systemd_understands_them, systemd_would_complain, smtpd_finds_the_socket,
                 the_command_is_one_that_policyd_takes, a_dead_or_silent_server_is_started_again,
                 the_drain_has_its_time, there_are_files_for_all_connections, the_user_is_that_of_the_document,
                 the_manual_names_them):
        tap.check(rule.__name__.replace('_', '-'), rule)
    return tap.finish()


sys.exit(main())
