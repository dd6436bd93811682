# SPDX-License-Identifier: Apache-2.0
"""An SMTP client for tests: real sockets, real TLS, raw commands, every refusal a result.

send() is one message in one session. session() is for tests that speak themselves: what is given
to cmd() reaches the server untouched.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Iterator

from .wait import PATIENCE

CLOSED = 0
Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Reply:
    """A reply of the server. code 0: it closed the connection, or TLS failed, instead."""
    code: int
    text: str

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as 5.7.10; empty if there is none."""
        found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", self.text)
        return found[0] if found else ""

    @property
    def good(self) -> bool:
        return 200 <= self.code < 400


@dataclass(frozen=True)
class Sent:
    """What became of one message: the last reply, and at which stage it was given."""
    token: str
    stage: str
    code: int
    text: str
    tls: str = ""
    cipher: str = ""
    recipients: list[Reply] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        return self.stage == "end" and self.code == 250

    @property
    def enhanced(self) -> str:
        return Reply(self.code, self.text).enhanced


class Session:
    """One SMTP connection. After opening, greeting holds the server's first reply."""

    def __init__(self, server: str, port: int, source: str | None, context: ssl.SSLContext,
                 server_name: str, wrapper: bool, before: str = "") -> None:
        self._context = context
        self._server_name = server_name
        self._smtp = smtplib.SMTP(timeout=PATIENCE)
        self._smtp.command_encoding = "utf-8"
        self._smtp.sock = socket.create_connection(
            (server, port), PATIENCE, (source, 0) if source else None)
        self._smtp.sock.sendall(before.encode())
        self.capabilities: set[str] = set()
        self.greeting = self.start_tls_now() if wrapper else Reply(220, "")
        if self.greeting.good:
            self.greeting = self._reply()

    @property
    def tls(self) -> str:
        """TLS version of the connection; empty if in clear."""
        sock = self._smtp.sock
        return sock.version() or "" if isinstance(sock, ssl.SSLSocket) else ""

    @property
    def cipher(self) -> str:
        sock = self._smtp.sock
        cipher = sock.cipher() if isinstance(sock, ssl.SSLSocket) else None
        return cipher[0] if cipher else ""

    def cmd(self, line: str) -> Reply:
        """Send one command as it is, and return the reply."""
        try:
            self._smtp.putcmd(line)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            return Reply(CLOSED, str(error))
        return self._reply()

    def raw(self, text: str, replies: int) -> list[Reply]:
        """Send text as it is, in one write, and return so many replies: for pipelining and BDAT."""
        try:
            self._smtp.send(text.encode("utf-8"))
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            return [Reply(CLOSED, str(error))] * replies
        return [self._reply() for _ in range(replies)]

    def ehlo(self, name: str) -> Reply:
        reply = self.cmd(f"EHLO {name}")
        self.capabilities = set(reply.text.upper().splitlines()[1:])
        return reply

    def starttls(self) -> Reply:
        """STARTTLS and the handshake; code 0 if the handshake failed."""
        reply = self.cmd("STARTTLS")
        return self.start_tls_now() if reply.code == 220 else reply

    def start_tls_now(self) -> Reply:
        """The handshake alone, as in wrapper mode."""
        assert self._smtp.sock is not None
        try:
            self._smtp.sock = self._context.wrap_socket(self._smtp.sock,
                                                        server_hostname=self._server_name)
        except (ssl.SSLError, OSError) as error:
            return Reply(CLOSED, f"TLS handshake failed: {error}")
        self._smtp.file = None
        return Reply(220, "TLS is up")

    def content(self, text: str) -> Reply:
        """Send what follows a 354: the message, with dots stuffed, and the final dot."""
        data = re.sub(r"\r?\n", "\r\n", text)
        data = re.sub(r"(?m)^\.", "..", data)
        try:
            self._smtp.send((data if data.endswith("\r\n") else f"{data}\r\n") + ".\r\n")
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            return Reply(CLOSED, str(error))
        return self._reply()

    def close(self) -> None:
        self._smtp.close()

    def _reply(self) -> Reply:
        try:
            code, text = self._smtp.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            return Reply(CLOSED, str(error))
        return Reply(code, text.decode("utf-8", "replace"))


