"""What a step waits for beside its time, as the plan writes it: another step, a page that is live, a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from campaign.files.plan_document import Document
from campaign.files.plan_errors import Findings
from campaign.files.plan_values import Line, Url, did_you_mean, wrong
from campaign.model.condition import MOST, After, Elsewhere, NumberCondition, PageCondition

if TYPE_CHECKING:
    from campaign.files.plan_draft import PlanDraft

_SLUG = "[a-z0-9]+(?:-[a-z0-9]+)*"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_MOST_NUMBER = 10**12
_WHAT = ("accepted", "done")


def _after(value: object) -> After:
    """``launch-x``, ``launch-x accepted``, or ``{step: launch-x, is: accepted}``."""
    if isinstance(value, str):
        step, _, what = value.strip().partition(" ")
        return _checked(step, what.strip() or "accepted")
    if not isinstance(value, dict):
        raise PydanticCustomError("string_type", "")
    for key in value:
        if key not in ("step", "is"):
            remedy = did_you_mean(str(key), ("step", "is")) or "the keys here are step and is"
            raise wrong(f'has the key "{str(key)[:20]}", which is not known here', remedy)
    if "step" not in value:
        raise wrong("names no step", "write it as in `after: launch-x`")
    return _checked(value["step"], value.get("is", "accepted"))


def _checked(step: object, what: object) -> After:
    if not isinstance(step, str) or len(step) > 64 or not re.fullmatch(_SLUG, step):  # noqa: PLR2004 a slug's length
        raise wrong("names no step", "write a step's id, as in `after: launch-x`")
    if what == "accepted":
        return After(step)
    if what == "done":
        return After(step, "done")
    said = f'"{str(what)[:20]}"' if isinstance(what, str) else "something else than a word"
    remedy = did_you_mean(what, _WHAT) if isinstance(what, str) else ""
    raise wrong(f"waits until a step is {said}", remedy or "a step can be accepted or done")


def _pointer(text: str) -> str:
    if not _POINTER.fullmatch(text):
        raise wrong("is no JSON pointer", "write the keys on the way to the number as in /data/signatures (RFC 6901)")
    return text


AfterStep = Annotated[
    After,
    PlainValidator(_after),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^{_SLUG}( accepted| done)?$"},
                {
                    "type": "object",
                    "properties": {
                        "step": {"type": "string", "pattern": f"^{_SLUG}$"},
                        "is": {"enum": list(_WHAT)},
                    },
                    "required": ["step"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Pointer = Annotated[str, Field(max_length=300), AfterValidator(_pointer)]


class WhenDocument(Document):
    """A page that must be live, or a number that must be reached. It is looked at from five minutes ahead on."""

    url: Url = Field(
        description="What is asked for: https, or http on this machine alone.", examples=["https://act.example.org/"]
    )
    answers: Annotated[int, Field(ge=100, le=599)] | None = Field(
        default=None, description="The status that it must answer with; 200 unless written.", examples=[200]
    )
    contains: Line | None = Field(
        default=None, description="Words that must be on the page, as they are read there.", examples=["Add your name"]
    )
    number: Pointer | None = Field(
        default=None,
        description="A JSON pointer (RFC 6901) to a number in what it answers.",
        examples=["/signatures", "/data/0/count"],
    )
    at_least: Annotated[int, Field(ge=0, le=_MOST_NUMBER)] | None = Field(
        default=None, description="For `number`: how much it must be.", examples=[10000]
    )


Whens = Annotated[list[WhenDocument], Field(min_length=1, max_length=MOST)]


def when_of(written: list[WhenDocument] | None) -> tuple[Elsewhere, ...]:
    return tuple(
        NumberCondition(one.url, one.number, one.at_least or 0)
        if one.number is not None
        else PageCondition(one.url, one.answers or 200, one.contains or "")
        for one in written or ()
    )


def check_conditions(draft: PlanDraft, findings: Findings) -> None:
    """Add what is wrong with what steps wait for: steps that are not there, circles, and what does not go together."""
    waits: dict[str, tuple[int, After]] = {}
    known = tuple(step.document.id for step in draft.steps.values() if step.has("id"))
    for index, step in draft.steps.items():
        if step.has("after") and step.document.after is not None:
            after = step.document.after
            if after.step not in known:
                remedy = did_you_mean(after.step, known) or "name a step by its id"
                what = f'after names "{after.step}", and the plan has no such step'
                findings.add(("steps", index, "after"), what, remedy)
            elif step.has("id"):
                waits.setdefault(step.document.id, (index, after))
        if step.has("when"):
            for place, one in enumerate(step.document.when or ()):
                for key, what, remedy in _wrong(one):
                    findings.add(("steps", index, "when", place, key), what, remedy)
    for index, circle in _circles(waits):
        what = f"waits for itself: {' waits for '.join(circle)}"
        findings.add(("steps", index, "after"), what, "take `after` out of one of them")


def _wrong(one: WhenDocument) -> Iterator[tuple[str, str, str]]:
    parts = urlsplit(one.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        yield "url", f'url "{one.url}" is not https', "anybody on the way could answer in the page's place; write https"
    if parts.username is not None or parts.password is not None:
        yield "url", "url holds a name or a password", "plans are read by many; leave it out"
    if one.number is None:
        if one.at_least is not None:
            yield "at_least", "at_least is for a number", "add `number:` with the way to it, such as /signatures"
        return
    if one.at_least is None:
        yield "number", "number lacks how much it must be", "add `at_least:`"
    for key in ("contains", "answers"):
        if getattr(one, key) is not None:
            yield key, f"{key} is for a page, and this asks for a number", f"remove {key}, or make it a condition apart"


def _circles(waits: Mapping[str, tuple[int, After]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Each circle once, with the index of the step at which it was found."""
    done: set[str] = set()
    for first in waits:
        way: dict[str, None] = {}
        step = first
        while step in waits and step not in done and step not in way:
            way[step] = None
            step = waits[step][1].step
        if step in way:
            names = tuple(way)
            circle = names[names.index(step) :]
            yield waits[circle[0]][0], (*circle, circle[0])
        done.update(way)
