"""How often anybody hears from a campaign at most, over all its steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

HAD_ENOUGH = "frequency cap"
"""Why somebody gets nothing who has had, or is about to have, as many e-mails as the plan lets them have."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Frequency:
    """Nobody gets more than ``most`` e-mails of a campaign ``within`` that time, over all its steps.

    Whole days are those of the calendar, as for those who ask for less often: what comes every week at nine is a week
    apart even if the last one was an hour late, or the clocks have changed since.
    """

    most: int
    within: timedelta

    def window(self, at: datetime, zone: str) -> tuple[datetime, datetime]:
        """Between which instants, both excluded, another e-mail is too near to one ``at`` this instant. ``zone`` is
        whose calendar is meant, the campaign's."""
        if self.within % _DAY:
            return at - self.within, at + self.within
        where = ZoneInfo(zone)
        day = at.astimezone(where).date()
        first, after = day - self.within + _DAY, day + self.within
        since = datetime.combine(first, time(), where) - timedelta.resolution
        return since, datetime.combine(after, time(), where)

    def __str__(self) -> str:
        days, rest = divmod(self.within, _DAY)
        span = f"{days} day{'s' * (days != 1)}" if not rest else f"{self.within.total_seconds() / 3600:g} hours"
        return f"at most {self.most:,} e-mail{'s' * (self.most != 1)} in {span}"
