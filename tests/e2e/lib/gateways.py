# SPDX-License-Identifier: Apache-2.0
"""Two flavours of gateway: a minimal Postfix, and the one that Debian's package sets up.

Both accept mail for gw.example from anyone and relay for clients in 127.0.0.0/8 and ::1.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from . import addresses
from .ca import Authorities
from .mailstore import MailStore
from .postfix import Postfix

# Domains that the minimal gateway delivers itself; every user exists.
LOCAL_DOMAINS = ("gw.example", "inside.example", "payments.example")

_QUEUES = {  # directory: (owner, group, mode), as Postfix's postfix-files has them
    "pid": ("root", "root", 0o755),
    "maildrop": ("postfix", "postdrop", 0o1730),
    "public": ("postfix", "postdrop", 0o2710),
    **{name: ("postfix", "root", 0o700) for name in (
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
        "private", "saved", "trace")}}

_MASTER = """\
# service type  private unpriv  chroot  wakeup  maxproc command + args
{inet}pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       n       -       -       lmtp
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
tlsproxy  unix  -       -       n       -       0       tlsproxy
postlog   unix-dgram n  -       n       -       1       postlogd
"""


# What postinst adds with postconf -e, in its order.
_DEBIAN_ANSWERS = """\
smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination
myhostname = {host}
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, {host}, localhost.{domain}, , localhost
relayhost = 
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = all
inet_protocols = all
"""


def private_instance(base: Path, name: str, parameters: dict[str, str | None], inet: str,
                     listens: list[tuple[str, int]], network: Path | None = None) -> Postfix:
    """A Postfix with directories, log and mail store of its own, not chrooted.

    inet holds the lines of master.cf that listen. A parameter that is None is left out.
    """
    root = base / "postfix" / name
    config, queue, data, log = (root / part for part in ("etc", "queue", "data", "log"))
    for directory in (config, queue, data, log):
        directory.mkdir(parents=True)
    make_queues(queue)
    _own(data, "postfix", "root", 0o700)
    store = MailStore(base / "mail" / name)
    store.directory.mkdir(parents=True)
    _own(store.directory, "vmail", "vmail", 0o755)
    vmail = pwd.getpwnam("vmail")
    settings: dict[str, str | None] = {
        "compatibility_level": "3.6",
        "queue_directory": str(queue),
        "data_directory": str(data),
        "meta_directory": "/etc/postfix",
        "maillog_file_prefixes": str(log),
        "maillog_file": str(log / "maillog"),
        "mydestination": "",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "mynetworks": "127.0.0.0/8 [::1]/128",
        "virtual_mailbox_base": str(store.directory),
        "virtual_mailbox_maps": "static:inbox/",
        "virtual_uid_maps": f"static:{vmail.pw_uid}",
        "virtual_gid_maps": f"static:{vmail.pw_gid}",
        "queue_run_delay": "300s",
        "smtpd_tls_loglevel": "1",
        "smtp_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
        **parameters}
    (config / "main.cf").write_text("".join(f"{parameter} = {value}\n" for parameter, value
                                            in settings.items() if value is not None))
    (config / "master.cf").write_text(_MASTER.format(inet=inet))
    instance = Postfix(name, config, queue, log / "maillog", listens, store, network=network)
    instance.cool_down()
    return instance


def minimal(base: Path, authorities: Authorities, parameters: dict[str, str | None],
            name: str = "gateway", hostname: str = addresses.HOSTNAME,
            listen: tuple[str, ...] = (addresses.LOCALHOST, addresses.GATEWAY,
                                       addresses.GATEWAY6)) -> Postfix:
    """A gateway with certificates but no word about TLS levels: those are for the test to set."""
    directory = authorities.directory
    return private_instance(base, name, {
        "myhostname": hostname,
        "inet_interfaces": ", ".join(listen),
        "virtual_mailbox_domains": ", ".join(LOCAL_DOMAINS),
        "smtpd_tls_chain_files": str(directory / "gateway.chain"),
        "smtpd_tls_CAfile": str(directory / "ca.pem"),
        "smtp_tls_CAfile": str(directory / "ca.pem"),
        **parameters}, "smtp      inet  n       -       n       -       -       smtpd\n",
        [(address, 25) for address in listen])


def debian(log_file: Path, snakeoil: tuple[Path, Path],
           parameters: dict[str, str | None]) -> Postfix:
    """What the package's postinst writes for an "Internet Site" on a host gw.example.

    Everything lies in the usual places (which are the world's own); main.cf and master.cf are
    exactly the package's, daemons are chrooted where it has "y", logs go to syslog. The mail
    administrator's address was answered with "user"; that account has the mailbox.
    """
    config, queue = Path("/etc/postfix"), Path("/var/spool/postfix")
    for file, target, mode in ((snakeoil[0], "/etc/ssl/certs/ssl-cert-snakeoil.pem", 0o644),
                               (snakeoil[1], "/etc/ssl/private/ssl-cert-snakeoil.key", 0o640)):
        shutil.copy(file, target)
        os.chmod(target, mode)
    for directory in ("dev", "etc", "lib", "usr/lib/sasl2", "usr/lib/zoneinfo"):
        (queue / directory).mkdir(parents=True, exist_ok=True)
    make_queues(queue)
    Path("/etc/aliases").write_text("# See man 5 aliases for format\npostmaster:    root\n"
                                    "root:\tuser\n", encoding="ascii")
    share = Path("/usr/share/postfix")
    domain = addresses.HOSTNAME.partition(".")[2]
    (config / "main.cf").write_text(
        (share / "main.cf.debian").read_text() + (share / "main.cf.tls").read_text()
        + _DEBIAN_ANSWERS.format(host=addresses.HOSTNAME, domain=domain))
    shutil.copy(share / "master.cf.dist", config / "master.cf")
    gateway = Postfix("debian", config, queue, log_file, [("0.0.0.0", 25), ("::", 25)],
                      MailStore(Path("/var/mail")), prepare=_configure_instance)
    gateway.set(**parameters)
    subprocess.run(["newaliases"], check=True)
    return gateway


def make_queues(queue: Path) -> None:
    """Make what a first start makes, so that it may be a quick one."""
    for name, (owner, group, mode) in _QUEUES.items():
        (queue / name).mkdir(exist_ok=True)
        _own(queue / name, owner, group, mode)


def _configure_instance() -> None:
    """Fill the chroot as Debian's service unit does before each start."""
    subprocess.run(["/usr/lib/postfix/configure-instance.sh", "-"], check=True,
                   stdin=subprocess.DEVNULL)


def _own(path: Path, owner: str, group: str, mode: int) -> None:
    os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    path.chmod(mode)
