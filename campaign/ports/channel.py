"""A channel: our way to reach people over one provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeVar

from campaign.model.batch import MailBatch, Payload, PostBatch, Shown
from campaign.model.group import Cancelling, Opened
from campaign.model.media import Metrics
from campaign.model.outcome import Deferred, Outcome, Settled

BatchT = TypeVar("BatchT", MailBatch, PostBatch, contravariant=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """``batch``: most deliveries in one call. ``in_flight``: most calls at the same time.

    ``fields_bytes``: the most that one person's merge fields may have together to be filled in by the provider.
    ``message_bytes``: the most that one call may have. 0 is no limit that we know of.
    """

    batch: int
    in_flight: int
    fields_bytes: int = 0
    message_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Settling:
    """How a doubt ends. ``after`` is how long to wait after the attempt before what is read can be trusted.

    ``replay``: the identical call again is harmless and tells; ``reading``: the provider shows what it has;
    ``events``: only a later event proves that it was taken; ``nobody``: a person has to say.
    """

    by: Literal["replay", "reading", "events", "nobody"]
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit: ``number`` of ``of`` ``what`` until it is reset, None where nobody says when."""

    number: int
    of: int
    what: str = "requests"
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Takes:
    """What an account's server takes, on networks of many servers. None is what all of the network takes.

    ``url_length`` is what any link counts for, 0 where its own length is counted. ``attachments`` is for one post,
    ``alt`` for an alternative text in characters, ``pixels`` is width by height, ``types`` are media types (RFC 6838),
    all where it is empty.
    """

    characters: int | None = None
    url_length: int | None = None
    attachments: int | None = None
    image_bytes: int | None = None
    image_pixels: int | None = None
    video_bytes: int | None = None
    video_pixels: int | None = None
    alt: int | None = None
    types: tuple[str, ...] = ()


MAY_POST = "post"
MAY_SHOW = "show pictures and videos"
MAY_DELETE = "delete its posts"
MAY_READ = "read its posts"


@dataclass(frozen=True, slots=True)
class Standing:
    """What ``doctor`` shows of one account: who it is to the provider, and what is left of its limits.

    ``handle`` is its name on its network as people write it, without ``@`` at the front ("" where it has none).
    ``may`` is what it is allowed to do, in words; empty where nobody says. ``ends_at`` is when its token ends, None
    where it does not or nobody says; ``renews``: the channel gets a newer one by itself. ``takes`` is what its server
    takes, where that is the server's own to say. ``wrong`` is why it cannot be used and what to do, "" where it can.
    """

    account: str
    who: str
    detail: str = ""
    handle: str = ""
    may: tuple[str, ...] = ()
    ends_at: datetime | None = None
    renews: bool = False
    left: Left | None = None
    takes: Takes | None = None
    wrong: str = ""


class Channel(Protocol[BatchT]):
    """It translates; it does not retry, wait, or decide.

    Every call to the provider has a timeout, SDK retries and sleeps are off, connections are kept alive. Called
    from several threads at once, up to ``limits.in_flight``.
    """

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def settles(self) -> Settling: ...

    def check(self) -> Sequence[Standing]:
        """Try the credentials of every account before anything is due.

        A network's account that cannot be used has ``wrong``, so that it does not hide the others. A channel of one
        account raises ChannelUnusable, saying what to do, where the provider refuses it or cannot be reached.
        """
        ...

    def compose(self, batch: BatchT) -> Payload:
        """The exact bytes that ``deliver`` will hand over; a pure function of the batch, one chunk per delivery."""
        ...

    def deliver(self, batch: BatchT, payload: Payload) -> Sequence[Outcome]:
        """Make one attempt. One outcome for each delivery, in order. Never raises for what the provider does."""
        ...

    def settle(self, batch: BatchT, payload: Payload) -> Sequence[Settled]:
        """Find out what became of an attempt in doubt. One result for each delivery, in order; sends nothing new."""
        ...

    def shows(self, payload: Payload, index: int) -> Shown:
        """What the recipient of chunk ``index`` got."""
        ...

    def close(self) -> None: ...


class Staging(Protocol):
    """What a provider offers that holds e-mail until its instant, in groups that are let go or cancelled together.

    A batch is handed over to be held by its ``send_at`` and its ``group``. No call raises for what the provider does.
    """

    @property
    def most_ahead(self) -> timedelta:
        """How long before its instant the provider takes it, at most."""
        ...

    @property
    def margin(self) -> timedelta:
        """To cancel is sure only while more than this is left before the instant."""
        ...

    def open(self) -> Opened | Deferred:
        """Have the provider make a new group."""
        ...

    def cancel(self, ref: str) -> Cancelling:
        """Have everything in the group thrown away at its instant; harmless where that was asked before."""
        ...

    def look(self, ref: str) -> Cancelling:
        """Whether the group is cancelled, without changing it."""
        ...


class MailChannel(Channel[MailBatch], Protocol):
    @property
    def staging(self) -> Staging | None:
        """How the provider holds e-mail until its instant; None where it sends what it gets at once."""
        ...


class Gate(Protocol):
    """What a call that is made ahead of its instant waits for."""

    def __call__(self) -> None:
        """Return at the instant, or raise where nothing is to leave."""
        ...

    def left(self) -> None:
        """To be called, where that can be, once the first request has left and before its answer is read: return once
        all have left that leave at the same instant, a quarter of a second later at most."""
        ...


class PostChannel(Channel[PostBatch], Protocol):
    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        """Do what can be done before the instant: sign in, open connections and, where ``upload``, hand over media.

        To do it again changes nothing. It raises nothing for what the provider does: ``deliver`` does what is missing.
        """
        ...

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        """As ``deliver``, begun ahead of the instant: all that can be done before the first byte leaves, and then
        ``gate``. Where it raises nothing is to leave, and nobody reads what is returned.

        Before ``gate`` has returned nothing at all may leave. Where nothing can be done ahead, call it and ``deliver``.
        """
        ...

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        """The public figures of posts that stand, by ref; what is not there any more is left out.

        Deferred where they cannot be read now.
        """
        ...

    def retract(self, account: str, ref: str) -> Outcome:
        """Delete a post: Accepted where it is gone, also where it was gone before. To ask again is harmless."""
        ...
