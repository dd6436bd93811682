# SPDX-License-Identifier: Apache-2.0
"""Run the calling script where nothing it does can reach or outlive the machine it runs on.

enter() executes the script again below unshare(1), in network, mount, process and host name
namespaces of its own. There it has

- only loopback, with the addresses of the world on it (addresses.py);
- one tmpfs that holds all state; private copies of /etc, /dev, /run and of Postfix's and the
  logs' directories below /var are bound over the real ones;
- process 1, which reaps what daemons leave and ends with the script.

When the outermost process ends, by SIGKILL too, the kernel kills process 1 (--kill-child), with
it every process of the world, and with the last of them the mounts, the tmpfs and the network.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path

from . import addresses

_STAGE = "TLSGATE_WORLD_STAGE"
_UNSHARE = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child",
            "--mount-proc", "--"]
_MS_BIND, _MS_REC = 0x1000, 0x4000
_libc = ctypes.CDLL(None, use_errno=True)

# System accounts of the world: policyd runs as the first, the second owns delivered mail, the
# third has a mailbox in the way of a Unix account.
ACCOUNTS = ("tlsgate", "vmail", "user")


def enter() -> Path:
    """Return, inside the namespaces, the directory on the tmpfs. Never returns outside them."""
    if os.environ.pop(_STAGE, None) is None:
        os.environ[_STAGE] = "inside"
        sys.stdout.flush()
        os.execvp(_UNSHARE[0], _UNSHARE + [sys.executable, *sys.argv])
    _leave_init_behind()
    base = _free_directory()
    _mount("tmpfs", base, "tmpfs", 0, "mode=0755")
    _private_etc(base)
    _private_var_and_run(base)
    _private_dev(base)
    _private_tmp(base)
    subprocess.run(["ip", "-batch", "-"], input=addresses.gateway_side(), text=True, check=True)
    return base


def partner_network(base: Path) -> Path:
    """Make the network where the partners' servers live; return its file for nsenter(1).

    It is a network of its own because a Postfix with "inet_interfaces = all", as Debian's, takes
    port 25 of every address on its side.
    """
    handle = base / "partner-network"
    handle.touch()
    subprocess.run(["unshare", f"--net={handle}", "true"], check=True)
    subprocess.run(["ip", "-batch", "-"], text=True, check=True,
                   input=addresses.link_to_partners(handle))
    subprocess.run(["nsenter", f"--net={handle}", "ip", "-batch", "-"], text=True, check=True,
                   input=addresses.partner_side())
    return handle


def _leave_init_behind() -> None:
    """Go on in a child; stay as process 1, which reaps orphans and ends as the child ends."""
    child = os.fork()
    if child == 0:
        return
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda received, _frame: os._exit(128 + received))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _free_directory() -> Path:
    """A directory that every Linux system has and that hides nothing we need when covered."""
    needed = [Path(sys.argv[0]).resolve(), Path.cwd(), Path(sys.executable).resolve()]
    for name in ("/mnt", "/media", "/srv"):
        directory = Path(name)
        if directory.is_dir() and not any(path.is_relative_to(directory) for path in needed):
            return directory
    raise SystemExit("none of /mnt, /media, /srv can be covered by the test world")


def _private_etc(base: Path) -> None:
    etc = base / "etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    for name, text in {
            "resolv.conf": f"nameserver {addresses.RESOLVER}\n"
                           "options trust-ad timeout:2 attempts:1\n",
            "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
                     f"{addresses.GATEWAY} {addresses.HOSTNAME} "
                     f"{addresses.HOSTNAME.partition('.')[0]}\n",
            "hostname": f"{addresses.HOSTNAME.partition('.')[0]}\n",
            "mailname": f"{addresses.HOSTNAME}\n"}.items():
        (etc / name).unlink(missing_ok=True)
        (etc / name).write_text(text)
    # Whatever Postfix this machine runs: in the world a forgotten -c shall fail loudly.
    (etc / "postfix/main.cf").unlink(missing_ok=True)
    _mount(etc, "/etc", None, _MS_BIND)
    socket.sethostname(addresses.HOSTNAME.partition(".")[0])
    for account in ACCOUNTS:
        _add_account(account)


def _add_account(name: str) -> None:
    users, groups = pwd.getpwall(), grp.getgrall()
    if any(entry.pw_name == name for entry in users):
        return
    taken = {entry.pw_uid for entry in users} | {entry.gr_gid for entry in groups}
    number = next(n for n in range(980, 100, -1) if n not in taken)
    with open("/etc/group", "a", encoding="utf-8") as group:
        group.write(f"{name}:x:{number}:\n")
    with open("/etc/passwd", "a", encoding="utf-8") as passwd:
        passwd.write(f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")


def _private_var_and_run(base: Path) -> None:
    for name, mode in (("var/spool/postfix", 0o755), ("var/lib/postfix", 0o755),
                       ("var/log", 0o755), ("var/mail", 0o2775), ("run", 0o755)):
        directory = base / name
        directory.mkdir(parents=True)
        directory.chmod(mode)
        _mount(directory, f"/{name}", None, _MS_BIND)
    postfix = pwd.getpwnam("postfix")
    os.chown("/var/lib/postfix", postfix.pw_uid, postfix.pw_gid)
    os.chown("/var/mail", 0, grp.getgrnam("mail").gr_gid)


def _private_dev(base: Path) -> None:
    """Only what mail software needs; /dev/log is bound by syslog.py."""
    dev = base / "dev"
    for name in ("pts", "shm"):
        (dev / name).mkdir(parents=True)
    (dev / "shm").chmod(0o1777)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (dev / name).touch()
        _mount(f"/dev/{name}", dev / name, None, _MS_BIND)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"),
                         ("stderr", "fd/2"), ("ptmx", "pts/ptmx")):
        (dev / name).symlink_to(target)
    _mount("devpts", dev / "pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
    _mount(dev, "/dev", None, _MS_BIND | _MS_REC)


def _private_tmp(base: Path) -> None:
    """Temporary files go to the tmpfs; /tmp itself stays, a checkout may lie there."""
    tmp = base / "tmp"
    tmp.mkdir()
    tmp.chmod(0o1777)
    os.environ["TMPDIR"] = str(tmp)


def _mount(source: str | Path, target: str | Path, fstype: str | None, flags: int,
           data: str = "") -> None:
    arguments = [os.fsencode(source), os.fsencode(target),
                 fstype.encode() if fstype else None]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")
