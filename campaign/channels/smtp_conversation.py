"""What is said to an SMTP server for a batch, on a connection that is open and logged in (RFC 5321).

Where the server announces PIPELINING (RFC 2920), what needs no reply in between goes out in one write: a message's
text, and the sender, recipient and DATA of the next one behind it. So a message costs one round trip, not four. A
message's text itself is never ahead of the server's word that it wants it.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from campaign.channels.reasons import without_addresses
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused

_READY, _GO_AHEAD, _CLOSING = 250, 354, 421
_YES, _TRANSIENT, _PERMANENT = range(200, 300), 400, 500
_ABOUT_US = frozenset({530, 534, 535, 538})
"""Replies that ask for authentication or more of it (RFC 4954, section 6): not the recipient's fault."""
_NOT_ATTEMPTED: Final = Deferred("not attempted: the connection ended before")
_STOPPED: Final = Deferred("it was stopped before the message left")
_NO_SMTP: Final = Deferred("the server replied with what is no SMTP")
_LOST: Final = Deferred("the connection ended before the message left")

_Reply = tuple[int, bytes]


class Envelope(NamedTuple):
    """One message to one recipient; ``ref`` is its Message-ID. ``message`` is finished, its lines end in CRLF."""

    sender: str
    recipient: str
    message: bytes
    ref: str


