"""The shape of schedules.yaml: what may stand where, and what it means.

The JSON Schema for editors (docs/schedules.schema.json) is made from these models, so their descriptions are what a
campaign manager reads while writing. They check each value alone; campaign.files.plan_checks what values mean together.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from campaign.files.plan_ab_test import StepAbTest
from campaign.files.plan_accounts import AccountsDocument
from campaign.files.plan_breakers import BreakersDocument, StepBreakersDocument
from campaign.files.plan_caps import DomainRates, PlanFrequency, StepDomainRates, StepFrequency
from campaign.files.plan_conditions import AfterStep, Whens
from campaign.files.plan_document import Document
from campaign.files.plan_late import LateDocument, LatesDocument
from campaign.files.plan_networks import KnownChannel
from campaign.files.plan_pacing import Rates, StepRamp, StepRate, StepWaves
from campaign.files.plan_quiet import QuietDocument, StepQuiet
from campaign.files.plan_repeat import RepeatDocument
from campaign.files.plan_values import (
    Country,
    Email,
    Embargo,
    Hashtag,
    Host,
    Language,
    LaunchTime,
    Length,
    Line,
    Lines,
    MessageName,
    Name,
    PrimaryLanguage,
    Slug,
    Tag,
    TrueOrFalse,
    Url,
    When,
    WholeNumber,
    Zone,
)
from campaign.model.plan import Doubled, HandOff, Skipped

MAX_STEPS = 10_000
MAX_APPROVERS = 5
FILE = "docs/schedules.schema.json"

Visibility = Literal["public", "unlisted", "private"]
Thread = Literal["whole", "first"]


class SenderDocument(Document):
    """Who the e-mail is from, and the provider that carries it."""

    via: Literal["sendgrid", "smtp"] = Field(
        description="The provider that carries the e-mail. Its credentials are settings, not a part of the plan.",
        examples=["sendgrid"],
    )
    address: Email = Field(description="The From address.", examples=["campaign@example.org"])
    name: Line = Field(description="The name that stands beside the From address.", examples=["Example Coalition"])
    reply_to: Email | None = Field(
        default=None, description="Where answers go, if not to the From address.", examples=["hello@example.org"]
    )
    postal_address: Lines = Field(
        description="The organisation's postal address. It stands at the foot of each e-mail (a duty under CAN-SPAM).",
        examples=["Example Coalition, 1 Example Street, Example City"],
    )


class TargetDocument(Document):
    """The decision-maker the letter addresses; never a supporter."""

    email: Email = Field(
        description="Where supporters' own e-mails to the target go: the address in mailto links.",
        examples=["office@example.com"],
    )


class FactDocument(Document):
    """A figure or date that messages may state although the letter does not."""

    value: Line = Field(
        description="The figure or date as messages state it.",
        examples=["150,000"],
        json_schema_extra={"type": ["string", "number"]},
    )
    source: Line = Field(
        description="Where it comes from: a link, or a document with its date.",
        examples=["https://example.org/petition"],
    )


class ClockChangeDocument(Document):
    """What a local time means that a zone skips or has twice when clocks change."""

    skipped: Skipped = Field(
        default=Skipped.LATER,
        description="02:30 on the night when clocks go from 02:00 to 03:00: `later` is 03:30, `earlier` is 01:30.",
    )
    doubled: Doubled = Field(
        default=Doubled.FIRST,
        description="01:30 on the night when clocks go from 02:00 back to 01:00: the `first` or the `second` 01:30.",
    )


class SegmentDocument(Document):
    """Supporters who meet every condition given; without any, everybody."""

    tags_all: list[Tag] = Field(default=[], description="They have all of these tags.", examples=[["partner"]])
    tags_any: list[Tag] = Field(default=[], description="They have one of these tags or more.")
    tags_none: list[Tag] = Field(default=[], description="They have none of these tags.", examples=[["press"]])
    languages: list[PrimaryLanguage] = Field(
        default=[],
        description='They speak one of these languages; "" takes those of whom it is not known.',
        examples=[["es"], ["en", ""]],
    )
    countries: list[Country] = Field(
        default=[],
        description='They are in one of these countries (ISO 3166); "" takes those of whom it is not known.',
        examples=[["US", ""]],
    )
    regions: list[Line] = Field(
        default=[], description="They are in one of these states or regions.", examples=[["WA", "CA"]]
    )
    acted: TrueOrFalse | None = Field(
        default=None,
        description="They have taken the action (true) or not (false), as known at the moment of sending.",
        examples=[False],
    )


Approvers = Annotated[WholeNumber, Field(le=MAX_APPROVERS)]


class StepDocument(Document):
    """One planned sending: a message, a channel, who gets it, and when."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "if": {"properties": {"channel": {"const": "email"}}, "required": ["channel"]},
            "then": {"required": ["segment"]},
            "else": {"anyOf": [{"required": ["account"]}, {"required": ["accounts"]}]},
        },
    )

    id: Slug = Field(
        description="The step's name, once in the plan. It appears in the log and in the links' UTM tags.",
        examples=["launch-x"],
    )
    channel: KnownChannel = Field(
        description="Where it goes: email, x, bluesky, mastodon, or a network that an installed package adds.",
        examples=["x"],
    )
    message: MessageName = Field(
        description="The message under messages/: email/NAME for an e-mail, post/NAME for a post.",
        examples=["post/launch", "email/action-alert"],
    )
    at: When = Field(
        description="When it goes. T-0 is the launch. T+2h counts hours, T-1d 09:00 gives a day and a time of day in "
        "the campaign's zone, and `local` after it means where each supporter is. With a step's id instead of T "
        "it counts from when that step first comes.",
        examples=[
            "T-0",
            "T+2h",
            "T-1d 09:00",
            "launch-x +2h",
            "T+0d 09:00 local",
            "2018-05-22 09:00",
            "2018-05-22T09:00-04:00",
        ],
    )
    after: AfterStep | None = Field(
        default=None,
        description="Another step that must be out before this one goes: `accepted` (unless written: all of it was "
        "taken) or `done` (nothing of it is left to be sent, whatever became of it).",
        examples=["launch-x", {"step": "launch-x", "is": "accepted"}],
    )
    when: Whens | None = Field(
        default=None,
        description="What must be so before it goes: pages that are live, numbers that are reached. All of it.",
        examples=[
            [
                {"url": "https://act.example.org/", "contains": "Add your name"},
                {"url": "https://act.example.org/api", "number": "/signatures", "at_least": 10000},
            ]
        ],
    )
    segment: Slug | None = Field(
        default=None, description="For e-mail: which of the plan's segments gets it.", examples=["supporters"]
    )
    account: Name | None = Field(
        default=None,
        description="For posts: the account that posts, by its name in the settings.",
        examples=["national"],
    )
    accounts: Annotated[list[Name], Field(min_length=1, max_length=500)] | None = Field(
        default=None,
        description="For posts: several accounts that post the same.",
        examples=[["national", "washington"]],
    )
    repeat: RepeatDocument | None = Field(
        default=None,
        description="If it comes again: how often, and when it stops.",
        examples=[{"every": "1d", "until": "T+6d 12:00"}],
    )
    embargo: Embargo | None = Field(
        default=None,
        description="Nothing of this step leaves before this time. `none` lifts the plan's own embargo.",
        examples=["none", "T-0", "2018-05-22 06:00"],
    )
    late: LateDocument | None = Field(
        default=None,
        description="How late it may start, and what then.",
        examples=[{"within": "30m", "then": "skip"}],
    )
    visibility: Visibility | None = Field(
        default=None, description="For Mastodon: who sees the post. `public` unless written."
    )
    thread: Thread | None = Field(
        default=None,
        description="For posts: `first` posts only the first part of a thread, for accounts that may not reply to "
        "themselves. `whole` unless written.",
    )
    repeat_text: TrueOrFalse | None = Field(
        default=None,
        description="For posts: this account may post a text that it has posted before in this campaign.",
        examples=[True],
    )
    hand_off: HandOff | None = Field(
        default=None,
        description="For e-mail by SendGrid: `direct` (unless written) hands it over at its time, `staged` `ahead` of "
        "it, and SendGrid sends it at its time. What is staged can still be cancelled.",
    )
    ahead: Length | None = Field(
        default=None,
        description="For `hand_off: staged`: how long ahead of its time, 30m to 71h; 2h unless written.",
        examples=["2h"],
    )
    breakers: StepBreakersDocument | None = Field(
        default=None,
        description="How much may go wrong with this step before it is stopped, where that is not as for its channel.",
        examples=[{"bounces": {"warn": "4%", "stop": "8%"}}],
    )
    ab_test: StepAbTest
    quiet: StepQuiet
    waves: StepWaves
    ramp: StepRamp
    rate: StepRate
    domain_rates: StepDomainRates
    frequency: StepFrequency
    approvers: Approvers | None = Field(
        default=None,
        description="How many different people must approve this step; the plan's `approvers` unless written.",
        examples=[2],
    )


