"""Every exception of this program.

    CampaignError                 whatever this program raises on purpose; its text is for the campaign manager
    ├── BadInput                  something a person wrote is wrong; carries every Problem found, not just the first
    ├── NotConfigured             a setting or credential that this command needs is missing or wrong
    ├── NotApproved               something was to be sent that nobody approved as it stands now
    ├── Stopped                   somebody has halted everything, or paused the step; nothing was sent
    ├── ChannelUnusable           a provider refused our credentials or cannot be reached; nothing was attempted
    ├── LedgerError               the ledger cannot be read or written as asked
    │   ├── ClaimLost             somebody else holds the batch now, or its claim has lapsed
    │   ├── GroupClosed           what a provider holds together is to be cancelled, or holds enough
    │   ├── OverBudget            what it costs is more than is left of the budget
    │   └── LedgerTooNew          the database was made by a newer version of this program
    └── SandboxFailed             a stand-in provider could not be started or did not answer

An exception means that nothing was attempted. What became of an attempt is a value, never an exception:
see ``campaign.model.outcome``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Literal


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file that a person wrote.

    ``line`` counts from 1; 0 means the file as a whole. ``where`` names the place in the writer's own words
    (``step "second-week"``). ``remedy`` says what to do. A warning does not stop a command, an error does.
    """

    file: str
    line: int
    where: str
    what: str
    remedy: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = " ".join(part for part in (place, self.where) if part)
        return f"{head}: {self.what}" + (f"; {self.remedy}" if self.remedy else "")


def place_of(error: BaseException) -> str:
    """Where a fault of our own came up, as `` at file.py:12``; never its text, which may hold anything."""
    frames = extract_tb(error.__traceback__)
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


class CampaignError(Exception):
    """Something went wrong that the campaign manager can read about and act on."""

    exit_code = 1


class BadInput(CampaignError):
    """What you wrote cannot be used as it is."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[BadInput], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)  # else it would be made anew of its text


class NotConfigured(CampaignError):
    """A setting that this command needs is missing or wrong."""

    exit_code = 4


class NotApproved(CampaignError):
    """Nobody approved this as it stands now."""

    exit_code = 5


class Stopped(CampaignError):
    """Somebody has halted everything, or paused the step; nothing was sent."""

    exit_code = 8


class ChannelUnusable(CampaignError):
    """The provider refused the credentials or cannot be reached; nothing was attempted."""

    exit_code = 6


class LedgerError(CampaignError):
    """The ledger cannot be read or written as asked."""

    exit_code = 7


class ClaimLost(LedgerError):
    """Somebody else holds this batch now, or its claim has lapsed; nothing was sent."""


class GroupClosed(LedgerError):
    """This group takes no more batches; nothing was sent."""


class OverBudget(LedgerError):
    """This costs more than is left of its budget; nothing was sent."""


class LedgerTooNew(LedgerError):
    """The database was made by a newer version of this program; install that version."""


class SandboxFailed(CampaignError):
    """A stand-in provider could not be started or did not answer."""
