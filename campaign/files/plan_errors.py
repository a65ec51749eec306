"""What is wrong with a plan, in the campaign manager's words: pydantic's errors translated, every one with its line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from campaign.errors import Problem
from campaign.files.plan_networks import SYNONYMS
from campaign.files.plan_values import did_you_mean
from campaign.files.yaml_positions import Node, line_of, shorten

MAX_PROBLEMS = 500
"""More are counted and not shown."""

Place = tuple[str | int, ...]

_MARKS = ",[]{}#&*!|>'\"%@`"

# Words that people bring along from elsewhere, and what they are called here.
_SYNONYMS = {
    **SYNONYMS,
    "template": "message",
    "content": "message",
    "audience": "segment",
    "list": "segment",
    "to": "segment",
    "network": "channel",
    "platform": "channel",
    "time": "at",
    "when": "at",
    "date": "at",
    "send_at": "at",
    "schedule": "at",
    "name": "id",
    "every": "repeat",
    "recurring": "repeat",
    "profile": "account",
    "timezone": "zone",
    "tz": "zone",
    "t0": "launch",
    "start": "launch",
    "organization": "organisation",
    "from": "sender",
    "lang": "language",
    "tags": "tags_all",
    "provider": "via",
    "url": "source",
    "end": "until",
    "times": "count",
    "ab": "ab_test",
    "test": "ab_test",
    "variants": "arms",
    "sample": "share",
    "percent": "share",
    "winner": "decide",
    "wait": "after",
    "staging": "hand_off",
}


class Findings:
    """Collects what is wrong. ``place`` is the way to a value, such as ``("steps", 3, "at")``."""

    def __init__(self, file: str, root: Node) -> None:
        self.file = file
        self.root = root
        self.problems: list[Problem] = []

    def add(self, place: Place, what: str, remedy: str = "") -> None:
        """``what`` follows the name of the step, segment or section."""
        where = self.where(place)
        self.problems.append(Problem(self.file, line_of(self.root, place), where, what, remedy))

    def line(self, place: Place) -> int:
        return line_of(self.root, place)

    def written(self, place: Place) -> str:
        """The text at ``place`` as a message shows it, or "" where there is none."""
        node: Node | None = self.root
        for part in place:
            node = _within(node, part)
        return shorten(node.value) if node and isinstance(node.value, str) else ""

    def where(self, place: Place) -> str:
        """``step "launch-x"``, ``segment "partners"``, or the top-level key that holds the value."""
        match place:
            case ("steps", int(index), *_):
                step_id = self.written(("steps", index, "id"))
                return f'step "{step_id}"' if step_id else f"step {index + 1}"
            case ("segments", str(name), _, *_):
                return f'segment "{shorten(name)}"'
            case ("facts", str(name), _, *_):
                return f'fact "{shorten(name)}"'
            case (str(section), str(), *_):
                return section
        return ""


def translate(error: ValidationError, model: type[BaseModel], findings: Findings) -> None:
    """Add each of pydantic's errors in our own words."""
    for detail in error.errors(include_url=False)[: MAX_PROBLEMS + 1]:
        place, field, owner = _trace(model, detail["loc"])
        if detail["type"] == "missing" and _holds(findings.root, place):
            continue  # an empty key, reported as such
        what, remedy = _say(detail, place, field, owner)
        findings.add(place, what, remedy)


def _holds(root: Node, place: Place) -> bool:
    node: Node | None = root
    for part in place:
        node = _within(node, part)
    return node is not None


def _within(node: Node | None, part: str | int) -> Node | None:
    if node is None:
        return None
    if isinstance(node.value, dict):
        return node.value.get(str(part))
    if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None


