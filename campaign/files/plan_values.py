"""The values that a plan is written in: each is checked alone, and says what it should have been."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from campaign.files.plan_cron import CRONS, read_cron
from campaign.files.plan_times import FORMS, LENGTHS, After, NotATime, Wall, Written, read_clock, read_length, read_time
from campaign.flow.schedule import MAX_REPETITIONS, zone_names
from campaign.model.plan import Absolute, Cron, Relative

_LINE = 300
_URL = 2000
_MANY = 200
_SLIPS = 4

# Abbreviations that people write for a zone, which as such are no IANA names.
_ABBREVIATIONS = {
    **dict.fromkeys(("ET", "EDT", "EASTERN"), "America/New_York"),
    **dict.fromkeys(("CT", "CDT", "CST", "CENTRAL"), "America/Chicago"),
    **dict.fromkeys(("MT", "MDT", "MOUNTAIN"), "America/Denver"),
    **dict.fromkeys(("PT", "PDT", "PST", "PACIFIC"), "America/Los_Angeles"),
    **dict.fromkeys(("BST", "UK"), "Europe/London"),
    "CEST": "Europe/Berlin",
}


def wrong(what: str, remedy: str = "") -> PydanticCustomError:
    """An error whose text follows the key and its value: ``at "soon" is not a time; write …``."""
    return PydanticCustomError("plan", "{what}", {"what": what, "remedy": remedy})


@lru_cache(maxsize=4096)
def did_you_mean(word: str, known: tuple[str, ...], *, before: str = "") -> str:
    """``did you mean "x"?``, or "" where nothing known is near. ``before`` is set before what is named."""
    word = word[:100]
    if len(known) > _MANY:  # comparing is slow: look among words of about this length with this first letter
        known = tuple(name for name in known if name[:1] == word[:1] and abs(len(name) - len(word)) < _SLIPS)[:_MANY]
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f'did you mean "{before}{near[0]}"?' if near else ""


# ── values ──


def _one_line(text: str) -> str:
    text = text.strip()
    if not text:
        raise wrong("is empty", "write it, or remove the key")
    if not text.isprintable():
        raise wrong("holds a line break or a control character", "write it on one line")
    return text


def _lines(text: str) -> str:
    text = text.strip()
    if not text:
        raise wrong("is empty", "write it, or remove the key")
    if not all(line.isprintable() for line in text.split("\n")):
        raise wrong("holds a control character", "delete it")
    return text


def _like(pattern: str, what: str, remedy: str) -> tuple[AfterValidator, Any]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(what, remedy)
        return text

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^(?:{pattern})$"})


def _read(reader: Callable[[str], Any]) -> PlainValidator:
    def check(value: object) -> Any:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "")
        try:
            return reader(value.strip())
        except NotATime as error:
            raise wrong(error.what, error.remedy) from None

    return PlainValidator(check)


def _launch(text: str) -> Absolute | Wall:
    when = read_time(text)
    if isinstance(when, Relative | After) or (isinstance(when, Wall) and when.local):
        raise wrong("is not a date and time of its own", "write it as in 2018-05-22 09:00")
    return when


def _embargo(text: str) -> Written | Literal["none"]:
    return "none" if text == "none" else read_time(text)


def _email(text: str) -> str:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise wrong("is not an e-mail address", str(error)[:1].lower() + str(error)[1:].rstrip(".")) from None


def _url(text: str) -> str:
    text = text.strip()
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wrong("is not a link", "write it as your browser shows it, with https://") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or not text.isprintable() or " " in text:
        raise wrong("is not a link", "write it as your browser shows it, with https://")
    return text


def _zone(text: str) -> str:
    text = text.strip()
    if text in zone_names():
        return text
    known = tuple(sorted(zone_names()))
    folded = text.replace(" ", "_").casefold()
    for name in known:
        if folded in (name.casefold(), name.rpartition("/")[2].casefold()):
            raise wrong("is not known", f'did you mean "{name}"?')
    if text.upper() in _ABBREVIATIONS:
        raise wrong("is not known", f'did you mean "{_ABBREVIATIONS[text.upper()]}"?')
    remedy = did_you_mean(text, known)
    raise wrong("is not known", remedy or "write a name of the IANA time zone database, such as America/New_York")


def _true_or_false(value: object) -> bool:
    # YAML 1.2 knows no other words for it; yes, no, on and off are text.
    if value in ("true", "True", "TRUE"):
        return True
    if value in ("false", "False", "FALSE"):
        return False
    raise wrong("is neither true nor false", "write true or false")


_TIME = {"type": "string", "description": f"A time: {FORMS}."}
_CLOCK = {"type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}$"}
_MOMENT = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]"}
_CRON = {"type": "string", "pattern": r"^\S+(\s+\S+){4}$", "description": f"When it comes: {CRONS}."}
_LENGTH: dict[str, Any] = {
    "type": "string",
    "pattern": "^(?=.)([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?$",
    "description": f"A length of time: {LENGTHS}.",
}

Line = Annotated[str, Field(max_length=_LINE), AfterValidator(_one_line)]
Lines = Annotated[str, Field(max_length=_LINE), AfterValidator(_lines)]
Tag = Annotated[str, Field(max_length=100), AfterValidator(_one_line)]
Slug = Annotated[
    str,
    Field(max_length=64),
    *_like("[a-z0-9]+(?:-[a-z0-9]+)*", "is not a name as used here", "write small letters, digits and single hyphens"),
]
Name = Annotated[
    str,
    Field(max_length=64),
    *_like(
        "[a-z][a-z0-9]*(?:_[a-z0-9]+)*",
        "is not a name as used here",
        "write small letters, digits and single underscores, a letter first",
    ),
]
Language = Annotated[
    str,
    *_like("[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "is not a language", "write its code (BCP 47), such as en, es or pt-BR"),
]
PrimaryLanguage = Annotated[
    str, *_like("(?:[a-z]{2,3})?", "is not a language", 'write its code, such as en or es, or "" for unknown')
]
Country = Annotated[
    str, *_like("(?:[A-Z]{2})?", "is not a country", 'write its ISO 3166 code, such as US, or "" for unknown')
]
Host = Annotated[
    str,
    *_like(
        "(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:[.][a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+",
        "is not a host name",
        "write it as in example.org, without https:// and in small letters",
    ),
]
Hashtag = Annotated[
    str, Field(max_length=100), *_like(r"\w+", "is not a hashtag", "write letters, digits and _ alone, without the #")
]
MessageName = Annotated[
    str,
    Field(max_length=100),
    *_like(
        "(?:email|post)/[a-z0-9]+(?:-[a-z0-9]+)*",
        "is not a message",
        "write email/NAME or post/NAME, as the folder or file under messages/ is called",
    ),
]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email), Field(json_schema_extra={"format": "email"})]
Url = Annotated[str, Field(max_length=_URL), AfterValidator(_url), Field(json_schema_extra={"format": "uri"})]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
TrueOrFalse = Annotated[bool, BeforeValidator(_true_or_false)]
When = Annotated[Written, _read(read_time), WithJsonSchema(_TIME)]
Embargo = Annotated[Written | Literal["none"], _read(_embargo), WithJsonSchema(_TIME)]
LaunchTime = Annotated[Absolute | Wall, _read(_launch), WithJsonSchema(_MOMENT)]
CronTimes = Annotated[Cron, _read(read_cron), WithJsonSchema(_CRON)]
ClockTime = Annotated[time, _read(read_clock), WithJsonSchema(_CLOCK)]
Length = Annotated[timedelta, _read(read_length), WithJsonSchema(_LENGTH)]
WholeNumber = Annotated[int, Field(ge=1, le=MAX_REPETITIONS)]
