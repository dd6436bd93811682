#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd as one server on a socket that the system made: postfix.policyd is "socket".

There is no systemd in this world. The socket is made here as policyd/tlsgate-policyd@.socket has systemd make
it, and handed over in the same way."""

import os
import pwd
import re
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lib.tlsmap import Tlsmap
from lib.wait import until
from lib.world import Tap, World
from test_rules import BANK, RULE, is_accepted, is_refused

UNIT = Path(__file__).resolve().parent.parent.parent / "policyd" / "tlsgate-policyd@.socket.in"
HAND_OVER = 'exec 3<&0; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
PATIENCE = 20
CLIENTS, RESTARTS = 6, 3


class Socket:
    """The socket below the queue directory, and the server that has been started on it."""

    def __init__(self, world, tlsmap) -> None:
        unit = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.M))
        queue = Path(world.gateway.get("queue_directory"))
        self.path = queue / unit["ListenStream"].removeprefix("/var/spool/%i/")
        self.path.parent.mkdir()
        self.path.parent.chmod(int(unit["DirectoryMode"], 8))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.path.chmod(int(unit["SocketMode"], 8))
        os.chown(self.path, pwd.getpwnam(unit["SocketUser"]).pw_uid, 0)
        self.listener.listen()
        self.command = ["sh", "-c", HAND_OVER, "sh", tlsmap.policyd, "--generations",
                        world.gateway.config_dir / "tlsgate" / "gen"]
        self.process = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=self.listener, stderr=subprocess.DEVNULL,
                                        user="tlsgate", group="tlsgate", extra_groups=[])

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def put_in_force(world, tlsmap) -> None:
    document = tlsmap.document(receive={"rules": [RULE]})
    document["postfix"] |= {"policyd": "socket"}
    tlsmap.apply(document)


def ask_again_and_again(world, asked: list[int], is_over: threading.Event) -> None:
    """One client, whose smtpd(8) keeps its connection to the server as long as there is one."""
    with world.session() as session:
        session.ehlo("client.example")
        while not is_over.is_set():
            assert session.cmd("MAIL FROM:<x@other.example>").code == 250
            asked.append(session.cmd("RCPT TO:<user@gw.example>").code)
            session.cmd("RSET")


def restarts(world, server) -> None:
    """Restart the server while clients ask about mail that passes, since refusals make smtpd(8) slow and then close
    (smtpd_soft_error_limit); each must have been answered after each restart."""
    clients: list[list[int]] = [[] for _ in range(CLIENTS)]
    is_over = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        jobs = [pool.submit(ask_again_and_again, world, asked, is_over) for asked in clients]
        try:
            for _ in range(RESTARTS):
                before = [len(asked) for asked in clients]
                until(lambda: all(len(asked) > n for asked, n in zip(clients, before)), "answers for all")
                assert server.end(signal.SIGTERM) == 0
                server.start()
                before = [len(asked) for asked in clients]
                # The first may have been on its way before.
                until(lambda: all(len(asked) > n + 1 for asked, n in zip(clients, before)), "answers for all")
        finally:
            is_over.set()
        for job in jobs:
            job.result()
    codes = {code for asked in clients for code in asked}
    assert codes == {250}, codes


def main(world: World, tap: Tap) -> None:
    tlsmap = Tlsmap(world)
    server = Socket(world, tlsmap)
    server.start()
    try:
        put_in_force(world, tlsmap)
        with tap.case("the-server-refuses-and-passes"):
            assert "unix:tlsgate/policyd" in world.gateway.get("tlsgate_policy")
            assert "tlsgate" not in world.gateway.postconf("-M")
            is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
            is_accepted(world, world.send(mail_from=BANK, tls="starttls"))
            is_accepted(world, world.send(mail_from="x@other.example"))
        with tap.case("a-server-that-was-drained-is-followed-by-the-next"):
            assert server.end(signal.SIGTERM) == 0
            server.start()
            is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
            is_accepted(world, world.send(mail_from="x@other.example"))
        with tap.case("clients-who-ask-while-the-server-is-restarted-are-answered"):
            restarts(world, server)
        with tap.case("a-server-that-died-is-followed-by-the-next"):
            server.end(signal.SIGKILL)
            server.start()
            is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
        with tap.case("nobody-but-smtpd-can-ask"):
            command = ["python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])",
                       server.path]
            for user, status in ("tlsgate", 1), ("postfix", 0):
                run = subprocess.run(command, user=user, capture_output=True, text=True, check=False)
                assert run.returncode == status, (user, run.stderr)
                assert status == 0 or "Permission denied" in run.stderr, run.stderr
        with tap.case("without-a-server-nothing-forbidden-is-accepted"):
            server.end(signal.SIGTERM)
            server.listener.close()
            sent = world.send(mail_from=BANK)
            is_refused(sent, 451, "4.3.5")
            assert not world.arrivals(sent)
    finally:
        server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    World.run(main)
