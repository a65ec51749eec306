"""A notice: what people are told who are not looking at the screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NoticeKind(StrEnum):
    """``launch``: the first of a step has left. ``completion``: nothing of a step is left to send. ``hold``: something
    waits for a person, or came too late. ``breaker``: a limit is reached. ``doubt``: a person has to say what became
    of something. ``halt``, ``pause`` and ``resume``: somebody has stopped everything or a step, or let it go on."""

    LAUNCH = "launch"
    COMPLETION = "completion"
    HOLD = "hold"
    BREAKER = "breaker"
    DOUBT = "doubt"
    HALT = "halt"
    PAUSE = "pause"
    RESUME = "resume"


URGENT = frozenset({NoticeKind.HOLD, NoticeKind.BREAKER, NoticeKind.DOUBT, NoticeKind.HALT})
"""Somebody has to do something, or has stopped everything."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``key`` is what makes it the same notice, ``also`` the keys of others that it tells as well. The first line of
    ``text`` is its title. Nobody's name or address is in it, except who among us has stopped something."""

    key: str
    kind: NoticeKind
    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A notice on its way to one ``place``. ``attempts`` counts this one."""

    id: int
    place: str
    kind: NoticeKind
    text: str
    made_at: datetime
    attempts: int
