#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""policyd as spawn(8) runs it: a process whose descriptors 0, 1 and 2 are one socket.

Prints TAP. The program is $POLICYD or the first argument. The rules files are written by a second,
independent writer (class Rules), so that the layout in schema/ruledb-format.h is tested too.
"""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

POLICYD = sys.argv[1] if len(sys.argv) > 1 else os.environ["POLICYD"]
PATIENCE = 20  # seconds for anything that has to happen
DUNNO = b"action=DUNNO\n\n"
NO_TLS = b"action=550 5.7.10 TLS required by rule bank: send STARTTLS before MAIL\n\n"

USAGE, DAMAGED, ABSENT, UNREADABLE, PROTOCOL, PERMISSION = 64, 65, 66, 74, 76, 77

ALL_MAIL, SENDER, EXEMPT = 1, 2, 3
REPORT, DEFER, REJECT = 0, 1, 2
ANY, TRUSTED = 0, 1


# ---- rules files ----

def fnv(data: bytes, value: int = 0xcbf29ce484222325) -> int:
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value


def checksum(generation: int, number: int, content: bytes) -> int:
    value = 0xcbf29ce484222325
    padded = content + bytes(-len(content) % 8)
    for word in (generation, len(content) << 32 | number, *struct.unpack(f"<{len(padded) // 8}Q", padded)):
        value = (value ^ word) * 0x9e3779b97f4a7c15 % 2**64
        value ^= value >> 32
    return value


class Rules:
    """The layout of schema/ruledb-format.h, written from its description."""

    def __init__(self) -> None:
        self.keys: dict[bytes, list[int]] = {}
        self.rules: list[bytes] = []
        self.maps = [bytearray(5), bytearray(17)]  # of exempt networks; no rule has a network here

    def rule(self, name: str, certificate: int, violation: int, *domains: str) -> "Rules":
        def field(code: int, value: bytes) -> bytes:
            return struct.pack("<BI", code, len(value)) + value

        number = len(self.rules)
        self.rules.append(field(1, name.encode() + b"\0") + field(2, bytes([certificate]))
                          + field(3, bytes([violation])) + field(4, b"\0") + field(5, b"\0\0")
                          + b"".join(field(code, b"") for code in range(6, 14)))
        for domain in domains:
            self.keys.setdefault(bytes([SENDER]) + domain.encode(), []).append(number)
        if not domains:
            self.keys.setdefault(bytes([ALL_MAIL]), []).append(number)
        return self

    def exempt(self, address: str, prefix: int) -> "Rules":
        family = 1 if ":" in address else 0
        packed = socket.inet_pton(socket.AF_INET6 if family else socket.AF_INET, address)
        self.maps[family][prefix // 8] |= 1 << prefix % 8
        self.keys[bytes([EXEMPT, family, prefix]) + packed] = []
        return self

    def build(self, generation: int, file_format: int = 3) -> bytes:
        n_buckets = 1
        while n_buckets < len(self.keys):
            n_buckets *= 2
        buckets = [b""] * n_buckets
        for key, numbers in self.keys.items():
            value = fnv(key)
            buckets[(value ^ value >> 32) % n_buckets] += (
                struct.pack("<BH", key[0], len(key) - 1) + key[1:]
                + struct.pack("<I", len(numbers)) + b"".join(struct.pack("<I", n) for n in numbers))
        records = []
        for number, content in enumerate(buckets + self.rules):
            head = struct.pack("<I", number)
            records.append(head + struct.pack("<I", len(content)) + content
                           + struct.pack("<Q", checksum(generation, number, content)))
        texts = b"".join(struct.pack("<H", len(t)) + t + b"\0" for t in (b"origin.test", b"my.test"))
        fixed = 8 + 4 + 4 + 8 + 8 + 4 + 4 + 4 + 1 + 1 + 2 * (5 + 17)
        header_size = fixed + len(texts) + 8
        offsets = [header_size + 8 * (len(records) + 1)]
        for record in records:
            offsets.append(offsets[-1] + len(record))
        header = (b"tlsgate\n" + struct.pack("<IIQQIIIBB", file_format, header_size, generation,
                                             offsets[-1], n_buckets, len(self.rules),
                                             max(map(len, records)), 0b1101,
                                             sum({1 << key[0] for key in self.keys}))
                  + self.maps[0] + self.maps[1] + bytes(5 + 17) + texts)
        return (header + struct.pack("<Q", checksum(0, 0, header))
                + b"".join(struct.pack("<Q", o) for o in offsets) + b"".join(records))


def bank_rules() -> Rules:
    return (Rules().exempt("127.0.0.0", 8).exempt("::1", 128)
            .rule("bank", ANY, REJECT, "bank.test", ".bank.test")
            .rule("cert", TRUSTED, DEFER, "cert.test")
            .rule("watch", ANY, REPORT, "watch.test"))


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def generation(directory: Path, number: int, rules: Rules | None = None) -> Path:
    return put(directory / str(number) / "rules.db", (rules or bank_rules()).build(number))


# ---- requests ----

def request(state: str = "RCPT", context: str = "7", **values: str) -> bytes:
    attributes = {"request": "smtpd_access_policy", "protocol_state": state,
                  "client_address": "192.0.2.10", "sender": "user@bank.test",
                  "recipient": "a@gw.test", "encryption_protocol": "",
                  "policy_context": context, **values}
    return "".join(f"{name}={value}\n" for name, value in attributes.items()).encode() + b"\n"


class Client:
    """The other end of the socket that a spawned policyd has as descriptors 0, 1 and 2."""

    def __init__(self, *arguments: str | Path, wrapper: list[str] | None = None,
                 is_blocking: bool = True, sockets: tuple[socket.socket, socket.socket] | None = None) -> None:
        self.socket, child = sockets or socket.socketpair()
        self.socket.settimeout(PATIENCE)
        if not is_blocking:
            fcntl.fcntl(child, fcntl.F_SETFL, fcntl.fcntl(child, fcntl.F_GETFL) | os.O_NONBLOCK)
        self.process = subprocess.Popen([*(wrapper or []), POLICYD, *map(str, arguments)],
                                        stdin=child, stdout=child, stderr=child)
        child.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                break
            data += piece
        return data

    def ask(self, data: bytes, answer: bytes) -> None:
        self.send(data)
        expect(self.receive(len(answer)), answer)

    def expect_end(self, status: int, rest: bytes = b"") -> None:
        """Nothing but rest comes, the connection is closed, the process ends with status."""
        data = b""
        with contextlib.suppress(ConnectionResetError):  # unread bytes are left behind
            while piece := self.socket.recv(65536):
                data += piece
        expect(data, rest)
        expect(self.process.wait(PATIENCE), status)

    def close_writing(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)


def expect(found: object, expected: object) -> None:
    assert found == expected, f"found {found!r}, expected {expected!r}"


# ---- rows ----

ROWS = []


class Skip(Exception):
    pass


def row(function):
    ROWS.append(function)
    return function


@row
def two_requests_in_one_write_are_answered_in_order(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request() + request(state="CONNECT"), NO_TLS + DUNNO)
        client.close_writing()
        client.expect_end(0)


@row
def requests_byte_by_byte_are_answered(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        for _ in range(2):
            for byte in request():
                client.send(bytes([byte]))
            expect(client.receive(len(NO_TLS)), NO_TLS)


@row
def many_requests_at_once_are_all_answered(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        sender = threading.Thread(target=client.send, args=(request() * 20000,))
        sender.start()
        time.sleep(0.2)  # until both directions are full
        expect(client.receive(len(NO_TLS) * 20000), NO_TLS * 20000)
        sender.join(PATIENCE)


@row
def nonblocking_socket_is_served_like_any(directory):
    generation(directory, 7)
    with Client("--generations", directory, is_blocking=False) as client:
        time.sleep(0.1)
        sender = threading.Thread(target=client.send, args=(request() * 20000,))
        sender.start()
        time.sleep(0.2)
        expect(client.receive(len(NO_TLS) * 20000), NO_TLS * 20000)
        sender.join(PATIENCE)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(listener.getsockname())
        accepted = listener.accept()[0]
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
    return client, accepted


@row
def answers_that_are_taken_in_pieces_are_whole(directory):
    """TCP takes a part of a write where there is no room for all of it; a UNIX-domain socket hardly ever does."""
    generation(directory, 7)
    with Client("--generations", directory, is_blocking=False, sockets=tcp_pair()) as client:
        sender = threading.Thread(target=client.send, args=(request() * 20000,))
        sender.start()
        time.sleep(0.2)  # until both directions are full
        expect(client.receive(len(NO_TLS) * 20000) == NO_TLS * 20000, True)
        sender.join(PATIENCE)


@row
def every_kind_of_answer(directory):
    generation(directory, 7)
    tls = {"encryption_protocol": "TLSv1.3"}
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        client.ask(request(state="DATA"), NO_TLS)
        client.ask(request(**tls), DUNNO)
        client.ask(request(sender="user@other.test"), DUNNO)
        client.ask(request(client_address="127.0.0.1"), DUNNO)
        client.ask(request(client_address="::1"), DUNNO)
        client.ask(request(sender="x@cert.test", **tls),
                   b"action=450 4.7.1 Trusted client certificate required by rule cert: "
                   b"present one, there was none\n\n")
        client.ask(request(sender="x@cert.test", ccert_fingerprint="AA:BB", **tls),
                   b"action=450 4.7.1 Trusted client certificate required by rule cert: "
                   b"present another, this one is not trusted here\n\n")
        client.ask(request(sender="x@cert.test", ccert_issuer="CA", **tls), DUNNO)
        client.ask(request(sender="x@watch.test"),
                   b"action=INFO report only: TLS required by rule watch: "
                   b"send STARTTLS before MAIL\n\n")


@row
def idle_connection_stays_open(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        time.sleep(1.5)
        expect(client.process.poll(), None)
        client.ask(request(), NO_TLS)


@row
def end_before_any_request_is_normal(directory):
    with Client("--generations", directory) as client:
        client.close_writing()
        client.expect_end(0)


@row
def end_within_a_request_gets_no_answer(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.send(request() + request()[:-1])
        client.close_writing()
        client.expect_end(0, NO_TLS)


@row
def client_that_does_not_wait_is_no_signal(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.send(request() * 100)
        client.socket.close()
        assert client.process.wait(PATIENCE) in (0, UNREADABLE)


@row
def garbage_gets_no_answer(directory):
    generation(directory, 7)
    for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"\n", b"\0" * 100 + b"\n", b"x" * 100000,
                    b"=\n", request().replace(b"\n", b"\r\n"), request(request="junk"),
                    request()[:-1] + b"sender=\n\n", b"x=\n" * 300,
                    request(state=""), b"request=smtpd_access_policy\nprotocol_state=RCPT\n\n"):
        with Client("--generations", directory) as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(garbage)
            client.expect_end(PROTOCOL)


@row
def garbage_after_a_request_leaves_its_answer(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        client.send(b"junk\n")
        client.expect_end(PROTOCOL)


@row
def unknown_generation_gets_no_answer(directory):
    generation(directory, 7)
    for state in ("RCPT", "CONNECT", "END-OF-MESSAGE"):
        with Client("--generations", directory) as client:
            client.send(request(state=state, context="8"))
            client.expect_end(ABSENT)


@row
def context_that_is_no_number_gets_no_answer(directory):
    generation(directory, 7)
    put(directory / "x" / "rules.db", bank_rules().build(7))
    for context in ("", "07", "+7", " 7", "7 ", "7/", "../7", "x", "0x7", "-1",
                    "18446744073709551616", "7" * 100):
        for state in ("RCPT", "CONNECT"):
            with Client("--generations", directory) as client:
                client.send(request(state=state, context=context))
                client.expect_end(DAMAGED)


@row
def absent_context_gets_no_answer(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.send(b"request=smtpd_access_policy\nprotocol_state=CONNECT\n\n")
        client.expect_end(DAMAGED)


@row
def largest_generation_is_served(directory):
    generation(directory, 2**64 - 1)
    with Client("--generations", directory) as client:
        client.ask(request(context=str(2**64 - 1)), NO_TLS)


@row
def file_of_another_generation_gets_no_answer(directory):
    put(directory / "8" / "rules.db", bank_rules().build(7))
    with Client("--generations", directory) as client:
        client.send(request(context="8"))
        client.expect_end(DAMAGED)


@row
def damaged_header_gets_no_answer(directory):
    data = bytearray(bank_rules().build(7))
    data[50] ^= 1
    put(directory / "7" / "rules.db", bytes(data))
    for state in ("RCPT", "CONNECT"):
        with Client("--generations", directory) as client:
            client.send(request(state=state))
            client.expect_end(DAMAGED)


@row
def damaged_record_gets_no_answer(directory):
    data = bank_rules().build(7)
    put(directory / "7" / "rules.db", data.replace(b"bank\0", b"benk\0"))
    with Client("--generations", directory) as client:
        client.ask(request(sender="x@watch.test", encryption_protocol="TLSv1.3"), DUNNO)
        client.send(request())
        client.expect_end(DAMAGED)


@row
def unknown_format_gets_no_answer(directory):
    put(directory / "7" / "rules.db", bank_rules().build(7, file_format=4))
    with Client("--generations", directory) as client:
        client.send(request())
        client.expect_end(DAMAGED)


@row
def each_request_is_answered_from_its_generation(directory):
    for number in range(1, 9):
        generation(directory, number, Rules().rule(f"rule-{number}", ANY, REJECT, "bank.test"))
    with Client("--generations", directory) as client:
        for number in (1, 2, 1, 3, 4, 5, 6, 7, 8, 1, 8, 2, 2, 5):
            client.ask(request(context=str(number)),
                       NO_TLS.replace(b"bank", f"rule-{number}".encode()))
        maps = Path(f"/proc/{client.process.pid}/maps").read_text()
        expect(maps.count("/rules.db"), 4)  # the last four stay open


@row
def generation_that_comes_later_is_served(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        generation(directory, 8, Rules())
        client.ask(request(context="8"), DUNNO)
        client.ask(request(context="7"), NO_TLS)


@row
def open_generation_is_served_after_its_removal(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        shutil.rmtree(directory / "7")
        client.ask(request(), NO_TLS)


@row
def standard_error_is_not_the_socket(directory):
    generation(directory, 7)
    with Client("--generations", directory) as client:
        client.ask(request(), NO_TLS)
        expect(os.readlink(f"/proc/{client.process.pid}/fd/2"), "/dev/null")


@row
def one_rules_file_ignores_the_context(directory):
    path = put(directory / "rules.db", bank_rules().build(3))
    with Client("--rules", path) as client:
        for context in ("", "7", "x"):
            client.ask(request(context=context), NO_TLS)


@row
def absent_rules_file_ends_at_once(directory):
    with Client("--rules", directory / "rules.db") as client:
        client.expect_end(ABSENT)


# ---- a file that is cut while it is mapped ----

def large_rules() -> Rules:
    rules = Rules()
    for number in range(3000):
        rules.rule(f"rule-{number}", ANY, REJECT, f"d{number}.test")
    return rules


@row
def file_cut_while_mapped_gets_no_answer(directory):
    path = generation(directory, 7, large_rules())
    with Client("--generations", directory) as client:
        client.ask(request(sender="x@d2999.test"), NO_TLS.replace(b"bank", b"rule-2999"))
        os.truncate(path, 4096)
        client.send(request(sender="x@d2999.test"))
        client.expect_end(UNREADABLE)


# ---- the log ----

def in_private_dev(directory: Path) -> list[str]:
    """A command that runs another with a /dev that has only null and a log socket of ours."""
    put(directory / "dev" / "null", b"")
    script = (f"mount --bind /dev/null {directory}/dev/null && mount --rbind {directory}/dev /dev "
              "&& exec \"$@\"")
    flags = ["-m"] if os.geteuid() == 0 else ["-m", "--map-root-user"]
    command = ["unshare", *flags, "sh", "-c", script, "sh"]
    try:
        done = subprocess.run([*command, "true"], capture_output=True, check=False)
    except OSError as error:
        raise Skip(f"unshare: {error}") from error
    if done.returncode != 0:
        raise Skip("a private /dev is not possible here")
    return command


class Log:
    def __init__(self, directory: Path) -> None:
        self.wrapper = in_private_dev(directory)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(str(directory / "dev" / "log"))

    def expect(self, priority: int, *parts: str) -> None:
        line = self.socket.recv(65536).decode()
        assert line.startswith(f"<{priority}>"), line
        for part in ("postfix/tlsgate[", *parts):
            assert part in line, f"{part!r} is not in {line!r}"

    def expect_silence(self) -> None:
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            raise AssertionError(f"unexpected line: {self.socket.recv(65536)!r}")


MAIL_ERR, MAIL_WARNING, MAIL_INFO = 16 + 3, 16 + 4, 16 + 6


@row
def answers_but_dunno_are_logged(directory):
    generation(directory, 7)
    log = Log(directory)
    with Client("--generations", directory, wrapper=log.wrapper) as client:
        client.ask(request(state="CONNECT"), DUNNO)
        client.ask(request(sender="user@other.test"), DUNNO)
        client.ask(request(sender="\"a b\"@bank.test"), NO_TLS)
        log.expect(MAIL_INFO, "]: verdict=reject rule=bank failed=bank reason=no-tls generation=7 "
                   "state=RCPT client=192.0.2.10 sender=\\x22a\\x20b\\x22@bank.test "
                   "recipient=a@gw.test queue_id= instance= tls= issuer= certificate=")
        client.close_writing()
        client.expect_end(0)
    log.expect_silence()


@row
def trouble_is_logged_once(directory):
    generation(directory, 7)
    log = Log(directory)
    for data, status, parts in (
            (b"junk\n", PROTOCOL, ("warning: no answer: the client sent a line that is not",)),
            (request(context="8"), ABSENT,
             ("warning: no answer: ", "/8/rules.db: can't open: No such file", "policy_context=8")),
            (request(context="x\ty"), DAMAGED, ("policy_context=x\\x09y",))):
        with Client("--generations", directory, wrapper=log.wrapper) as client:
            client.send(data)
            client.expect_end(status)
        log.expect(MAIL_WARNING, *parts)
        log.expect_silence()
        log.socket.settimeout(PATIENCE)


@row
def end_within_a_request_is_logged(directory):
    log = Log(directory)
    with Client("--generations", directory, wrapper=log.wrapper) as client:
        client.send(b"request=")
        client.close_writing()
        client.expect_end(0)
    log.expect(MAIL_WARNING, "warning: the client closed within a request")


@row
def file_cut_while_mapped_is_logged(directory):
    path = generation(directory, 7, large_rules())
    log = Log(directory)
    with Client("--generations", directory, wrapper=log.wrapper) as client:
        client.ask(request(state="CONNECT"), DUNNO)
        os.truncate(path, 4096)
        client.send(request(sender="x@d2999.test"))
        client.expect_end(UNREADABLE)
    log.expect(MAIL_ERR, "error: the rules file was cut while it was in use")


@row
def usage_error_under_spawn_is_logged(directory):
    log = Log(directory)
    with Client("--nonsense", wrapper=log.wrapper) as client:
        client.expect_end(USAGE)
    log.expect(MAIL_WARNING, "warning: master.cf: ")


# ---- the command line ----

def run(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([POLICYD, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=PATIENCE, check=False, **options)


def expect_check(path: Path, status: int, *parts: str, **options: object) -> None:
    done = run("--check", path, **options)
    text = done.stderr.decode()
    expect((done.returncode, done.stdout), (status, b""))
    if status == 0:
        expect(text, "")
        return
    expect(text.count("\n"), 1)
    for part in ("policyd: ", str(path), *parts):
        assert part in text, f"{part!r} is not in {text!r}"


@row
def check_of_a_whole_file_is_silent(directory):
    expect_check(generation(directory, 7), 0)
    expect_check(generation(directory, 8, Rules()), 0)


@row
def check_finds_each_damaged_byte(directory):
    intact = Rules().rule("bank", ANY, REJECT, "bank.test").build(7)
    for position in range(len(intact)):
        data = bytearray(intact)
        data[position] ^= 0x10
        expect_check(put(directory / "rules.db", bytes(data)), DAMAGED)


@row
def check_says_what_is_wrong(directory):
    path = directory / "rules.db"
    intact = bank_rules().build(7)
    expect_check(path, ABSENT, "can't open: No such file or directory")
    expect_check(put(path, b""), DAMAGED, "damaged: shorter than a rules file can be")
    expect_check(put(path, b"{}" * 200), DAMAGED, "damaged: not a rules file of tlsgate")
    expect_check(put(path, intact[:-1]), DAMAGED, "damaged: ")
    expect_check(put(path, intact.replace(b"bank\0", b"benk\0")), DAMAGED, "its checksum is wrong")
    expect_check(put(path, bank_rules().build(7, file_format=2)), DAMAGED,
                 "rules file of format 2, this program knows format 3")
    expect_check(directory, UNREADABLE, "not a regular file")
    unreachable = Rules().rule("bank", ANY, REJECT, "bank.test")
    unreachable.keys.clear()
    expect_check(put(path, unreachable.build(7)), DAMAGED, 'no key leads to rule "bank"')


@row
def check_of_an_unreadable_file_is_a_matter_of_permission(directory):
    path = put(directory / "rules.db", bank_rules().build(7))
    path.chmod(0o600 if os.geteuid() == 0 else 0)
    directory.chmod(0o755)
    try:
        options = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        expect_check(path, PERMISSION, "can't open: Permission denied", **options)
    except PermissionError as error:
        raise Skip(f"the program can't be run as another user: {error}") from error


@row
def help_teaches(directory):
    done = run("--help")
    expect((done.returncode, done.stderr), (0, b""))
    for part in (b"spawn user=tlsgate", b"--generations", b"printf 'request=smtpd_access_policy"):
        assert part in done.stdout, f"{part!r} is not in --help"


@row
def example_in_help_works(directory):
    generation(directory, 7)
    done = subprocess.run(
        ["sh", "-c", "printf 'request=smtpd_access_policy\\nprotocol_state=CONNECT\\n"
         "policy_context=7\\n\\n' | \"$0\" --generations \"$1\"", POLICYD, directory],
        capture_output=True, timeout=PATIENCE, check=False)
    expect((done.returncode, done.stdout, done.stderr), (0, DUNNO, b""))


@row
def version_is_printed(directory):
    done = run("--version")
    expect((done.returncode, done.stderr), (0, b""))
    assert done.stdout.startswith(b"policyd (tlsgate) "), done.stdout


@row
def wrong_usage_is_refused(directory):
    path = str(put(directory / "rules.db", bank_rules().build(7)))
    for arguments in ([], ["--rules"], ["--generations"], ["--rules", ""], ["--nonsense"], ["-x"],
                      ["--rules", path, "--generations", str(directory)], ["--rules", path, path],
                      [path], ["--rules", path, "--rules", path], ["--check", path, "--version"],
                      ["--help", "--version"], ["--version=1"]):
        done = run(*arguments)
        expect((arguments, done.returncode, done.stdout), (arguments, USAGE, b""))
        expect((arguments, done.stderr.count(b"\n")), (arguments, 1))
        assert b"policyd --help" in done.stderr, done.stderr


@row
def nothing_is_printed_into_the_socket(directory):
    path = put(directory / "rules.db", b"junk")
    for arguments, status in (([], USAGE), (["--help"], USAGE), (["--version"], USAGE),
                              (["--nonsense"], USAGE), (["--check", path], USAGE),
                              (["--rules", path], DAMAGED)):
        with Client(*arguments) as client:
            client.expect_end(status)


@row
def trouble_is_shown_to_a_person(directory):
    done = subprocess.run([POLICYD, "--generations", directory], input=b"junk\n",
                          capture_output=True, timeout=PATIENCE, check=False)
    expect((done.returncode, done.stdout), (PROTOCOL, b""))
    assert b"warning: no answer: " in done.stderr, done.stderr


def main() -> int:
    signal.alarm(600)
    failed = 0
    print(f"1..{len(ROWS)}")
    for number, test in enumerate(ROWS, 1):
        name = test.__name__.replace("_", "-")
        with tempfile.TemporaryDirectory(prefix="tlsgate-") as directory:
            try:
                test(Path(directory))
                print(f"ok {number} {name}", flush=True)
            except Skip as skip:
                print(f"ok {number} {name} # SKIP {skip}", flush=True)
            except Exception as error:  # noqa: BLE001 - whatever it is, the row has failed
                failed += 1
                print(f"not ok {number} {name}", flush=True)
                print(f"# {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
