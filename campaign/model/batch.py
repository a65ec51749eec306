"""A batch: the deliveries handed to a channel in one call, and the bytes that were handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from campaign.model.media import PartMedia
from campaign.model.plan import Sender


def _always() -> bool:
    return True


class MailRow(NamedTuple):
    """One personal e-mail of a batch: ``values`` fill the content's ``tokens``, in the same order."""

    seq: int
    key: str
    address: str
    name: str
    values: Sequence[str]
    unsubscribe_url: str


@dataclass(frozen=True, slots=True)
class MailContent:
    """What everybody in the batch gets alike. ``tokens`` stand in subject, html and text where a row's values go.

    A token is plain ASCII letters and digits, occurs nowhere else, and none is a part of another.
    """

    sender: Sender
    subject: str
    html: str
    text: str
    tokens: tuple[str, ...]
    language: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailBatch:
    """``made_at`` is the wave's instant; it becomes the Date of a message that we write ourselves (RFC 5322, 3.6.1).

    With ``send_at`` the provider holds it until then, in the ``group`` of that id with it. ``holds`` is to be asked
    before each message where a call hands over one after the other: what was stopped meanwhile waits.
    """

    id: int
    content: MailContent
    rows: Sequence[MailRow]
    send_at: datetime | None = None
    group: str = ""
    made_at: datetime | None = None
    holds: Callable[[], bool] = field(default=_always, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)


class PostPart(NamedTuple):
    """One part of a thread, still to be sent. ``text`` is the finished text, ``shows`` what stands beside it."""

    seq: int
    key: str
    text: str
    shows: PartMedia = PartMedia()


@dataclass(frozen=True, slots=True)
class PostBatch:
    """The parts of one account's thread that are still to be sent, in order.

    ``made_at`` is the wave's instant: with each part's key it fixes all that a channel must choose (a record's time
    and key), so that a second attempt is the same to the byte. ``sent`` are the provider's ids of the parts before
    these. ``attempted_at`` is when the last attempt began, for settling by reading.
    ``files`` are the bytes of the parts' media, by digest. ``holds`` is to be asked before each part leaves: where it
    was stopped, or the claim may have run out and somebody else may be posting it by now, the rest waits.
    """

    id: int
    account: str
    parts: Sequence[PostPart]
    made_at: datetime
    sent: tuple[str, ...] = ()
    language: str = ""
    warning: str = ""
    visibility: str = "public"
    attempted_at: datetime | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    holds: Callable[[], bool] = field(default=_always, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True, slots=True)
class Payload:
    """The exact bytes handed over: ``head``, then one chunk for each delivery, then ``tail``.

    Joined by ``glue`` they are the request's body where one request carries the whole batch. A chunk can be read
    back, and blanked when its person is forgotten, without touching the others. ``alone`` are the places of those who
    do not fit into a call with others: each is to be composed anew in a batch of one.
    """

    chunks: Sequence[bytes]
    head: bytes = b""
    tail: bytes = b""
    glue: bytes = b","
    alone: tuple[int, ...] = ()

    def body(self) -> bytes:
        return b"".join((self.head, self.glue.join(self.chunks), self.tail))


@dataclass(frozen=True, slots=True)
class Shown:
    """What one recipient got, read back from the bytes that were handed over."""

    text: str
    subject: str = ""
    html: str = ""
    headers: dict[str, str] = field(default_factory=dict)
