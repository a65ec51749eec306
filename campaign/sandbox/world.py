"""What the stand-ins share: what they took, who may send, what goes wrong, and what time it is."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from campaign.sandbox.faults import Faults
from campaign.sandbox.journal import Journal


@dataclass
class World:
    """``accounts``: provider → account's name → the credential that its stand-in accepts, and no other.

    ``limits``: provider → requests it takes in one of its windows, where that is to differ from what the provider
    documents. ``longest``: by account of Mastodon the characters that its server takes, where they are not the usual.
    ``secret`` signs what a provider would sign. ``barred`` is what a provider lets nobody do as long as it
    stands there, such as ``x replies``: each stand-in says what it knows of.
    """

    journal: Journal = field(default_factory=lambda: Journal(None))
    faults: Faults = field(default_factory=Faults)
    accounts: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    limits: Mapping[str, int] = field(default_factory=dict)
    longest: Mapping[str, int] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    secret: bytes = field(default=b"campaign sandbox", repr=False)
    _now: datetime | None = field(default=None, repr=False)

    def now(self) -> datetime:
        """The time here, in UTC: as it was set, or the real one.

        The stand-ins are the world outside, with a clock of their own; that of the program comes through its port.
        """
        return self._now or datetime.now(UTC)

    def set_now(self, instant: datetime | None) -> None:
        """Let it be ``instant`` (aware) here until it is set again; None goes back to the real time."""
        if instant is not None and instant.utcoffset() is None:
            raise ValueError("the sandbox's clock needs an instant with a time zone")
        self._now = None if instant is None else instant.astimezone(UTC)

    def account(self, provider: str, credential: str) -> str | None:
        """The name of the account that ``credential`` opens, or None."""
        offered = credential.encode(errors="replace")
        for name, accepted in self.accounts.get(provider, {}).items():
            if accepted and hmac.compare_digest(accepted.encode(), offered):
                return name
        return None
