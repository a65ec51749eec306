"""A step's A/B test as the plan writes it, and what its keys mean together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from re import fullmatch
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from campaign.errors import Problem
from campaign.files.plan_document import Document
from campaign.files.plan_errors import Findings, Place
from campaign.files.plan_values import Length, MessageName, Name, wrong
from campaign.model.message import Source
from campaign.model.plan import AbTest, Arm, DecideBy
from campaign.model.wave import WINNER
from campaign.rendering import check

MAX_ARMS = 5
MIN_SHARE, MAX_SHARE = 100, 5_000
"""1 % to 50 %, in 1/10,000. The test is there for the rest: beyond a half, most people would get their message from the
test and not from what it found."""
MIN_AFTER, MAX_AFTER = timedelta(minutes=5), timedelta(days=30)
MAX_SEED = 2**31 - 2
_SUBJECT = 300
_LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"


def _share(value: object) -> int:
    found = fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,2})?) ?%", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise wrong("is no percentage", "write it as in `share: 20%`")
    share = int(Decimal(found[1]) * 100)
    if not MIN_SHARE <= share <= MAX_SHARE:
        raise wrong("is not between 1% and 50%", "the test is there for the rest, so leave at least half to it")
    return share


def _subject(value: object) -> Mapping[str, str]:
    if isinstance(value, str):
        return {"": _line(value, "")}
    if not isinstance(value, dict) or not value:
        raise PydanticCustomError("string_type", "")
    for language in value:
        if not fullmatch(_LANGUAGE, str(language)):
            remedy = 'write it by the code of each language: `subject: {en: "…", es: "…"}`'
            raise wrong(f'has the key "{str(language)[:20]}", which is no language', remedy)
    return {str(language): _line(text, f"in {language} ") for language, text in value.items()}


def _line(text: object, where: str) -> str:
    if not isinstance(text, str):
        raise wrong(f"{where}must be text", 'write it as in `subject: "Act before noon"`')
    text = text.strip()
    if not text:
        raise wrong(f"{where}is empty", "write it, or remove the key")
    if not text.isprintable():
        raise wrong(f"{where}holds a line break or a control character", "write it on one line")
    if len(text) > _SUBJECT:
        raise wrong(f"{where}is longer than {_SUBJECT} characters", "mail programs show some 60 of them")
    return text


_TEXT = {"type": "string", "minLength": 1, "maxLength": _SUBJECT}
_SUBJECTS: dict[str, Any] = {
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": f"^(?:{_LANGUAGE})$"},
            "additionalProperties": _TEXT,
        },
    ]
}
Subject = Annotated[Mapping[str, str], PlainValidator(_subject), WithJsonSchema(_SUBJECTS)]
Percent = Annotated[
    int, PlainValidator(_share), WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,2}(\.[0-9]{1,2})? ?%$"})
]


class ArmDocument(Document):
    """One arm of an A/B test; `{}` is the step's own message as it is."""

    subject: Subject | None = Field(
        default=None,
        description="Another subject: one line, or one for each language of the message. It is a template.",
        examples=["Act before noon", {"en": "Act before noon", "es": "Actúa antes del mediodía"}],
    )
    message: MessageName | None = Field(
        default=None, description="Another message under messages/.", examples=["email/action-alert-short"]
    )


class DecideDocument(Document):
    """Which arm the rest of the audience gets, and when."""

    by: DecideBy = Field(
        description="`clicks` or `actions`: the arm with the most people who did so, of those who were sent it. "
        "`hand`: the rest waits until somebody has chosen with `campaign ab-test`."
    )
    after: Length = Field(
        description="How long after the test the rest is due: at least 5m, at most 30d.", examples=["4h"]
    )


class AbTestDocument(Document):
    """Arms of a message that go to a random share of the audience first; the best goes to the rest."""

    arms: dict[Name, ArmDocument] = Field(
        description="Two to five arms by name. No two are the same, and one at least is the step's own message.",
        examples=[{"a": {}, "b": {"subject": "Act before noon"}}],
        json_schema_extra={"additionalProperties": False},
        min_length=2,
        max_length=MAX_ARMS,
    )
    share: Percent = Field(
        description="How much of the audience gets the test, 1% to 50%, divided evenly among the arms.",
        examples=["20%"],
    )
    decide: DecideDocument = Field(description="Which arm the rest gets, and when.")
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(
        default=None,
        description="What fixes who is drawn into which arm; made from the campaign's and the step's name unless "
        "written.",
        examples=[2018],
    )


StepAbTest = Annotated[
    AbTestDocument | None,
    Field(
        default=None,
        description="For e-mail: arms of the message that go to a random share first; the best goes to the rest.",
        examples=[
            {
                "arms": {"a": {}, "b": {"subject": "Act before noon"}},
                "share": "20%",
                "decide": {"by": "clicks", "after": "4h"},
            }
        ],
    ),
]


def default_seed(campaign: str, step: str) -> int:
    """The same for the same names, so that a plan that is read twice draws the same people."""
    return int.from_bytes(sha256(f"{campaign}\n{step}".encode()).digest()[:8], "big") % (MAX_SEED + 1)


def ab_test_of(
    document: AbTestDocument, *, step: str, message: str, campaign: str, file: str, line: Callable[[Place], int]
) -> AbTest:
    """The test of the step ``step``, whose own message is ``message``; ``line`` tells where an arm's subject stands."""
    return AbTest(
        arms=tuple(
            Arm(
                name,
                arm.message or message,
                {
                    language: Source(file, text, line((name, "subject", language) if language else (name, "subject")))
                    for language, text in (arm.subject or {}).items()
                },
            )
            for name, arm in document.arms.items()
        ),
        share=document.share,
        decide_by=document.decide.by,
        after=document.decide.after,
        seed=default_seed(campaign, step) if document.seed is None else document.seed,
    )


def wrong_arms(document: AbTestDocument, message: str) -> Iterator[tuple[Place, str, str]]:
    """What is wrong with the arms beside each other: place below ``ab_test``, what, and the remedy."""
    if WINNER in document.arms:
        yield ("arms", WINNER), f'an arm cannot be called "{WINNER}"', "that is what the rest gets; call it a, b or c"
    seen: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    for name, arm in document.arms.items():
        is_what = (arm.message or message, tuple(sorted((arm.subject or {}).items())))
        first = seen.setdefault(is_what, name)
        if first != name:
            yield ("arms", name), f'the arm "{name}" is the same as the arm "{first}"', "give it another subject"
    if message and all((arm.message or message) != message for arm in document.arms.values()):
        remedy = "write `a: {}` for it, or name one of the arms' messages as the step's"
        yield ("arms",), f'no arm is the step\'s own message "{message}"', remedy
    after = document.decide.after
    if not MIN_AFTER <= after <= MAX_AFTER:
        what = "after is less than 5 minutes" if after < MIN_AFTER else "after is more than 30 days"
        yield ("decide", "after"), what, "most clicks come within the first hours: write `after: 4h`"


def wrong_subjects(document: AbTestDocument, findings: Findings, place: Place) -> Iterator[Problem]:
    """What keeps an arm's subject from being read as a template."""
    for name, arm in document.arms.items():
        for language, text in (arm.subject or {}).items():
            below = (*place, "arms", name, "subject", *((language,) if language else ()))
            where = f'{findings.where(place)}, arm "{name}"'
            yield from check.syntax(Source(findings.file, text, findings.line(below)), where=where)
