#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd as one server on a socket that the system made: postfix.policyd is "socket".

There is no systemd in this world. The socket is made here as policyd/tlsgate-policyd@.socket has systemd make
it, and handed over in the same way."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import select
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
SCHEMA = json.loads((UNIT.parent.parent / "schema" / "output.schema.json").read_text())
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


class Impostor:
    """Another program behind the socket: it passes every policy request, and answers a question for the counters
    with these pieces, one in half a second, and then closes."""

    def __init__(self, listener: socket.socket, pieces: list[bytes]) -> None:
        self.listener, self.pieces = listener, pieces
        self.end, self.told = socket.socketpair()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.end.close()
        self.thread.join(PATIENCE)
        self.told.close()

    def run(self) -> None:
        while self.told not in (ready := select.select([self.listener, self.told], [], [])[0]):
            assert ready
            with self.listener.accept()[0] as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.serve(client)

    def serve(self, client: socket.socket) -> None:
        client.settimeout(PATIENCE)
        asked = client.recv(65536)
        if b"tlsgate_counters" not in asked:
            client.sendall(b"action=DUNNO\n\n")
            return
        for number, piece in enumerate(self.pieces):
            if number > 0 and select.select([self.told], [], [], 0.5)[0]:
                return
            client.sendall(piece)


COUNTS = b"".join(f"{name}=1\n".encode() for name in (
    "requests", "passed", "reported", "deferred", "rejected", "unanswered", "protocol_errors", "connections", "open"))
IMPOSTORS = (
    ("closes", [], "closed the connection without an answer"),
    ("passes-that-too", [b"action=DUNNO\n\n"], "other counters"),
    ("says-one-counter-twice", [b"requests=1\n" + COUNTS + b"\n"], "other counters"),
    ("lacks-the-end", [COUNTS], "no end"),
    ("steers-the-terminal", [COUNTS + b"rule=\x1b[2J 1\n\n"], "not about a rule"),
    ("answers-twice", [(COUNTS + b"\n") * 2], "more than one answer"),
    ("never-ends", [b"x" * 1_000_000], "more than 10000 bytes"),
    ("drips", [b"requests="] + [b"1"] * 60, "timed out"),
)


def impostors(tap, tlsmap, server) -> None:
    """Whoever listens there, status tells the rest, and is done soon."""
    for name, pieces, words in IMPOSTORS:
        with tap.case(f"status-shows-no-counters-of-a-server-that-{name}"), Impostor(server.listener, pieces):
            run = tlsmap.run("status")
            line, = re.findall("^counters: .*", run.stdout, re.M)
            assert line.startswith("counters: not available: ") and words in line, line
            assert run.returncode == 0 and "policyd: answers\n" in run.stdout and "\x1b" not in run.stdout, run
    rules = [(f"rule-{number}", 200 - number) for number in range(100)]
    many = COUNTS + "".join(f"rule={name} {times}\n" for name, times in rules).encode() + b"\n"
    with tap.case("status-shows-the-first-of-many-rules"), Impostor(server.listener, [many]):
        found = json.loads(tlsmap.run("--json", "status").stdout)["counters"]
        assert found["rules"] == [{"name": name, "broken": times} for name, times in rules], found
        line = ", ".join(f"{name} {times}" for name, times in rules[:10])
        text = tlsmap.run("status").stdout
        assert f"\nrules broken most often: {line}, and others\n" in text, text
    with tap.case("counters-that-are-not-available-are-null"), Impostor(server.listener, []):
        found = json.loads(tlsmap.run("--json", "status").stdout)
        assert (found["policyd"], found["counters"]) == ("answers", None), found


def figures(world, tap, tlsmap) -> None:
    """Mail to one recipient is one request where it is refused, else one at RCPT and one at DATA."""
    def look() -> dict:
        run = tlsmap.run("--json", "status")
        assert run.returncode == 0, run
        return json.loads(run.stdout)["counters"]

    with tap.case("status-shows-what-was-answered"):
        before = look()
        for _ in range(3):
            is_refused(world.send(mail_from=BANK), 550, "5.7.10", "bank")
        for _ in range(2):
            is_accepted(world, world.send(mail_from=BANK, tls="starttls"))
        is_accepted(world, world.send(mail_from="x@other.example"))
        after = look()
        assert sorted(after) == sorted(SCHEMA["properties"]["counters"]["required"])
        grown = {name: after[name] - before[name] for name in after if name not in ("rules", "connections", "open")}
        # One of those that passed is the question of status itself.
        assert grown == {"requests": 10, "passed": 7, "reported": 0, "deferred": 0, "rejected": 3, "unanswered": 0,
                         "protocol_errors": 0}, (before, after)
        assert after["connections"] >= before["connections"] + 2 and after["open"] >= 1, (before, after)
        broken = [rule["broken"] for rule in before["rules"]] or [0]
        assert after["rules"] == [{"name": "bank", "broken": broken[0] + 3}], (before, after)
    with tap.case("status-says-it-in-words"):
        now, text = look(), tlsmap.run("status").stdout
        for line in (f"requests since policyd began: {now['requests'] + 1}: {now['passed'] + 1} passed, 0 reported, "
                     f"0 deferred, {now['rejected']} rejected, 0 without an answer",
                     f"rules broken most often: bank {now['rules'][0]['broken']}"):
            assert f"\n{line}\n" in text, text
        assert re.search(r"^its connections: \d+, \d+ of them open; clients that broke the protocol: 0$", text, re.M)


def spawned(world, tap, tlsmap) -> None:
    """Each process of spawn(8) counts for itself, and goes on after it was asked by a signal."""
    def processes() -> list[int]:
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/exe")
                if path.is_symlink() and path.resolve() == tlsmap.policyd]

    tlsmap.apply(tlsmap.document(receive={"rules": [RULE]}))
    with tap.case("status-says-how-to-see-counters-under-spawn"):
        line = "counters: each process of policyd counts for itself; kill -USR1 PID makes it log them"
        assert f"\n{line}\n" in tlsmap.run("status").stdout
        assert json.loads(tlsmap.run("--json", "status").stdout)["counters"] is None
    with tap.case("a-signal-to-a-process-of-spawn-loses-no-answer"):
        with world.session() as session:
            session.ehlo("client.example")
            assert session.cmd(f"MAIL FROM:<{BANK}>").code == 250
            for times in 1, 2:
                assert session.cmd("RCPT TO:<user@gw.example>").code == 550
                before = processes()
                for process in before:
                    os.kill(process, signal.SIGUSR1)
                world.wait_syslog(f"counters requests={times} passed=0 reported=0 deferred=0 rejected={times} ",
                                  "postfix/tlsgate")
                world.wait_syslog(f"counters rule=bank broken={times}", "postfix/tlsgate")
                assert before and processes() == before, (before, processes())


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
        figures(world, tap, tlsmap)
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
        server.end(signal.SIGTERM)
        impostors(tap, tlsmap, server)
        with tap.case("without-a-server-nothing-forbidden-is-accepted"):
            server.listener.close()
            sent = world.send(mail_from=BANK)
            is_refused(sent, 451, "4.3.5")
            assert not world.arrivals(sent)
        spawned(world, tap, tlsmap)
    finally:
        server.process.kill()
        server.process.wait()


if __name__ == "__main__":
    World.run(main)
