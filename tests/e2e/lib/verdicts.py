# SPDX-License-Identifier: Apache-2.0
"""How well mail is protected: what becomes of the same mails, each with a rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client import Sent, Session

if TYPE_CHECKING:
    from .world import World

# sender, whether by TLS, which certificate.
_RECEIVED = (("x@other.example", False, None), ("x@bank.example", False, None), ("x@shop.example", False, None),
             ("x@bank.example", True, None), ("x@shop.example", True, None), ("x@shop.example", True, "client-cn"),
             ("x@shop.example", True, "client-other-ca"))
_SENT_TO = ("plain.test", "wrong.test", "right.test")

# Of mail that is received: whether it is refused. Of mail that is sent: how.
ACCEPTED, REFUSED = 0, 1
_SENT_AS = {"": 0, "Anonymous": 1, "Untrusted": 1, "Trusted": 1, "Verified": 2}
KEPT = 3  # not sent: it waits in the queue, or the client was told to come again

Verdicts = dict[str, int]


class Mailer:
    """Tries all mails, again and again; whatever was accepted must have arrived, or still be in the queue."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.accepted = 0

    def verdicts(self) -> Verdicts:
        """In sessions that begin now."""
        found: Verdicts = {}
        accepted: list[Sent] = []
        for sender, tls, name in _RECEIVED:
            sent = self._world.send(mail_from=sender, tls="starttls" if tls else None,
                                    cert=self._world.certificates[name].pair if name else None)
            assert sent.code >= 200, sent
            found[_name(sender, tls, name)] = ACCEPTED if sent.accepted else REFUSED
            accepted += [sent] if sent.accepted else []
        relayed = [(domain, self._world.relay(f"user@{domain}", tls="starttls")) for domain in _SENT_TO]
        for sent in accepted:
            self._world.arrived(sent)
        for domain, sent in relayed:
            found[f"to {domain}"] = self._sending(sent) if sent.accepted else KEPT
            assert sent.accepted or 400 <= sent.code < 500, sent
        self.accepted += len(accepted) + sum(sent.accepted for _, sent in relayed)
        return found

    def _sending(self, sent: Sent) -> int:
        outcome = self._world.outcome(sent)
        if outcome.status == "sent":
            self._world.arrived(sent)
            return _SENT_AS[outcome.tls]
        assert outcome.status == "deferred", outcome
        assert outcome.queue_id in {message["queue_id"] for message in self._world.gateway.queue()}, outcome
        return KEPT

    def in_session(self, session: Session) -> Verdicts:
        """In this session, which is in clear; of the mails that need no certificate."""
        found: Verdicts = {}
        for sender, tls, name in _RECEIVED:
            if name:
                continue
            if tls and not session.tls:
                assert session.starttls().code == 220
                assert session.ehlo("client.example").code == 250
            found[_name(sender, tls, name)] = self._mail(session, sender)
        return found

    def _mail(self, session: Session, sender: str) -> int:
        for line in (f"MAIL FROM:<{sender}>", "RCPT TO:<user@gw.example>", "DATA"):
            if not (reply := session.cmd(line)).good:
                assert reply.code >= 400, reply
                session.cmd("RSET")
                return REFUSED
        self.accepted += 1
        token = f"session-{self.accepted}"
        assert session.content(f"Subject: {token}\nMessage-ID: <{token}@client.example>\n\nA line.\n").code == 250
        self._world.arrived(token)
        return ACCEPTED


def _name(sender: str, tls: bool, name: str | None) -> str:
    return f"from {sender} {'by TLS' if tls else 'in clear'}{f' as {name}' if name else ''}"


def weaker(found: Verdicts, *allowed: Verdicts) -> list[str]:
    """What is less protected than under the weakest of those allowed."""
    return [f"{mail}: {rank}, but {[each[mail] for each in allowed]}" for mail, rank in found.items()
            if rank < min(each[mail] for each in allowed)]
