from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering.later import NotShareable
from campaign.rendering.tokens import Fork, Pieces, Tokens, Value, forks, values

TOKENS = Tokens(["a message"])


def opens(number: int) -> str:
    return TOKENS.token("o", number)


def other(number: int) -> str:
    return TOKENS.token("e", number)


def closes(number: int) -> str:
    return TOKENS.token("c", number)


def value(number: int) -> str:
    return TOKENS.token("v", number)


def test_the_same_message_gives_the_same_tokens_and_another_gives_others() -> None:
    assert Tokens(["a message"]).prefix == TOKENS.prefix
    assert Tokens(["another"]).prefix != TOKENS.prefix


@given(st.lists(st.integers(0, 9_999), min_size=2, max_size=6, unique=True))
def test_a_token_is_found_nowhere_but_where_it_stands(numbers: list[int]) -> None:
    tokens = [TOKENS.token("f", number) for number in numbers]
    text = "X" + "".join(tokens) + "X"
    assert all(token.isascii() and token.isalnum() for token in tokens)
    assert [text.count(token) for token in tokens] == [1] * len(tokens)
    assert TOKENS.finished.findall(text) == tokens


def test_text_is_taken_apart_at_its_tokens() -> None:
    text = f"a{opens(1)}b{value(7)}{other(1)}c{closes(1)}d"
    assert TOKENS.parse(text) == ("a", Fork(1, ("b", Value(7)), ("c",)), "d")


def test_forks_may_be_comments_and_may_hold_forks() -> None:
    text = f"<!--{opens(1)}-->{opens(2)}x{other(2)}{closes(2)}<!--{other(1)}--><!--{closes(1)}-->"
    assert TOKENS.parse(text) == (Fork(1, (Fork(2, ("x",), ()),), ()),)


def test_a_fork_that_writes_nothing_is_nothing() -> None:
    assert TOKENS.parse(f"{opens(1)}{other(1)}{closes(1)}") == ()


@pytest.mark.parametrize(
    "text",
    [
        opens(1),
        opens(1) + other(1),
        opens(1) + closes(1),
        other(1),
        closes(1),
        opens(1) + opens(2) + other(1),
        opens(1) + other(1) + other(1),
        opens(1) + other(2) + closes(1),
    ],
)
def test_forks_that_are_not_nested_cannot_be_shared(text: str) -> None:
    with pytest.raises(NotShareable):
        TOKENS.parse(text)


@pytest.mark.parametrize(
    "spoilt", [value(1).lower(), value(1).upper(), value(1)[:-1] + "x", value(1)[:-2], TOKENS.prefix + "z0001"]
)
def test_a_spoilt_token_is_noticed(spoilt: str) -> None:
    assert not TOKENS.intact(f"{value(1)} {spoilt} ")


def test_whole_tokens_are_intact() -> None:
    assert TOKENS.intact(f"{value(1)}{opens(1)}x{other(1)}<!--{closes(1)}-->")


pieces: st.SearchStrategy[Pieces] = st.recursive(
    st.sampled_from(["a", "<b>"]) | st.builds(Value, st.integers(0, 3)),
    lambda inner: st.builds(
        Fork,
        st.integers(0, 3),
        st.lists(inner, min_size=1, max_size=2).map(tuple),
        st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=6,
).map(lambda piece: (piece,))


def test_a_fork_is_known_with_the_way_to_it() -> None:
    inner = Fork(3, ("x",), ())
    assert forks((Fork(1, ("a",), (Fork(2, (inner,), ()),)),)) == {1: {}, 2: {1: 0}, 3: {1: 0, 2: 1}}


@given(pieces)
def test_choosing_branches_leaves_the_tokens_of_values(drawn: Pieces) -> None:
    for times in (0, 1, 2):
        text = TOKENS.chosen(drawn, dict.fromkeys(forks(drawn), times))
        assert not TOKENS.control.search(text)
        assert {int(number) for number in TOKENS.value.findall(text)} <= values(drawn)


def test_a_message_with_too_many_values_is_not_shared() -> None:
    with pytest.raises(NotShareable, match="9,999"):
        TOKENS.token("v", 10_000)