class Client:
    """Opens sessions and sends messages, trusting the certificate authorities in trusted."""

    def __init__(self, trusted: list[Path], server_name: str) -> None:
        self._trusted = trusted
        self._server_name = server_name

    @contextmanager
    def session(self, server: str, port: int = 25, source: str | None = None,
                cert: Pair | None = None, wrapper: bool = False,
                max_version: str | None = None, ciphers: str | None = None,
                before: str = "") -> Iterator[Session]:
        """A connection for raw commands; max_version as in "TLSv1_2"; before: what a proxy says first."""
        session = Session(server, port, source, self._context(cert, max_version, ciphers),
                          self._server_name, wrapper, before)
        try:
            yield session
        finally:
            session.close()

    def send(self, server: str, port: int = 25, source: str | None = None,
             tls: str | None = None, cert: Pair | None = None, helo: str = "client.example",
             mail_from: str = "sender@client.example",
             rcpts: str | list[str] = "user@gw.example", subject: str | None = None,
             body: str = "A line.\n", max_version: str | None = None,
             ciphers: str | None = None, mail_options: str = "") -> Sent:
        """Send one message; tls is None, "starttls" or "wrapper".

        Addresses are put between < and > as they are. Without subject the token is the subject.
        With several recipients the message goes to those that are accepted.
        """
        token = uuid.uuid4().hex
        rcpts = [rcpts] if isinstance(rcpts, str) else rcpts
        try:
            with self.session(server, port, source, cert, tls == "wrapper", max_version,
                              ciphers) as session:
                return self._converse(session, token, tls == "starttls", helo, mail_from, rcpts,
                                      subject or token, body, mail_options)
        except OSError as error:
            return Sent(token, "connect", CLOSED, str(error))

    def _converse(self, session: Session, token: str, starttls: bool, helo: str, mail_from: str,
                  rcpts: list[str], subject: str, body: str, mail_options: str) -> Sent:
        recipients: list[Reply] = []

        def ended(stage: str, reply: Reply) -> Sent:
            if reply.code not in (CLOSED, 421):
                session.cmd("QUIT")
            return Sent(token, stage, reply.code, reply.text, tls, cipher, recipients)

        tls, cipher = session.tls, session.cipher
        if not session.greeting.good:
            return ended("connect", session.greeting)
        if not (reply := session.ehlo(helo)).good:
            return ended("ehlo", reply)
        if starttls:
            if not (reply := session.starttls()).good:
                return ended("starttls", reply)
            tls, cipher = session.tls, session.cipher
            if not (reply := session.ehlo(helo)).good:
                return ended("ehlo", reply)
        if not (reply := session.cmd(f"MAIL FROM:<{mail_from}>{mail_options}")).good:
            return ended("mail", reply)
        for rcpt in rcpts:
            recipients.append(session.cmd(f"RCPT TO:<{rcpt}>"))
        if not any(reply.good for reply in recipients):
            return ended("rcpt", recipients[-1])
        if not (reply := session.cmd("DATA")).good:
            return ended("data", reply)
        header = (f"From: <{mail_from}>\nTo: <{rcpts[0]}>\nSubject: {subject}\n"
                  f"Message-ID: <{token}@client.example>\nDate: {formatdate()}\n")
        return ended("end", session.content(f"{header}\n{body}"))

    def _context(self, cert: Pair | None, max_version: str | None,
                 ciphers: str | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for file in self._trusted:
            context.load_verify_locations(file)
        if cert:
            context.load_cert_chain(*cert)
        if max_version:
            context.maximum_version = ssl.TLSVersion[max_version]
        if ciphers:
            context.set_ciphers(ciphers)
        return context
