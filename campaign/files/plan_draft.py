"""A plan as far as it can be read, so that all that is wrong with it is found at once, not one thing after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from campaign.files.plan_errors import Findings, Place, translate
from campaign.files.plan_schema import PlanDocument, SegmentDocument, StepDocument

DocumentT = TypeVar("DocumentT", bound=BaseModel)

_ALL = "*"


@dataclass(frozen=True, slots=True)
class Draft(Generic[DocumentT]):
    """A part of the file and which of its keys cannot be used: ``bad`` ones are reported and must not be touched."""

    document: DocumentT
    bad: frozenset[str] = frozenset()

    def has(self, *keys: str) -> bool:
        return self.bad.isdisjoint(keys)


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """``steps`` (by their index) and ``segments`` (by name) are those that have keys at all.

    ``segment_names`` and ``link_names`` are all that are written, usable or not; None where that cannot be said.
    """

    top: Draft[PlanDocument]
    steps: Mapping[int, Draft[StepDocument]]
    segments: Mapping[str, Draft[SegmentDocument]]
    segment_names: tuple[str, ...] | None
    link_names: tuple[str, ...] | None


def read_draft(raw: dict[str, Any], findings: Findings) -> PlanDraft:
    """``raw`` held against the schema; what does not fit is added to ``findings``. Takes empty keys out of ``raw``."""
    _take_out_empty(raw, (), findings)
    try:
        document = PlanDocument.model_validate(raw)
    except ValidationError as error:
        translate(error, PlanDocument, findings)
        return _what_can_be_read(raw, [detail["loc"] for detail in error.errors(include_url=False)])
    return PlanDraft(
        top=Draft(document),
        steps={index: Draft(step) for index, step in enumerate(document.steps)},
        segments={name: Draft(segment) for name, segment in document.segments.items()},
        segment_names=tuple(document.segments),
        link_names=tuple(document.links),
    )


def _take_out_empty(value: Any, place: Place, findings: Findings) -> None:
    """Report and remove keys without a value: whether one was meant, only the writer knows."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            _take_out_empty(part, (*place, index), findings)
    elif isinstance(value, dict):
        for key, part in list(value.items()):
            if part is None:
                remedy = "write a value, or remove the key"
                if place[-1:] in (("segments",), ("arms",)):
                    meant = "everybody" if place == ("segments",) else "the step's own message"
                    remedy = f"write `{key}: {{}}` if it is {meant}"
                findings.add((*place, key), f"{key} is empty", remedy)
                del value[key]
            else:
                _take_out_empty(part, (*place, key), findings)


def _what_can_be_read(raw: dict[str, Any], wrong: Sequence[Place]) -> PlanDraft:
    bad: dict[Place, set[str]] = {}
    for place in wrong:
        for depth in (0, 2):  # keys of the plan; keys of a step or a segment
            if len(place) > depth:
                bad.setdefault(place[:depth], set()).add(str(place[depth]))
        bad.setdefault(place, set()).add(_ALL)
    steps, segments, links = raw.get("steps", []), raw.get("segments", {}), raw.get("links")
    return PlanDraft(
        top=_draft(PlanDocument, raw, bad.get((), set())),
        steps={
            index: _draft(StepDocument, step, bad.get(("steps", index), set()))
            for index, step in enumerate(steps if isinstance(steps, list) else ())
            if isinstance(step, dict)
        },
        segments={
            name: _draft(SegmentDocument, segment, bad.get(("segments", name), set()))
            for name, segment in (segments.items() if isinstance(segments, dict) else ())
            if isinstance(segment, dict)
        },
        segment_names=tuple(segments) if isinstance(segments, dict) else None,
        link_names=tuple(links) if isinstance(links, dict) else None,
    )


def _draft(model: type[DocumentT], raw: dict[str, Any], bad: set[str]) -> Draft[DocumentT]:
    fields = model.model_fields
    if _ALL in bad:
        return Draft(model.model_construct(), frozenset(fields))
    document = model.model_construct()
    for name, value in raw.items():
        if name in fields and name not in bad:
            model.__pydantic_validator__.validate_assignment(document, name, value)
    absent = {name for name, field in fields.items() if field.is_required() and name not in raw}
    return Draft(document, frozenset(bad | absent))
