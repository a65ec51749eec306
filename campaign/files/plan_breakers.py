"""Breakers as the plan writes them: how much may go wrong before people are warned, and before a step is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from re import fullmatch
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from campaign.files.plan_document import Document
from campaign.files.plan_values import did_you_mean, wrong
from campaign.model.breaker import MAIL, POSTS, Breakers, Limit, Limits, Measure

OFF = "off"
MAX_AFTER = 1_000_000
_WHOLE = 10_000


def _share(key: str, value: object) -> int | None:
    """A percentage in 1/10,000; None for ``off``."""
    if value == OFF:
        return None
    found = fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"has {key} {_said(value)}, which is no percentage", f"write it as in `{key}: 5%`, or `{key}: off`")
    share = int(Decimal(found[1]) * 100)
    if not 1 <= share <= _WHOLE:
        raise wrong(f"has {key} {_said(value)}, which is not between 0.01% and 100%", f"`{key}: off` for no limit")
    return share


def _said(value: object) -> str:
    return f'"{value[:20]}"' if isinstance(value, str) else "that is not text"


def _limit(value: object) -> Limit:
    if value == OFF:
        return Limit()
    if isinstance(value, str):
        raise wrong("is neither limits nor off", "write it as in `{warn: 2%, stop: 5%}`, or off")
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "")
    for key in value:
        if key not in ("warn", "stop"):
            remedy = did_you_mean(str(key), ("warn", "stop")) or "the keys here are warn and stop"
            raise wrong(f'has the key "{str(key)[:20]}", which is not known here', remedy)
    if not value:
        raise wrong("holds no limit", "write it as in `{warn: 2%, stop: 5%}`, or off")
    warn, stop = (_share(key, value.get(key, OFF)) for key in ("warn", "stop"))
    if warn is not None and stop is not None and warn >= stop:
        raise wrong("warns no sooner than it stops", "give warn a smaller percentage than stop")
    return Limit(warn=warn, stop=stop)


_OFF: dict[str, Any] = {"const": OFF}
_PERCENT: dict[str, Any] = {"anyOf": [{"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})? ?%$"}, _OFF]}
_LIMITS: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"warn": _PERCENT, "stop": _PERCENT},
            "additionalProperties": False,
            "minProperties": 1,
        },
        _OFF,
    ]
}
OneLimit = Annotated[Limit, PlainValidator(_limit), WithJsonSchema(_LIMITS)]
After = Annotated[int, Field(ge=1, le=MAX_AFTER)]


class PostBreakersDocument(Document):
    """From which shares on people are warned and a step is stopped. What is not written stays as it is by itself; what
    is written of a measure replaces all of it."""

    after: After | None = Field(
        default=None,
        description="No limit counts before so many were tried, and ten times as many for deferrals and doubts. 10 "
        "posts unless written.",
        examples=[10],
    )
    refusals: OneLimit | None = Field(
        default=None,
        description="What the network did not take. Posts: {warn: 25%, stop: 50%} unless written.",
        examples=[{"warn": "10%", "stop": "25%"}],
    )
    deferrals: OneLimit | None = Field(
        default=None,
        description="What it has put off and is to be tried again. Posts: off unless written.",
        examples=[{"warn": "50%"}],
    )
    doubts: OneLimit | None = Field(
        default=None,
        description="What may or may not have been sent. Posts: off unless written.",
        examples=[{"stop": "25%"}],
    )


class MailBreakersDocument(Document):
    """From which shares on people are warned and a step is stopped. What is not written stays as it is by itself; what
    is written of a measure replaces all of it."""

    after: After | None = Field(
        default=None,
        description="No limit counts before so many were taken (or tried), and ten times as many for deferrals and "
        "doubts. 500 e-mails unless written.",
        examples=[1000],
    )
    complaints: OneLimit | None = Field(
        default=None,
        description="People who called it spam, of what was taken: {warn: 0.1%, stop: 0.3%} unless written.",
        examples=[{"warn": "0.05%", "stop": "0.2%"}],
    )
    bounces: OneLimit | None = Field(
        default=None,
        description="What came back, of what was taken: {warn: 2%, stop: 5%} unless written.",
        examples=[{"stop": "8%"}],
    )
    refusals: OneLimit | None = Field(
        default=None,
        description="What the provider did not take, or dropped: {warn: 3%, stop: 10%} unless written.",
        examples=[{"warn": "3%", "stop": "10%"}],
    )
    deferrals: OneLimit | None = Field(
        default=None,
        description="What it has put off and is to be tried again: {warn: 25%} unless written.",
        examples=[{"warn": "10%", "stop": "off"}],
    )
    doubts: OneLimit | None = Field(
        default=None,
        description="What may or may not have been sent: {warn: 5%, stop: 25%} unless written.",
        examples=[{"stop": "10%"}],
    )


class BreakersDocument(Document):
    """How much may go wrong with e-mail and with posts. It holds for each step, and for each channel as a whole."""

    email: MailBreakersDocument | None = Field(
        default=None, description="For e-mail.", examples=[{"bounces": {"warn": "1%", "stop": "3%"}}]
    )
    posts: PostBreakersDocument | None = Field(
        default=None, description="For posts on any network.", examples=[{"after": 10}]
    )


class StepBreakersDocument(MailBreakersDocument):
    """How much may go wrong with this step; what is not written is as for its channel."""


ONLY_EMAIL = (Measure.COMPLAINTS, Measure.BOUNCES)
"""Posts know none of these."""


def limits_of(top: BreakersDocument, steps: Mapping[str, tuple[bool, StepBreakersDocument]]) -> Limits:
    """What the plan says, over what holds by itself. ``steps`` are those that say something of their own, each with
    whether it is e-mail."""
    mail, posts = _over(MAIL, top.email), _over(POSTS, top.posts)
    return Limits(
        mail=mail,
        posts=posts,
        steps={step: _over(mail if is_mail else posts, document) for step, (is_mail, document) in steps.items()},
    )


def _over(usual: Breakers, written: MailBreakersDocument | PostBreakersDocument | None) -> Breakers:
    if written is None:
        return usual
    said = {measure: getattr(written, measure.value, None) for measure in Measure}
    limits = {**usual.limits, **{measure: limit for measure, limit in said.items() if limit is not None}}
    return Breakers(after=written.after or usual.after, limits=limits)


def for_email_alone(step: StepBreakersDocument) -> list[str]:
    """The measures that a post's step writes although posts know none of them."""
    return [measure.value for measure in ONLY_EMAIL if getattr(step, measure.value) is not None]
