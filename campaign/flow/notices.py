"""notices: people who are not looking at the screen are told what has happened, and what they can do about it.

A notice is made once, by its key, and waits in the ledger's database until it has left; so a restart or a second
program tells nothing twice. It is carried in a thread of its own: nothing that is sent waits for it, or fails with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaign.model.notice import URGENT, Notice, NoticeKind, Outgoing
from campaign.ports.clock import Clock
from campaign.ports.notices import Notifier, Outbox

ALL = frozenset(NoticeKind)
_FIRST_AGAIN = timedelta(minutes=1)
_LAST_AGAIN = timedelta(minutes=30)
_DOUBLINGS = 5
GIVEN_UP_AFTER = timedelta(hours=24)
"""Who has not been told of something for so long is not helped by it any more."""
_AT_ONCE = 20
"""So many go as one message at most: a hundred of them in a minute would be read by nobody."""


@dataclass
class Notices:
    """``on`` are the kinds that are told. Without a ``notifier`` nothing is sent; ``shows`` then tells on the screen
    what would be. ``campaign`` is what the titles begin with,
    ``zone`` the one in which instants are told. ``made`` are the notices of this process."""

    outbox: Outbox
    clock: Clock
    tell: Callable[[str], None] = lambda _what: None
    notifier: Notifier | None = None
    on: Collection[NoticeKind] = ALL
    shows: bool = False
    campaign: str = ""
    zone: str = "UTC"
    made: list[Notice] = field(default_factory=list)
    _swept: bool = False
    _carried: dict[str, tuple[Sequence[Outgoing], Future[str]]] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether anybody is told, or shown, what has happened."""
        return self.notifier is not None or self.shows

    def put(self, notice: Notice) -> bool:
        """Make a notice, to be sent where its kind is told; False where it was made before."""
        on = notice.kind in self.on
        places = self.notifier.places if self.notifier is not None and on else ()
        if not self.outbox.put(notice, places=places, at=self.clock.now()):
            return False
        if on and self.wanted:
            self.made.append(notice)
            if self.shows:
                self.tell(f"people would be told ({notice.kind.value}): {notice.text.partition(chr(10))[0]}")
        return True

    def carry(self) -> None:
        """Have what is due carried, and write down what was. Takes milliseconds, however long the carrying takes."""
        if self.notifier is None:
            return
        self._land()
        now = self.clock.now()
        if not self._swept:  # what waits for an address that is no longer in the settings waits for ever
            self._swept = True
            self.outbox.end_elsewhere(self.notifier.places, at=now, why="its address is no longer in the settings")
        for place in self.notifier.places:
            if place in self._carried:
                continue
            taken = self.outbox.take(place, most=_AT_ONCE, now=now, again_at=now + _FIRST_AGAIN)
            fresh = [one for one in taken if now - one.made_at < GIVEN_UP_AFTER]
            old = [one for one in taken if one not in fresh]
            if old:
                self.outbox.end(old, at=now, why="given up")
                self.tell(f"{len(old)} of what people were to be told by {place} is given up: it is a day old")
            if fresh:
                self._carried[place] = (fresh, _begin(self._carrying(self.notifier, place, fresh)))

    def next_at(self) -> datetime | None:
        """When there is something to carry, or what was carried to write down."""
        if self.notifier is None:
            return None
        return self.clock.now() + timedelta(seconds=1) if self._carried else self.outbox.next_at()

    def finish(self, *, within_s: float) -> None:
        """Have what is due carried, and wait for it so long at most; what is not carried by then waits in the box."""
        for _ in range(2):  # what was under way already, and what has been made since
            self.carry()
            wait([future for _, future in self._carried.values()], timeout=within_s / 2)
        self._land()

    def _carrying(self, notifier: Notifier, place: str, taken: Sequence[Outgoing]) -> Callable[[], str]:
        title, text = self._written(taken)
        urgent = any(one.kind in URGENT for one in taken)
        return lambda: notifier.send(place, title, text, urgent=urgent)

    def _written(self, taken: Sequence[Outgoing]) -> tuple[str, str]:
        head = f"{self.campaign}: " if self.campaign else ""
        if len(taken) == 1:
            title, _, text = taken[0].text.partition("\n")
            return head + title, text or title
        return f"{head}{len(taken)} notices", "\n\n".join(one.text for one in taken)

    def _land(self) -> None:
        now = self.clock.now()
        for place, (taken, future) in list(self._carried.items()):
            if not future.done():
                continue
            del self._carried[place]
            error = future.exception()
            # Its own words are kept out: they may hold the address, which is a secret.
            why = future.result() if error is None else f"it failed ({type(error).__name__})"
            if not why:
                self.outbox.end(taken, at=now)
                continue
            attempts = max(one.attempts for one in taken)
            until = now + min(_FIRST_AGAIN * 2 ** min(attempts - 1, _DOUBLINGS), _LAST_AGAIN)
            self.outbox.put_off(taken, until=until, why=why)
            if attempts == 1:
                self.tell(f"people could not be told by {place}: {why}; it is tried again for a day")


def _begin(what: Callable[[], str]) -> Future[str]:
    """``what`` in a thread that does not keep the program from ending."""
    future: Future[str] = Future()

    def carried() -> None:
        try:
            future.set_result(what())
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told, whatever it is
            future.set_exception(error)

    threading.Thread(target=carried, name="notices", daemon=True).start()
    return future
