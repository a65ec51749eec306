"""Quiet hours as a plan writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from campaign.files.plan_document import Document
from campaign.files.plan_values import ClockTime, TrueOrFalse
from campaign.model.plan import EMAIL, Channel, Quiet


class QuietDocument(Document):
    """Hours of the day in which nothing comes."""

    from_: ClockTime = Field(alias="from", description="When they begin, by the clock.", examples=["21:00"])
    to: ClockTime = Field(description="When they end; on the next day where that is earlier.", examples=["08:00"])
    posts: TrueOrFalse = Field(
        default=False,
        description="Posts, too, keep out of them, by the clocks in the campaign's zone. E-mail always does, by the "
        "clocks where the reader is.",
    )


StepQuiet = Annotated[
    Literal["none"] | None,
    Field(default=None, description="`none`: this step comes at its time, quiet hours or not.", examples=["none"]),
]


def quiet_of(document: QuietDocument | None, *, channel: Channel, own: str | None) -> Quiet | None:
    """The hours that a step of ``channel`` keeps out of; ``own`` is what the step itself says."""
    if document is None or own == "none" or (channel != EMAIL and not document.posts):
        return None
    return Quiet(document.from_, document.to)


def wrong_quiet(document: QuietDocument) -> Iterator[tuple[str, str]]:
    if document.from_ == document.to:
        yield "quiet hours begin and end at the same time", 'write it as in `{from: "21:00", to: "08:00"}`'