class PlanDocument(Document):
    """The rollout of one campaign: who gets what, where and when, hung on one launch moment (T-0)."""

    model_config = ConfigDict(extra="forbid", title="Campaign plan (schedules.yaml)")

    campaign: Slug = Field(
        description="The campaign's short name, as it appears in links (utm_campaign) and in the log.",
        examples=["amazon-face-recognition"],
    )
    title: Line = Field(description="The campaign's title, for people.", examples=["Take Rekognition off the table"])
    organisation: Line = Field(description="The name that signs the messages.", examples=["Example Coalition"])
    letter: Line = Field(
        description="The open letter that everything is derived from: a file, seen from this one.",
        examples=["messages/letter.md"],
    )
    launch: LaunchTime = Field(
        description="T-0, with date and time, in the campaign's zone or with its own offset from UTC.",
        examples=["2018-05-22 09:00", "2018-05-22T09:00-04:00"],
    )
    zone: Zone = Field(
        description="The campaign's zone, by its IANA name. Supporters whose zone is not known count as being there.",
        examples=["America/New_York"],
    )
    language: Language = Field(default="en", description="The language that messages are in unless they say otherwise.")
    embargo: Embargo | None = Field(
        default=None,
        description="No step leaves before this time unless the step itself says otherwise. T-0 unless written; "
        "`none` for no embargo.",
        examples=["T-0", "none"],
    )
    clock_change: ClockChangeDocument = Field(
        default_factory=ClockChangeDocument,
        description="What a local time means that is skipped or doubled by summer time.",
    )
    rates: Rates
    domain_rates: DomainRates
    frequency: PlanFrequency
    quiet: QuietDocument | None = Field(
        default=None,
        description="Hours in which nobody is written to. What would come in them comes at their end.",
        examples=[{"from": "21:00", "to": "08:00"}],
    )
    sender: SenderDocument | None = Field(
        default=None, description="Who the e-mail is from. Needed as soon as a step sends e-mail."
    )
    target: TargetDocument | None = Field(default=None, description="The decision-maker the letter addresses.")
    links: dict[Name, Url] = Field(
        description="Links that messages use by name. `action` (where supporters act) and `letter` (where the letter "
        "can be read) are needed.",
        examples=[{"action": "https://act.example.org/letter", "letter": "https://example.org/letter"}],
        json_schema_extra={"required": ["action", "letter"], "additionalProperties": False},
        max_length=200,
    )
    untagged: list[Host] = Field(
        default=[], description="Hosts whose links get no UTM tags.", examples=[["www.example.net"]], max_length=200
    )
    hashtags: list[Hashtag] = Field(
        default=[], description="Hashtags of the campaign, without the #.", examples=[["NoSurveillance"]], max_length=50
    )
    facts: dict[Name, FactDocument] = Field(
        default={},
        description="Figures and dates that messages may state although the letter does not, each with its source.",
        examples=[{"signatures": {"value": "150,000", "source": "https://example.org/petition"}}],
        json_schema_extra={"additionalProperties": False},
        max_length=1000,
    )
    late: LatesDocument = Field(
        default_factory=LatesDocument, description="How late steps may start and what then, by channel."
    )
    breakers: BreakersDocument = Field(
        default_factory=BreakersDocument,
        description="How much may go wrong before people are warned, and before a step is stopped. Nobody has to "
        "approve it: a breaker only ever stops.",
    )
    accounts: AccountsDocument = Field(
        default_factory=AccountsDocument,
        description="The accounts that posts come from, by network, each with its name there: who must stand behind "
        "the credentials. `campaign doctor` compares, and `campaign run --live` posts to no other.",
    )
    author: Line | None = Field(
        default=None,
        description="Who has written what is to be approved, by name. Their own approval alone lets nothing go.",
        examples=["Ann Example"],
    )
    approvers: Approvers = Field(
        default=1, description="How many different people must approve each step.", examples=[2]
    )
    segments: dict[Slug, SegmentDocument] = Field(
        default={},
        description="Who can be written to, by name.",
        examples=[{"supporters": {"tags_none": ["partner", "press"]}}],
        json_schema_extra={"additionalProperties": False},
        max_length=1000,
    )
    steps: list[StepDocument] = Field(
        description="Every sending of the rollout. The order is for readers; the times decide.",
        examples=[[{"id": "launch-x", "channel": "x", "account": "national", "message": "post/launch", "at": "T-0"}]],
        min_length=1,
        max_length=MAX_STEPS,
    )


class _ForEditors(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 pydantic's signature
        """Never: pydantic would make a title of each key's name, which tells a reader nothing."""
        return False

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        """Without ``null``: None stands for an absent key, and an empty key is an error."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of schedules.yaml, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **PlanDocument.model_json_schema(schema_generator=_ForEditors),
    }


def json_schema_text() -> str:
    """What docs/schedules.schema.json must hold."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
