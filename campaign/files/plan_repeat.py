"""How a plan writes that a step comes again."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from campaign.files.plan_document import Document
from campaign.files.plan_values import CronTimes, Length, When, WholeNumber


class RepeatDocument(Document):
    """A step that comes again, by `every` or by `cron`, and when it stops: `until`, `count` or both must be given."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "anyOf": [{"required": ["until"]}, {"required": ["count"]}],
            "oneOf": [{"required": ["every"]}, {"required": ["cron"]}],
        },
    )

    every: Length | None = Field(
        default=None,
        description="From one time to the next, at least 5m. Whole days keep the time of day when clocks change; "
        "hours and minutes are exact.",
        examples=["1d"],
    )
    cron: CronTimes | None = Field(
        default=None,
        description="Instead of `every`: minute, hour, day, month and weekday, by the clocks in the campaign's zone, "
        "or where the supporter is for a step by local time. It comes at each such time from the step's own time on.",
        examples=["0 9 * * 1-5", "30 8 1,15 * *"],
    )
    until: When | None = Field(
        default=None, description="The last moment at which it may come, inclusive.", examples=["T+6d 12:00"]
    )
    count: WholeNumber | None = Field(default=None, description="How often it comes in all.", examples=[5])
