"""Tokens that a provider renews: each is good until there is a newer one, and only the newest is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Token:
    """``access`` opens the account until ``ends_at`` (UTC; None where nobody said), ``refresh`` gets the next token and
    is good for that once. ``may`` is what it allows, in the provider's words."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    ends_at: datetime | None = None
    may: tuple[str, ...] = ()


class Tokens(Protocol):
    """``written`` is the refresh token in the settings, with which somebody logged in. What is kept descends from one;
    where the settings hold another, somebody has logged in again, and what is kept counts no more.

    Both raise LedgerError or NotConfigured where what is kept cannot be read or written.
    """

    def kept(self, channel: str, account: str, *, written: str) -> Token | None:
        """The newest token; None where none was renewed since somebody logged in."""
        ...

    def renew(self, channel: str, account: str, renew: Callable[[Token | None], Token], *, written: str) -> Token:
        """Have ``renew`` get a newer token while no other thread or process can, and keep it before it is used.

        It is given what is kept by then, which it returns as it is where somebody else has renewed it meanwhile. What
        it raises is passed on, and what was kept stays.
        """
        ...
