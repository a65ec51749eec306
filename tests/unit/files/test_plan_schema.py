"""The JSON Schema that editors use, and the model it is made from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from campaign.files.plan_schema import FILE, StepDocument, json_schema, json_schema_text
from campaign.model.plan import CHANNELS

STEP = {"id": "a", "channel": "x", "account": "national", "message": "post/launch", "at": "T-0"}


def errors(value: Any, definition: str) -> list[str]:
    schema = json_schema()
    part = {"$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return [error.message for error in Draft202012Validator(part).iter_errors(value)]


def test_the_schema_file_is_the_one_that_the_model_makes(root: Path) -> None:
    assert (root / FILE).read_text(encoding="utf-8") == json_schema_text(), (
        "write it anew: python -c \"from campaign.files.plan_schema import *; print(json_schema_text(), end='')\""
    )


def test_the_schema_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_this_repositorys_plan_fits_the_schema_and_points_editors_at_it(root: Path) -> None:
    text = (root / "schedules.yaml").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={FILE}"
    assert list(Draft202012Validator(json_schema()).iter_errors(YAML(typ="safe", pure=True).load(text))) == []


def test_every_key_is_described_and_no_key_may_be_null() -> None:
    schema = json_schema()
    for name, part in [("the plan", schema), *schema["$defs"].items()]:
        assert part.get("description"), name
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), f"{name}: {key}"
    assert "null" not in re.findall(r'"type": "(\w+)"', json.dumps(schema))


def test_every_example_of_a_key_is_valid() -> None:
    schema = json_schema()
    for name, part in [("the plan", schema), *schema["$defs"].items()]:
        for key, value in part.get("properties", {}).items():
            validator = Draft202012Validator({"$defs": schema["$defs"], **value})
            for example in value.get("examples", []):
                assert list(validator.iter_errors(example)) == [], f"{name}: {key}"


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_email_needs_a_segment_and_a_post_an_account(channel: str) -> None:
    step = {"id": "a", "channel": channel, "message": "post/launch", "at": "T-0"}
    who = {"segment": "supporters"} if channel == "email" else {"account": "national"}
    assert errors(step, "StepDocument")
    assert errors({**step, **who}, "StepDocument") == []


@pytest.mark.parametrize(
    "change", [{"chanel": "x"}, {"channel": "twitter"}, {"id": "A B"}, {"accounts": []}, {"repeat": {"every": "1d"}}]
)
def test_an_editor_can_mark_what_is_wrong(change: dict[str, Any]) -> None:
    assert errors({**STEP, **change}, "StepDocument")


def test_every_kind_of_channel_is_in_the_schema() -> None:
    ours, others = json_schema()["$defs"]["StepDocument"]["properties"]["channel"]["anyOf"]
    assert ours["enum"] == list(CHANNELS)
    assert "twitter" in others["not"]["enum"]
    assert errors({**STEP, "channel": "example"}, "StepDocument") == []
    assert StepDocument.model_validate(STEP).channel == "x"
