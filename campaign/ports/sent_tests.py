"""The record of tests that were sent before the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from campaign.model.sent_test import SentTest


class SentTests(Protocol):
    """One world's."""

    def record(self, sent: SentTest) -> None: ...

    def latest(self) -> Mapping[str, SentTest]:
        """The last test of each step."""
        ...