class Conversation:
    """Hands over messages one after the other, batch after batch. ``ended`` is set once nothing more can be sent on the
    connection, to what those get who are left.

    Servers limit how many messages a connection may bring, and say so by closing it. So ``for_another`` is how many of
    the last batch's messages another connection may bring: those that were not taken by one that had taken some. One
    that takes none at all is of a server that wants none for now.
    """

    def __init__(self, connection: smtplib.SMTP) -> None:
        self.ended: Deferred | None = None
        self.for_another = 0
        self._connection = connection
        self._has_taken = False
        self._closed_by_server = False
        self._pipelines = connection.has_extn("pipelining")
        self._utf8 = connection.has_extn("smtputf8")
        self._offered = False
        """Whether the next message's sender and recipient have been written already."""
        self._unclean = False
        """Whether a transaction was begun that came to nothing: RSET goes before the next one."""

    def hand_over(self, envelopes: Sequence[Envelope], holds: Callable[[], bool] = lambda: True) -> list[Outcome]:
        """One outcome for each, in order. ``holds`` is asked before each is offered, whether it may leave."""
        outcomes: list[Outcome] = []
        commands = [self._commands(envelope) for envelope in envelopes]
        for place, envelope in enumerate(envelopes):
            if not self._offered and not holds():
                outcomes += [_STOPPED] * (len(envelopes) - place)
                break
            now, following = commands[place], next(iter(commands[place + 1 : place + 2]), None)
            if self._pipelines and following is not None and not holds():
                following = None
            outcomes.append(now if isinstance(now, Refused) else self._one(envelope, now, following))
            if self.ended is not None:
                if self._closed_by_server and self._has_taken:
                    self.for_another = len(envelopes) - place
                return outcomes + [self.ended] * (len(envelopes) - len(outcomes))
        if self._unclean:
            self._start_over()
        return outcomes

    def answers(self) -> bool:
        """Whether the connection still stands."""
        try:
            return self._connection.noop()[0] == _READY
        except (smtplib.SMTPException, OSError):
            return False

    def quit(self) -> None:
        with suppress(smtplib.SMTPException, OSError):
            self._connection.quit()
        self.close()

    def close(self) -> None:
        self._connection.close()

    def _commands(self, envelope: Envelope) -> list[bytes] | Refused:
        """MAIL, RCPT and DATA; Refused where the server cannot be told this address."""
        ascii_only = (envelope.sender + envelope.recipient).isascii()
        if not ascii_only and not self._utf8:
            return Refused("this server takes no address beyond ASCII (RFC 6531)", code="SMTPUTF8")
        options = "" if ascii_only else " SMTPUTF8 BODY=8BITMIME"
        sender, recipient = smtplib.quoteaddr(envelope.sender), smtplib.quoteaddr(envelope.recipient)
        written = [f"MAIL FROM:{sender}{options}", f"RCPT TO:{recipient}", "DATA"]
        if any("\r" in command or "\n" in command for command in written):
            return Refused("the address is malformed")
        try:
            return [f"{command}\r\n".encode() for command in written]
        except UnicodeEncodeError:  # half a character
            return Refused("the address is malformed")

    def _one(self, envelope: Envelope, commands: list[bytes], following: list[bytes] | Refused | None) -> Outcome:
        try:
            refused = self._offer_at_once(commands) if self._pipelines else self._offer_by_turns(commands)
        except (smtplib.SMTPException, OSError):
            self.ended, self._closed_by_server = _NOT_ATTEMPTED, True
            return _LOST
        if refused is not None:
            return refused
        behind = b"".join(following) if self._pipelines and isinstance(following, list) else b""
        return self._say(envelope, behind)

    # Everything before the message itself; None where the server wants it.

    def _offer_by_turns(self, commands: list[bytes]) -> Outcome | None:
        if self._unclean:
            self._start_over()
            if self.ended is not None:
                return _LOST
        mail, recipient, data = commands
        self._connection.send(mail)
        code, said = self._connection.getreply()
        if code >= _PERMANENT:
            return self._sender_refused(code, said)
        for command in (recipient, data):
            if code not in _YES:
                break
            self._connection.send(command)
            code, said = self._connection.getreply()
        return None if code == _GO_AHEAD else self._no(code, said)

    def _offer_at_once(self, commands: list[bytes]) -> Outcome | None:
        reset, self._unclean = self._unclean and not self._offered, False
        if not self._offered:
            self._connection.send(b"".join([b"RSET\r\n"] * reset + commands))
        self._offered = False
        replies = self._replies(len(commands) + reset)[reset:]
        (code, said) = next((reply for reply in replies[:2] if reply[0] not in _YES), replies[-1])
        if code == _GO_AHEAD:
            return None
        if replies[0][0] >= _PERMANENT:
            return self._sender_refused(*replies[0])
        refused = self._no(code, said)
        if self.ended is None and replies[-1][0] == _GO_AHEAD:
            # RFC 2920, section 3.1: DATA may be granted though no recipient was, and is ended with nothing sent.
            self._connection.send(b".\r\n")
            self._connection.getreply()
            self._unclean = False
        return refused

    def _replies(self, many: int) -> list[_Reply]:
        """So many replies; fewer where one says that the connection ends, which is the last one then."""
        replies: list[_Reply] = []
        while len(replies) < many:
            replies.append(self._connection.getreply())
            if replies[-1][0] == _CLOSING or replies[-1][0] < 0:
                return [replies[-1]] * many
        return replies

    # The message itself. It counts as taken once the server has said so, and may be from its first byte on.

    def _say(self, envelope: Envelope, behind: bytes) -> Outcome:
        try:
            self._connection.send(_with_dots(envelope.message) + b".\r\n" + behind)
            code, said = self._connection.getreply()
        except (smtplib.SMTPException, OSError):
            self.ended = _NOT_ATTEMPTED
            return InDoubt("the connection was lost before the server replied to the message")
        self._offered = bool(behind)
        if code in _YES:
            self._has_taken = True
            return Accepted(ref=envelope.ref)
        if code < _TRANSIENT:
            # smtplib's -1: no code could be read.
            self.ended = _NOT_ATTEMPTED
            return InDoubt("the server replied to the message with what is no SMTP")
        outcome = self._no(code, said)
        self._unclean = False  # the reply to a message ends its transaction (RFC 5321, section 4.1.1.4)
        return outcome

    def _no(self, code: int, said: bytes) -> Outcome:
        reason = _said(code, said)
        if code < _TRANSIENT:
            self.ended = _NOT_ATTEMPTED
            return _NO_SMTP
        if code == _CLOSING or code in _ABOUT_US:
            self.ended = Deferred(reason, scope="channel")
            self._closed_by_server = code == _CLOSING
            return self.ended
        self._unclean = True
        return Refused(reason, code=str(code)) if code >= _PERMANENT else Deferred(reason)

    def _sender_refused(self, code: int, said: bytes) -> Outcome:
        """No other message would fare better."""
        self.ended = Deferred(f"the server refused the sender: {_said(code, said)}", scope="channel")
        return self.ended

    def _start_over(self) -> None:
        self._unclean = False
        try:
            self._connection.rset()
        except (smtplib.SMTPException, OSError):
            self.ended = _NOT_ATTEMPTED


def _with_dots(message: bytes) -> bytes:
    """``message`` with a dot more on each line that begins with one (RFC 5321, section 4.5.2)."""
    return (b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..")


def _said(code: int, said: bytes) -> str:
    return without_addresses(f"{code} {said.decode(errors='replace')}")
