"""The key by which a delivery is known outside."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from campaign.model.delivery import KEY_LENGTH, OPEN, TAKEN, DeliveryId, Keys, State

SECRETS = st.binary(min_size=16, max_size=64)
NUMBERS = st.integers(0, 2**32 - 1)
KEYS = Keys(b"sixteen bytes or")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(SECRETS, NUMBERS, NUMBERS)
def test_a_key_reads_back_as_the_delivery_it_was_made_for(secret: bytes, wave_id: int, seq: int) -> None:
    keys = Keys(secret)
    assert keys.read(keys.key(wave_id, seq)) == DeliveryId(wave_id, seq)


@given(NUMBERS, NUMBERS)
def test_a_key_is_22_characters_that_need_no_quoting_anywhere(wave_id: int, seq: int) -> None:
    key = KEYS.key(wave_id, seq)
    assert len(key) == KEY_LENGTH == 22
    assert re.fullmatch(r"[A-Za-z0-9_-]+", key)


@given(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS))
def test_two_deliveries_never_share_a_key(one: tuple[int, int], other: tuple[int, int]) -> None:
    assume(one != other)
    assert KEYS.key(*one) != KEYS.key(*other)


@given(NUMBERS, NUMBERS)
def test_the_same_delivery_always_has_the_same_key(wave_id: int, seq: int) -> None:
    assert KEYS.key(wave_id, seq) == Keys(b"sixteen bytes or").key(wave_id, seq)


@given(SECRETS, SECRETS, NUMBERS, NUMBERS)
def test_a_key_made_with_another_secret_is_not_ours(ours: bytes, theirs: bytes, wave_id: int, seq: int) -> None:
    assume(ours != theirs)
    assert Keys(ours).read(Keys(theirs).key(wave_id, seq)) is None


@given(NUMBERS, NUMBERS, st.integers(0, KEY_LENGTH - 1), st.sampled_from(ALPHABET))
def test_a_key_changed_in_any_one_character_is_not_ours(wave_id: int, seq: int, place: int, letter: str) -> None:
    key = KEYS.key(wave_id, seq)
    assume(key[place] != letter)
    assert KEYS.read(key[:place] + letter + key[place + 1 :]) is None


@given(NUMBERS, NUMBERS)
def test_another_spelling_of_the_same_bytes_is_not_ours(wave_id: int, seq: int) -> None:
    """22 characters hold 132 bits and the key has 128; and Python's decoder takes + and / for - and _ as well."""
    key = KEYS.key(wave_id, seq)
    others = {key[:-1] + letter for letter in ALPHABET} | {key.replace("-", "+").replace("_", "/")}
    assert [other for other in others if KEYS.read(other)] == [key]


@given(NUMBERS, NUMBERS, st.integers(0, KEY_LENGTH))
def test_a_key_cut_short_or_made_longer_is_not_ours(wave_id: int, seq: int, length: int) -> None:
    key = KEYS.key(wave_id, seq)
    assert KEYS.read(key[:length] if length < KEY_LENGTH else key + "A") is None


@given(st.text(max_size=40) | st.text(alphabet=ALPHABET + "+/=", min_size=KEY_LENGTH, max_size=KEY_LENGTH))
def test_whatever_else_comes_as_a_key_is_not_ours_and_no_error(text: str) -> None:
    assert KEYS.read(text) is None


@given(st.binary(max_size=15))
def test_a_secret_of_fewer_than_16_bytes_is_refused(secret: bytes) -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Keys(secret)


def test_the_secret_is_not_in_the_repr() -> None:
    assert "sixteen" not in repr(KEYS)
    assert "sixteen" not in repr(vars(KEYS))


def test_no_state_is_both_taken_and_open() -> None:
    assert not TAKEN & OPEN
    assert set(State) >= TAKEN | OPEN


def test_many_keys_read_together_are_read_as_each_alone() -> None:
    keys, other = Keys(b"a secret of 16 bytes and more"), Keys(b"the secret of somebody else")
    given = [keys.key(wave, seq) for wave in (3, 1) for seq in (9, 0, 17, 4_000)]
    foreign = ["", "x", "\xe9" * 22, "A" * 22, "+" * 22, other.key(1, 0), given[0][:-1] + "B", given[0].lower()]
    mixed = [*given, *foreign, given[0]]
    assert keys.read_all(mixed) == {key: keys.read(key) for key in given}
    assert keys.read_all([]) == {}
