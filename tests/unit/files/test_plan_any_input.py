"""Whatever stands in schedules.yaml, it becomes a plan or is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.flow.schedule import timeline
from tests.plans import HEAD

PLAN = f"{HEAD}steps: [{{id: a, channel: x, account: national, message: post/launch, at: T-0}}]\n"
KEYS = [
    "campaign",
    "launch",
    "zone",
    "steps",
    "id",
    "at",
    "repeat",
    "every",
    "segments",
    "links",
    "late",
    "x",
    "<<",
    "-",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["T-0", "1d", "none", "x"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


def flow(value: object) -> str:
    """``value`` in YAML's flow style, as a careless writer leaves it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(part) for part in value) + "]"
    return str(value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
def test_any_bytes_are_a_plan_or_bad_input(folder: Path, text: bytes) -> None:
    (folder / "schedules.yaml").write_bytes(text)
    with pytest.raises(BadInput):
        load(folder / "schedules.yaml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.sampled_from(["steps", "segments", "late", "links", "facts", "sender", "embargo", "launch"]), value=anything
)
def test_any_values_under_the_known_keys_are_a_plan_or_bad_input(folder: Path, key: str, value: object) -> None:
    lines = [line for line in PLAN.splitlines() if not line.startswith(key)]
    text = "\n".join([*lines, f"{key}: {flow(value)}"])
    path = folder / "schedules.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        plan = load(path)
    except BadInput as refusal:
        refused = refusal.problems
    else:
        assert timeline(plan)
        return
    assert all(problem.line <= text.count("\n") + 1 and problem.what for problem in refused)
