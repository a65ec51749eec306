"""How fast a step goes out as a plan writes it: waves, a ramp, and rates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from re import fullmatch
from typing import Annotated, Protocol

from pydantic import Field, PlainValidator, WithJsonSchema

from campaign.files.plan_ab_test import default_seed
from campaign.files.plan_document import Document
from campaign.files.plan_errors import Place
from campaign.files.plan_networks import KnownChannel
from campaign.files.plan_values import Length, wrong
from campaign.model.draw import DRAWS
from campaign.model.pace import Portion, Portions, Ramp, Rate
from campaign.model.plan import EMAIL, Channel

REST = "rest"
MAX_RATE = 1_000_000
MAX_WAVES = 50
MAX_FIRST = 10_000_000
MIN_EVERY = timedelta(minutes=5)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_MAX_GROW = 10
_RATE = r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,10}) ?/ ?(?P<unit>[smhd])"


def _rate(value: object) -> Rate:
    found = fullmatch(_RATE, value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong("is no rate", "write it as in 20/s, 300/m, 5000/h or 100000/d")
    rate = Rate(int(found["number"].replace(",", "")), _UNITS[found["unit"]])
    if not rate.number:
        raise wrong("lets nothing go at all", "to stop a step, take it out of the plan, or use `campaign pause`")
    if rate.per_second > MAX_RATE:
        raise wrong(f"is more than {MAX_RATE:,} a second", "leave the rate out: without one it goes as fast as it can")
    return rate


def _share(value: object) -> int | None:
    if value == REST:
        return None
    found = fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%", value.strip()) if isinstance(value, str) else None
    share = int(Decimal(found[1]) * 100) if found else 0
    if found is None or not 1 <= share < DRAWS:
        raise wrong("is no share of an audience", "write a percentage as in `share: 10%`, or `rest` in the last wave")
    return share


def _grow(value: object) -> float:
    found = fullmatch(r"[0-9]{1,2}(?:\.[0-9]{1,2})?", str(value))
    if found is None or not 1 <= float(found[0]) <= _MAX_GROW:
        raise wrong(f"is not from 1 to {_MAX_GROW}", "write `grow: 2` for twice as many in each wave")
    return float(found[0])


RateValue = Annotated[
    Rate, PlainValidator(_rate), WithJsonSchema({"type": "string", "pattern": r"^[0-9][0-9,]* ?/ ?[smhd]$"})
]
ShareValue = Annotated[
    int | None,
    PlainValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]{1,2})? ?%$"}, {"const": REST}]}),
]
Grow = Annotated[float, PlainValidator(_grow), WithJsonSchema({"type": "number", "minimum": 1, "maximum": _MAX_GROW})]


class WaveDocument(Document):
    """A share of the audience, and when it gets the step."""

    share: ShareValue = Field(
        description="How much of the audience, drawn at random; `rest` in the last wave.", examples=["10%", "rest"]
    )
    after: Length | None = Field(
        default=None, description="How long after the step's own time; the first comes at it.", examples=["1h"]
    )


class RampDocument(Document):
    """So many people first, then more and more, until all are reached: for a sending domain that nobody knows yet."""

    first: Annotated[int, Field(ge=1, le=MAX_FIRST)] = Field(
        description="How many people get it at the step's time.", examples=[500]
    )
    grow: Grow = Field(
        default=2.0, description="How many times as many each wave has as the one before; 1 is always as many."
    )
    every: Length = Field(default=timedelta(days=1), description="From one wave to the next.", examples=["1d"])


StepWaves = Annotated[
    list[WaveDocument] | None,
    Field(
        default=None,
        description="For e-mail: shares of the audience one after the other. Everybody is in one of them, drawn at "
        "random.",
        examples=[[{"share": "10%"}, {"share": "30%", "after": "1h"}, {"share": "rest", "after": "3h"}]],
        min_length=2,
        max_length=MAX_WAVES,
    ),
]
StepRamp = Annotated[
    RampDocument | None,
    Field(
        default=None,
        description="For e-mail: a growing number of people in each wave, until all are reached.",
        examples=[{"first": 500, "grow": 2, "every": "1d"}],
    ),
]
StepRate = Annotated[
    RateValue | None,
    Field(
        default=None,
        description="How fast it goes out at most: by the second, minute, hour or day.",
        examples=["5000/h", "20/s", "100000/d"],
    ),
]
Rates = Annotated[
    dict[KnownChannel, RateValue],
    Field(
        default={},
        description="How fast everything on a channel goes out at most, all steps together.",
        examples=[{"email": "20000/h"}],
    ),
]


def portions_of(waves: Sequence[WaveDocument] | None, *, campaign: str, step: str) -> Portions | None:
    if waves is None:
        return None
    rest = DRAWS - sum(wave.share or 0 for wave in waves)
    parts = (Portion(wave.share or rest, wave.after or timedelta(0)) for wave in waves)
    return Portions(tuple(parts), default_seed(campaign, step))


def ramp_of(ramp: RampDocument | None, *, campaign: str, step: str) -> Ramp | None:
    return Ramp(ramp.first, ramp.grow, ramp.every, default_seed(campaign, step)) if ramp else None


class Written(Protocol):
    """The keys of a step that go with how fast it goes out, as far as they can be read; None is not written."""

    @property
    def waves(self) -> list[WaveDocument] | None: ...

    @property
    def ramp(self) -> RampDocument | None: ...

    @property
    def rate(self) -> Rate | None: ...

    @property
    def channel(self) -> str: ...

    @property
    def repeat(self) -> object: ...

    @property
    def ab_test(self) -> object: ...

    @property
    def hand_off(self) -> str | None: ...


def wrong_pacing(
    step: Written, *, rates: Mapping[Channel, Rate], quiet: bool, local: bool
) -> Iterator[tuple[Place, str, str]]:
    """What is wrong with it: the place below the step, what, and the remedy. ``quiet``: it keeps out of quiet hours."""
    if step.channel != EMAIL:
        for key in ("waves", "ramp"):
            if getattr(step, key) is not None:
                what = f"{key} is for e-mail, and this step posts on {step.channel}"
                yield (key,), what, f"remove {key}"
        return
    yield from _wrong_beside(step, rates)
    if step.ramp is not None:
        yield from _wrong_ramp(step.ramp, quiet=quiet, local=local)
    if step.waves is not None:
        yield from _wrong_waves(step.waves)


def _wrong_beside(step: Written, rates: Mapping[Channel, Rate]) -> Iterator[tuple[Place, str, str]]:
    """What does not go with other keys of the step."""
    divided = "waves" if step.waves is not None else "ramp" if step.ramp is not None else ""
    if step.waves is not None and step.ramp is not None:
        yield ("ramp",), "both waves and ramp are given", "keep one of them: shares, or numbers of people"
    if divided and step.repeat is not None:
        yield (divided,), f"{divided} does not go with repeat", "make each time a step of its own, or leave it out"
    if divided and step.ab_test is not None:
        yield (divided,), f"{divided} does not go with ab_test, which divides the audience itself", "keep one of them"
    if step.hand_off == "staged":
        why = "does not go with hand_off staged: the provider sends all of it at its time"
        if step.rate is not None:
            yield ("rate",), f"rate {why}", "remove hand_off or the rate"
        elif EMAIL in rates:
            yield ("hand_off",), f"the plan's rate for email {why}", "remove hand_off, or the rate for email"


def _wrong_ramp(ramp: RampDocument, *, quiet: bool, local: bool) -> Iterator[tuple[Place, str, str]]:
    if ramp.every < MIN_EVERY:
        yield ("ramp", "every"), "every is less than 5 minutes", "write `every: 1d`: mailbox providers count days"
    if local:
        yield ("ramp",), "ramp does not go with a local time: it counts the people of all zones", "leave out `local`"
    elif quiet:
        what = "ramp does not go with quiet hours: it counts the people of all zones"
        yield ("ramp",), what, "add `quiet: none` to the step, at a time that is no night anywhere it goes"


def _wrong_waves(waves: Sequence[WaveDocument]) -> Iterator[tuple[Place, str, str]]:
    shares = [wave.share for wave in waves]
    total = sum(share or 0 for share in shares)
    if None in shares[:-1]:
        yield ("waves", shares.index(None), "share"), "rest is not the last wave", "give it a percentage"
    elif shares[-1] is None and total >= DRAWS:
        yield ("waves",), f"the waves before the rest are {total / 100:g}% already", "leave something to the rest"
    elif shares[-1] is not None and total != DRAWS:
        what = f"the waves are {total / 100:g}% of the audience together, not 100%"
        yield ("waves",), what, "write `share: rest` in the last one"
    for number, (before, wave) in enumerate(pairwise(waves), start=1):
        if (wave.after or timedelta(0)) <= (before.after or timedelta(0)):
            what = f"wave {number + 1} does not come after wave {number}"
            yield ("waves", number), what, "give each a longer `after`, counted from the step's time"
