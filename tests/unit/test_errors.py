"""The exceptions: what their texts are, and that what is documented of them is so."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign import errors
from campaign.errors import BadInput, CampaignError, Problem

WORDS = st.text(alphabet="abc xyz", max_size=8)
PROBLEMS = st.builds(
    Problem, WORDS, st.integers(0, 9), WORDS, WORDS, WORDS, severity=st.sampled_from(["error", "warning"])
)


def below(kind: type[CampaignError], depth: int = 0) -> Iterator[tuple[str, int]]:
    """Every class of ours from ``kind`` down, as it is drawn: in the order of the file, with its depth."""
    yield kind.__name__, depth
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from below(each, depth + 1)


def test_the_tree_drawn_at_the_top_is_the_tree_there_is() -> None:
    drawn = re.findall(r"^    ((?:│   |├── |└── |    )*)(\w+)  ", errors.__doc__ or "", flags=re.MULTILINE)
    assert [(name, len(branches) // 4) for branches, name in drawn] == list(below(CampaignError))


@pytest.mark.parametrize("name", [name for name, _ in below(CampaignError)])
def test_every_exception_says_in_one_sentence_what_is_the_case(name: str) -> None:
    kind = getattr(errors, name)
    assert re.match(r"^[A-Z].*\.$", kind.__doc__)


def test_kinds_of_errors_that_a_script_must_tell_apart_have_exit_codes_of_their_own() -> None:
    kinds = CampaignError.__subclasses__()
    own = [kind.exit_code for kind in kinds if "exit_code" in vars(kind)]
    assert len(own) == len(set(own))
    assert CampaignError.exit_code not in own


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem("schedules.yaml", 41, 'step "second-week"', 'channel "twitter" is not known', 'did you mean "x"?'),
            'schedules.yaml:41 step "second-week": channel "twitter" is not known; did you mean "x"?',
        ),
        (Problem("letter.md", 0, "", "has no signatories"), "letter.md: has no signatories"),
        (Problem(".env", 3, "", "cannot be read"), ".env:3: cannot be read"),
        (
            Problem("environment", 0, "CAMPAIGN_X", "is not known", "remove it"),
            "environment CAMPAIGN_X: is not known; remove it",
        ),
    ],
)
def test_a_problem_reads_as_place_what_and_remedy(problem: Problem, text: str) -> None:
    assert str(problem) == text


@given(st.lists(PROBLEMS, min_size=1, max_size=8))
def test_bad_input_keeps_every_problem_in_the_order_of_file_and_line(problems: list[Problem]) -> None:
    error = BadInput(problems)
    assert sorted(error.problems) == sorted(problems)
    places = [(problem.file, problem.line) for problem in error.problems]
    assert places == sorted(places)
    assert str(error) == "\n".join(map(str, error.problems))
