"""How late a step may start, as the plan writes it: for one step, or for all of a channel."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from campaign.files.plan_document import Document
from campaign.files.plan_networks import OTHER_KEYS, NetworkName
from campaign.files.plan_values import Length
from campaign.model.plan import Channel, Then


class LateDocument(Document):
    """How late a wave may start, and what becomes of one that is later."""

    within: Length = Field(description="How late it may start and still be sent.", examples=["10m"])
    then: Then = Field(
        default="hold",
        description="What happens later than that: `send` it all the same, `hold` it for a person, `skip` it.",
    )


class LatesDocument(Document):
    """Lateness by channel, for the steps that do not say themselves."""

    model_config = ConfigDict(extra="allow", json_schema_extra=OTHER_KEYS)
    __pydantic_extra__: dict[NetworkName, LateDocument] = Field(init=False)

    email: LateDocument | None = Field(default=None, description="For e-mail. Unless written: within 2h, then hold.")
    x: LateDocument | None = Field(default=None, description="For X. Unless written: within 10m, then hold.")
    bluesky: LateDocument | None = Field(
        default=None, description="For Bluesky. Unless written: within 10m, then hold."
    )
    mastodon: LateDocument | None = Field(
        default=None, description="For Mastodon. Unless written: within 10m, then hold."
    )

    def of(self, channel: Channel) -> LateDocument | None:
        """What the plan says of a channel; None for nothing."""
        if channel in type(self).model_fields:
            found: LateDocument | None = getattr(self, channel)
            return found
        return (self.__pydantic_extra__ or {}).get(channel)