def _trace(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[Place, FieldInfo | None, type[BaseModel]]:
    """The place in the file, the innermost field on the way (that of the mapping or list, for what it holds), and the
    model that has it."""
    place: list[str | int] = []
    field: FieldInfo | None = None
    owner: type[BaseModel] = model
    inner: type[BaseModel] | None = model
    named = False  # a mapping's next key is a name that its writer chose
    for part in loc:
        if part == "[key]":
            break
        place.append(part)
        if named or isinstance(part, int):
            named = False
        elif inner is not None:
            owner, field = inner, inner.model_fields.get(part) or inner.model_fields.get(f"{part}_")
            # Where other keys may stand too, they hold what its own hold.
            alike = field or (
                next(iter(inner.model_fields.values())) if inner.model_config["extra"] == "allow" else None
            )
            inner = _model_in(alike.annotation) if alike else None
            named = field is not None and get_origin(field.annotation) is dict
    return tuple(place), field, owner


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _say(detail: ErrorDetails, place: Place, field: FieldInfo | None, owner: type[BaseModel]) -> tuple[str, str]:
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    value, context, kind = detail["input"], detail.get("ctx", {}), detail["type"]
    if kind == "missing":
        return f"{key} is missing", _example(place, field, owner)
    if kind in ("extra_forbidden", "unknown_network"):
        return _unknown_key(key, context.get("known", ()) or _keys(owner))
    if kind == "plan":
        about = f'"{shorten(str(value))}"' if detail["loc"][-1] == "[key]" else _about(key, value)
        return f"{about} {context['what']}", str(context["remedy"])
    if kind in ("literal_error", "enum", "choice"):
        return _not_a_choice(key, value, context)
    if kind == "too_short" and context["min_length"] == 1:
        kind = "empty"
    if kind in _KINDS:
        about = _about(key, value) if kind in _OF_TEXT or isinstance(place[-1], int) else key
        as_list = f"write `{key}: [{_flow(shorten(value))}]`" if kind == "list_type" and isinstance(value, str) else ""
        return f"{about} {_KINDS[kind].format(**context)}", as_list or _example(place, field, owner)
    return f"{_about(key, value)} cannot be used ({detail['msg']})", _example(place, field, owner)


def _about(key: str, value: object) -> str:
    return f'{key} "{shorten(value)}"' if isinstance(value, str) else key


def _example(place: Place, field: FieldInfo | None, owner: type[BaseModel]) -> str:
    if field is None or not field.examples:
        return ""
    example, last = field.examples[0], place[-1]
    if isinstance(last, int):
        return f"write it as in `- {_flow(example[0])}`" if isinstance(example, list) else ""
    if (
        isinstance(example, dict)
        and get_origin(field.annotation) is dict
        and owner.model_fields.get(str(last)) is not field
    ):
        example = next(iter(example.values()))
    return f"write it as in `{last}: {_flow(example)}`"


def _flow(value: Any) -> str:
    """The value as YAML writes it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if not text or ": " in text or set(text) & set(_MARKS) else text


def _keys(model: type[BaseModel]) -> tuple[str, ...]:
    """As they are written; ``from`` is no name in Python."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _unknown_key(key: str, known: tuple[str, ...]) -> tuple[str, str]:
    what = f'the key "{shorten(key)}" is not known here'
    synonym = _SYNONYMS.get(key.casefold().replace("-", "_"), "")
    if synonym in known:
        return what, f'did you mean "{synonym}"?'
    return what, did_you_mean(key, known) or f"the keys here are {_listed(known)}"


def _not_a_choice(key: str, value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    choices = tuple(str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
    if not isinstance(value, str):
        return f"{key} must be one word", f"write {_listed(choices, 'or')}"
    what = f"{_about(key, value)} is not known"
    synonym = _SYNONYMS.get(value.casefold(), "")
    if synonym in choices:
        return what, f'did you mean "{synonym}"?'
    return what, did_you_mean(value, choices) or f"write {_listed(choices, 'or')}"


def _listed(words: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


_KINDS: Mapping[str, str] = {
    "string_type": "must be text",
    "list_type": "must be a list",
    "dict_type": "must hold keys with values",
    "model_type": "must hold keys with values",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_parsing_size": "is too large a number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "is longer than {max_length} characters",
    "too_long": "holds more than {max_length}",
    "too_short": "holds fewer than {min_length}",
    "empty": "holds nothing",
}
_OF_TEXT = ("int_parsing", "int_parsing_size", "greater_than_equal", "less_than_equal", "string_too_long", "list_type")
