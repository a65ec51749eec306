"""Approved: the part of the ledger that says what people have approved, and which waves came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from campaign.model.approval import Approval, Manifest
from campaign.model.bundle import Bundle
from campaign.model.wave import Wave, WaveState


class Approved(Protocol):
    """Each method is one transaction."""

    def approvals(self) -> Mapping[str, Approval]:
        """The latest approval of each step that enough people have given."""
        ...

    def latest_approvals(self) -> Mapping[str, Approval]:
        """The latest approval of each step, whether or not enough people have given it."""
        ...

    def all_approvals(self) -> Sequence[Approval]:
        """Every approval that was given, of each step first to last: of the versions that have changed since, too."""
        ...

    def approved(self, step: str, digest: str) -> Manifest:
        """What was approved of the step under ``digest``, in parts; LedgerError where nothing was."""
        ...

    def bundle(self, digest: str) -> Bundle:
        """What was approved under ``digest``; LedgerError where nothing was."""
        ...

    def waves(self, *, step: str | None = None, states: Collection[WaveState] | None = None) -> Sequence[Wave]:
        """By instant, then in the order in which their steps were approved."""
        ...
