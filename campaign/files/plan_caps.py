"""Caps as a plan writes them: how fast mail goes out to a mailbox domain, and how often anybody hears from us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from re import split
from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import Field

from campaign.files.plan_document import Document
from campaign.files.plan_errors import Place
from campaign.files.plan_pacing import RateValue
from campaign.files.plan_values import Length, WholeNumber
from campaign.model.frequency import Frequency
from campaign.model.pace import DomainRate, Rate
from campaign.model.plan import EMAIL

MAX_DOMAIN_RATES = 20
MAX_DOMAINS = 50
"""So many domains in one rate: more are typed in by mistake."""
MAX_MOST = 1_000
MIN_WITHIN, MAX_WITHIN = timedelta(hours=1), timedelta(days=366)

DomainRatesValue = Annotated[dict[str, RateValue], Field(max_length=MAX_DOMAIN_RATES)]
DomainRates = Annotated[
    DomainRatesValue,
    Field(
        default={},
        description="How fast e-mail goes out at most to people at a mailbox domain (what stands behind the @), all "
        "steps together. Several domains with commas between share one rate.",
        examples=[{"gmail.com, googlemail.com": "20000/h", "yahoo.com": "5/s"}],
    ),
]
StepDomainRates = Annotated[
    DomainRatesValue | None,
    Field(
        default=None,
        description="How fast this step goes out at most to people at a mailbox domain, beside the plan's own rates.",
        examples=[{"gmail.com, googlemail.com": "5000/h"}],
    ),
]


class FrequencyDocument(Document):
    """How many e-mails of this campaign anybody gets at most, over all steps."""

    most: Annotated[WholeNumber, Field(le=MAX_MOST)] = Field(description="How many e-mails.", examples=[2])
    within: Length = Field(
        description="In which time. Days are those of the calendar in the campaign's zone; hours are counted.",
        examples=["7d", "36h"],
    )


PlanFrequency = Annotated[
    FrequencyDocument | None,
    Field(
        default=None,
        description="How many e-mails of this campaign anybody gets at most, over all steps. Who has had so many is "
        "left out.",
        examples=[{"most": 2, "within": "7d"}],
    ),
]
StepFrequency = Annotated[
    Literal["exempt"] | None,
    Field(
        default=None,
        description="`exempt`: this step goes out to everybody, however many e-mails they have had. It still counts.",
        examples=["exempt"],
    ),
]


def domain_rates_of(written: Mapping[str, Rate] | None) -> tuple[DomainRate, ...]:
    return tuple(
        DomainRate(tuple(filter(None, map(_domain, _named(key)))), rate) for key, rate in (written or {}).items()
    )


def frequency_of(document: FrequencyDocument | None) -> Frequency | None:
    return Frequency(document.most, document.within) if document else None


def wrong_domains(written: Mapping[str, Rate]) -> Iterator[tuple[Place, str, str]]:
    """What is wrong with the domains that have rates: the place below them, what, and the remedy."""
    seen: dict[str, str] = {}
    for key in written:
        named = _named(key)
        if not named or len(named) > MAX_DOMAINS:
            what = f'"{key[:40]}" names {"no domain" if not named else f"more than {MAX_DOMAINS} domains"}'
            yield (key,), what, "write it as in `gmail.com: 20000/h`, several with commas between"
        for one in named:
            domain = _domain(one)
            if domain is None:
                what = f'"{one[:80]}" is no mailbox domain'
                yield (key,), what, "write what stands behind the @, as in `gmail.com: 20000/h`"
            elif domain in seen:
                what = f"{domain} has a rate already" if seen[domain] != key else f"{domain} stands there twice"
                yield (key,), what, "name each domain once"
            else:
                seen[domain] = key


def wrong_frequency(document: FrequencyDocument) -> Iterator[tuple[Place, str, str]]:
    if not MIN_WITHIN <= document.within <= MAX_WITHIN:
        what = f"within is {'less than an hour' if document.within < MIN_WITHIN else 'more than a year'}"
        yield ("within",), what, "write it as in `within: 7d`"


def wrong_caps(
    channel: str, *, own: Mapping[str, Rate] | None, frequency: str | None, staged: bool, shared: bool, capped: bool
) -> Iterator[tuple[Place, str, str]]:
    """What does not go with other keys of a step. ``own`` are its rates by domain; ``shared``: the plan has such;
    ``capped``: the plan says how often anybody hears from it."""
    if channel != EMAIL:
        for key, value in (("domain_rates", own), ("frequency", frequency)):
            if value is not None:
                yield (key,), f"{key} is for e-mail, and this step posts on {channel}", f"remove {key}"
        return
    if own is not None:
        yield from ((("domain_rates", *below), what, remedy) for below, what, remedy in wrong_domains(own))
    if staged and (own or shared):
        why = "not go with hand_off staged: the provider sends all of it at its time"
        if own:
            yield ("domain_rates",), f"domain_rates does {why}", "remove hand_off or domain_rates"
        else:
            yield ("hand_off",), f"the plan's domain_rates do {why}", "remove hand_off, or the plan's domain_rates"
    if frequency is not None and not capped:
        what = "exempt from a frequency that the plan does not have"
        yield ("frequency",), what, "remove it, or add such as `frequency: {most: 2, within: 7d}` to the plan"


def _named(key: str) -> list[str]:
    return [one for one in split(r"[,\s]+", key) if one]


@lru_cache(maxsize=1_000)
def _domain(written: str) -> str | None:
    """A domain as addresses at it are matched by: in small letters and Unicode. None where it is no domain."""
    try:
        checked = validate_email(f"somebody@{written}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return checked.domain.lower()
