#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""routes: where mail goes and which rows of the document hold there, by the tables and parameters of a Postfix
that is not running. That it is so on a running one is shown by tests/e2e/test_routes.py and test_explain.py.

Usage: routes.py TLSMAP"""
import contextlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'lib'))
from site_postfix import Site  # noqa: E402
from tap import Tap, equal  # noqa: E402

FILES = {
    'transport': 'own.test smtp:[own.hop]\n.below.test smtp:below.hop:26\nuser@one.test relay:[One.Hop]\n'
                 'plain.test smtp:\nsame.test :\nhop.test :[hop.hop]\ndead.test error:no\nlocal.test local\n',
    'everybody': 'own.test smtp:[own.hop]\n* smtp:[all.hop]\n',
    'senders': 'a@from.test [a.hop]\n@at.test [at.hop]\n<> [null.hop]\ndunno@at.test DUNNO\n',
    'transports': '@at.test relay:[at.hop]\n',
    'domains': 'table.test x\nunder.test x\n',
    'host': 'a.test smtp:host.hop\n',
    'two': 'a.test smtp:[two.hop]\nb.test smtp:[two.hop]\n',
    'list': '# none.test\nfile.test, !not.test\n',
}
MAPS = {'transport_maps': 'texthash:transport'}
SENDERS = {'relayhost': '[relay.hop]', 'sender_dependent_relayhost_maps': 'texthash:senders'}
RELAY = {'relay_domains': 'texthash:domains, list, .dot.test', 'relay_transport': 'relay:[relay.hop]'}
LOCAL = 'local (mydestination)'
MAILBOX = 'virtual mailbox (virtual_mailbox_domains)'
RELAYED = 'relay (relay_domains)'

# Name, parameters, recipient, sender, and: class, transport, next-hop.
ROUTES = (
    ('the-domain-itself', {}, 'u@Some.test', None, ('default', 'smtp', 'some.test')),
    ('an-exact-row', MAPS, 'u@own.test', None, ('default', 'smtp', '[own.hop]')),
    ('a-row-is-not-for-what-is-below', MAPS, 'u@a.own.test', None, ('default', 'smtp', 'a.own.test')),
    ('a-row-for-all-below', MAPS, 'u@b.a.below.test', None, ('default', 'smtp', 'below.hop:26')),
    ('it-is-not-for-the-domain', MAPS, 'u@below.test', None, ('default', 'smtp', 'below.test')),
    ('parents-where-they-match', {**MAPS, 'parent_domain_matches_subdomains': 'transport_maps'}, 'u@a.own.test', None,
     ('default', 'smtp', '[own.hop]')),
    ('an-address', MAPS, 'User@one.test', None, ('default', 'relay', '[one.hop]')),
    ('its-extension', {**MAPS, 'recipient_delimiter': '+'}, 'user+x@one.test', None, ('default', 'relay', '[one.hop]')),
    ('no-extension-without-delimiter', MAPS, 'user+x@one.test', None, ('default', 'smtp', 'one.test')),
    ('the-row-for-all', {'transport_maps': 'texthash:everybody'}, 'u@some.test', None,
     ('default', 'smtp', '[all.hop]')),
    ('a-transport-alone-is-the-domain', {**MAPS, **SENDERS}, 'u@plain.test', 'a@from.test',
     ('default', 'smtp', 'plain.test')),
    ('a-colon-changes-nothing', {**MAPS, **SENDERS}, 'u@same.test', 'a@from.test', ('default', 'smtp', '[a.hop]')),
    ('a-next-hop-alone', {**MAPS, **SENDERS}, 'u@hop.test', None, ('default', 'smtp', '[hop.hop]')),
    ('relayhost', SENDERS, 'u@some.test', None, ('default', 'smtp', '[relay.hop]')),
    ('relayhost-of-an-address', SENDERS, 'u@some.test', 'A@from.test', ('default', 'smtp', '[a.hop]')),
    ('relayhost-of-a-domain', SENDERS, 'u@some.test', 'x@at.test', ('default', 'smtp', '[at.hop]')),
    ('dunno-is-none', SENDERS, 'u@some.test', 'dunno@at.test', ('default', 'smtp', '[relay.hop]')),
    ('relayhost-of-the-null-sender', SENDERS, 'u@some.test', '<>', ('default', 'smtp', '[null.hop]')),
    ('default-transport-before-relayhost', {**SENDERS, 'default_transport': 'relay:[default.hop]'}, 'u@some.test',
     'a@from.test', ('default', 'relay', '[default.hop]')),
    ('transport-of-senders', {'sender_dependent_default_transport_maps': 'texthash:transports'}, 'u@some.test',
     'x@at.test', ('default', 'relay', '[at.hop]')),
    ('relay-domain-of-a-table', RELAY, 'u@table.test', None, (RELAYED, 'relay', '[relay.hop]')),
    ('relay-domain-under-a-table', RELAY, 'u@a.under.test', None, (RELAYED, 'relay', '[relay.hop]')),
    ('relay-domain-of-a-file', RELAY, 'u@file.test', None, (RELAYED, 'relay', '[relay.hop]')),
    ('relay-domain-that-is-excepted', {**RELAY, 'relay_domains': 'list, not.test'}, 'u@not.test', None,
     ('default', 'smtp', 'not.test')),
    ('relay-domain-by-dot', {**RELAY, 'parent_domain_matches_subdomains': ''}, 'u@a.dot.test', None,
     (RELAYED, 'relay', '[relay.hop]')),
    ('relay-domain-by-parent', {**RELAY, 'relay_domains': 'parent.test'}, 'u@a.parent.test', None,
     (RELAYED, 'relay', '[relay.hop]')),
    ('transport-of-senders-is-not-for-relay-domains',
     {**RELAY, 'sender_dependent_default_transport_maps': 'texthash:transports', 'relay_transport': 'relay'},
     'u@table.test', 'x@at.test', (RELAYED, 'relay', 'table.test')),
    ('local', {'mydestination': 'here.test'}, 'u@here.test', None, (LOCAL, 'local', 'gw.example')),
    ('mailboxes', {'virtual_mailbox_domains': 'box.test', 'virtual_transport': 'lmtp:unix:private/box'}, 'u@box.test',
     None, (MAILBOX, 'lmtp', 'unix:private/box')),
    ('aliases', {'virtual_alias_domains': 'alias.test', **MAPS}, 'u@alias.test', None,
     ('virtual alias (virtual_alias_domains)', 'error', 'alias.test')),
)


def row(destination, level='encrypt', **more):
    return {'destination': destination, 'security_level': level, **more}


# Name, parameters, rows, and: identifiers of errors, keys beside those of the rows.
KEYS = (
    ('own-next-hop', MAPS, [row('own.test')], set(), {'[own.hop]'}),
    ('own-next-hop-of-an-address', MAPS, [row('one.test')], set(), {'[one.hop]'}),
    ('next-hop-of-all-below', MAPS, [row('.below.test')], set(), {'below.hop:26'}),
    ('a-row-without-a-route', MAPS, [row('else.test')], set(), set()),
    ('no-mail-goes', MAPS, [row('dead.test'), row('local.test')], set(), set()),
    ('two-rows-that-say-the-same', {'transport_maps': 'texthash:two'}, [row('a.test'), row('b.test')], set(),
     {'[two.hop]'}),
    ('two-rows-that-differ', {'transport_maps': 'texthash:two'}, [row('a.test'), row('b.test', 'may')],
     {'route-shared'}, set()),
    ('one-row-of-two', {'transport_maps': 'texthash:two'}, [row('a.test')], {'route-shared'}, set()),
    ('the-other-row-of-two', {'transport_maps': 'texthash:two'}, [row('b.test')], {'route-shared'}, set()),
    ('all-below-share-it', {'transport_maps': 'texthash:everybody'}, [row('some.test')], {'route-shared'}, set()),
    ('what-the-level-says-already', {'relayhost': '[relay.hop]'}, [row('some.test', 'may')], set(), set()),
    ('a-pin-is-more-than-the-level', {'relayhost': '[relay.hop]'},
     [row('some.test', 'encrypt', min_protocol='TLSv1.3')], {'route-shared'}, set()),
    ('a-row-for-the-relayhost', {'relayhost': '[relay.hop]'}, [row('some.test'), row('[relay.hop]', 'secure')], set(),
     set()),
    ('a-weaker-row-for-the-relayhost', {'relayhost': '[relay.hop]'}, [row('some.test'), row('[relay.hop]', 'may')],
     {'route-row-weaker'}, set()),
    ('a-row-with-more-than-the-relayhosts', {'relayhost': '[relay.hop]'},
     [row('some.test', min_protocol='TLSv1.3'), row('[relay.hop]', 'secure')], {'route-row-weaker'}, set()),
    ('a-fallback-relay', {'smtp_fallback_relay': '[back.hop]'}, [row('some.test')], {'route-shared'}, set()),
    ('senders', {'sender_dependent_relayhost_maps': 'texthash:senders'}, [row('some.test')], {'route-shared'}, set()),
    ('senders-do-not-matter-for-a-route', {**MAPS, 'sender_dependent_relayhost_maps': 'texthash:senders'},
     [row('plain.test')], set(), set()),
    ('a-row-under-a-domain', {'transport_maps': 'texthash:host'}, [row('a.test')], set(), {'host.hop'}),
    ('a-weaker-row-under-a-domain', {'transport_maps': 'texthash:host'}, [row('a.test', 'none')], {'route-shared'},
     set()),
    ('a-row-beside-what-is-not-listed', {'transport_maps': 'texthash:transport, inline:{x.test=error:}'},
     [row('own.test')], set(), {'[own.hop]'}),
    ('a-weaker-row-beside-what-is-not-listed', {'transport_maps': 'texthash:transport, inline:{x.test=error:}'},
     [row('own.test', 'none')], {'route-unknown'}, set()),
    ('lmtp', {'virtual_mailbox_domains': 'box.test', 'virtual_transport': 'lmtp:unix:private/box'}, [row('box.test')],
     {'route-by-lmtp'}, set()),
    ('a-table-that-fails', {'transport_maps': 'texthash:absent'}, [row('some.test')], None, set()),
)


SERVICES = ''.join(f'{name} unix - n n - - {command}\n' for name, command in (
    ('relay', 'smtp'), ('lmtp', 'lmtp'), ('local', 'local'), ('virtual', 'virtual'), ('error', 'error')))


@contextlib.contextmanager
def routed(parameters):
    """A site with these parameters and all of the files."""
    with Site() as site:
        for name, text in FILES.items():
            (site.config / name).write_text(text)
        with open(site.config / 'master.cf', 'a', encoding='utf-8') as master_cf:
            master_cf.write(SERVICES)
        with open(site.config / 'main.cf', 'a', encoding='utf-8') as main_cf:
            for name, value in parameters.items():
                value = value.replace('texthash:', f'texthash:{site.config}/')
                items = [f'{site.config}/list' if item == 'list' else item for item in value.split(', ')]
                main_cf.write(f'{name} = {", ".join(items)}\n')
        yield site


def run_json(site, *arguments):
    run = site.run('--json', *arguments)
    return run.returncode, json.loads(run.stdout)


def check_route(parameters, recipient, sender, wanted):
    with routed(parameters) as site:
        site.write('doc.json', {})
        options = ['--sender', sender] if sender else []
        code, found = run_json(site, '-s', 'doc.json', 'explain', 'send', recipient, *options)
        equal(code, 0)
        explained = found['explained_send']
        equal((explained['class'], explained['transport'], explained['next_hop']), wanted)


def check_keys(parameters, rows, errors, keys):
    with routed(parameters) as site:
        site.write('doc.json', {'receive': {'security_level': 'none'},
                                'send': {'security_level': 'may', 'trusted_ca_file': '/etc/ssl/certs/ca-certificates.crt',
                                         'domains': rows}})
        code, found = run_json(site, '-s', 'doc.json', 'plan')
        if errors is None:
            equal(code, 69)
            return
        equal({finding['id'] for finding in found['findings'] if finding['id'].startswith('route-')}, errors)
        equal(code, 78 if errors else 1)
        printed = site.run('-s', 'doc.json', 'render', 'tls_policy').stdout.decode()
        found_keys = {line.split('\t')[0] for line in printed.splitlines()}
        equal(found_keys - {each['destination'] for each in rows} if not errors else keys, keys)


def main():
    tap = Tap()
    for name, parameters, recipient, sender, wanted in ROUTES:
        tap.check(f'route-{name}', check_route, parameters, recipient, sender, wanted)
    for name, parameters, rows, errors, keys in KEYS:
        tap.check(f'keys-{name}', check_keys, parameters, rows, errors, keys)
    sys.exit(tap.finish())


if __name__ == '__main__':
    main()
