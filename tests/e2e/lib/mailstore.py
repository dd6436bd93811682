# SPDX-License-Identifier: Apache-2.0
"""Delivered mail: proof that a message was accepted and arrived.

Postfix's virtual(8) delivers into a maildir, local(8) into one mbox for each account.
"""

import email
import email.policy
import mailbox
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Iterator


@dataclass(frozen=True)
class Mail:
    """A delivered message. recipient is the address it was delivered for."""
    message: EmailMessage

    @property
    def token(self) -> str:
        return str(self.message["Message-ID"] or "").strip().strip("<>").partition("@")[0]

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def recipient(self) -> str:
        return str(self.message["X-Original-To"] or self.message["Delivered-To"] or "")

    @property
    def received(self) -> str:
        """The last hop, in one line: who gave it to whom, and with which protocol."""
        return " ".join(str(self.message.get_all("Received", [""])[0]).split())


class MailStore:
    """Reads a directory of mailboxes: each a maildir (directory) or an mbox (file)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def mails(self) -> list[Mail]:
        """All delivered messages, in no certain order."""
        return [_parse(raw) for raw in self._raw()]

    def find(self, wanted: str) -> list[Mail]:
        """Messages with this token or subject; several if it went to several recipients."""
        likely = [_parse(raw) for raw in self._raw() if wanted.encode() in raw]
        return [mail for mail in likely if wanted in (mail.token, mail.subject)]

    def _raw(self) -> Iterator[bytes]:
        for entry in sorted(self.directory.iterdir()) if self.directory.is_dir() else []:
            if entry.is_dir():
                yield from (path.read_bytes() for path in (entry / "new").glob("*"))
            elif not entry.name.endswith(".lock"):
                yield from map(bytes, mailbox.mbox(entry, create=False))


def _parse(raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return Mail(message)
