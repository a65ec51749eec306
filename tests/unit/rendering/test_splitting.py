# ruff: noqa: RUF001 -- the punctuation of many scripts is what this file is about
"""A thread's parts fit, lose nothing, change no order, and end where a reader would end them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow.fit import fits, room
from campaign.rendering import splitting
from campaign.rendering.links import addresses_in
from campaign.rendering.sentences import pieces
from campaign.rendering.splitting import Room, number, parts, split

NETWORKS = ("x", "bluesky", "mastodon")
LETTERS = Room(lambda text: (len(text),), (30,))


def test_a_text_that_fits_is_one_part() -> None:
    assert split(" One. Two. \n", LETTERS) == ("One. Two.",)


def test_a_text_gets_the_parts_that_it_got_before() -> None:
    """Where this fails, what is approved would be sent otherwise: count ``splitting.RULES`` up, and tell it."""
    text = (
        "Dr. Roe asks: who is watching? “Nobody,” they say... 「顔を見る。」 We won! 🎉 Now sign.\n\nWe ask:\n"
        "- Stop it.\n- Say so. In the U.S. it rose by 3.5 percent.\n\nSign: https://example.org/a\n#FreeToWalk"
    )
    assert splitting.RULES == 1
    assert split(text, Room(lambda text: (len(text),), (70,))) == (
        "Dr. Roe asks: who is watching? “Nobody,” they say...",
        "「顔を見る。」 We won! 🎉 Now sign.\n\nWe ask:\n- Stop it.",
        "- Say so. In the U.S. it rose by 3.5 percent.",
        "Sign: https://example.org/a\n#FreeToWalk",
    )


def test_the_first_of_two_ways_that_are_as_good_is_always_taken() -> None:
    assert split("Aaaa aaaa. Bbbb bbbb. Cccc cccc.", LETTERS) == ("Aaaa aaaa.", "Bbbb bbbb. Cccc cccc.")


def test_there_are_as_few_parts_as_can_be_and_the_last_is_no_orphan() -> None:
    assert split("Aaaa aaaa. Bbbb bbbb. Cccc. Dddd.", LETTERS) == ("Aaaa aaaa. Bbbb bbbb.", "Cccc. Dddd.")
    assert split("Aaaa aaa aaaa aaaaa. Bb bbbb. Cc.", LETTERS) == ("Aaaa aaa aaaa aaaaa.", "Bb bbbb. Cc.")


def test_a_paragraph_is_a_better_end_than_a_sentence_and_a_line_than_a_sentence() -> None:
    assert split("Aaaa aaa. Bbbb.\n\nCccc cccc. Dddd dddd.", LETTERS) == ("Aaaa aaa. Bbbb.", "Cccc cccc. Dddd dddd.")
    assert split("Aa.\n- bbbb bbbb. Bb.\n- cccc cc. Cc.", LETTERS) == ("Aa.\n- bbbb bbbb. Bb.", "- cccc cc. Cc.")


def test_what_announces_stays_with_what_it_announces() -> None:
    assert split("Aaaa aaaa aaaa. We ask:\n- bbb bbb\n- ccc", LETTERS) == (
        "Aaaa aaaa aaaa.",
        "We ask:\n- bbb bbb\n- ccc",
    )


def test_links_and_hashtags_at_the_end_stay_with_the_sentence_before_them() -> None:
    text = "Aaaa aaaa aaaa. Bbbb bbb bb.\n\nhttps://a.org\n#Tag @a.org 🧵"
    assert split(text, Room(lambda text: (len(text),), (46,))) == (
        "Aaaa aaaa aaaa.",
        "Bbbb bbb bb.\n\nhttps://a.org\n#Tag @a.org 🧵",
    )
    tight = Room(lambda text: (len(text),), (28,))  # where they do not fit they part
    assert split(text, tight) == ("Aaaa aaaa aaaa. Bbbb bbb bb.", "https://a.org\n#Tag @a.org 🧵")


def test_a_sentence_that_does_not_fit_is_a_part_of_its_own() -> None:
    long = "B" + "b" * 40 + "."
    assert split(f"Aa. {long} Cc. Dd.", LETTERS) == ("Aa.", long, "Cc. Dd.")


def test_written_parts_are_split_further_and_numbered_together() -> None:
    written = ("Aa.", "Bbbb bbbb bbbb. Cccc cccc cccc.")
    assert parts(written, LETTERS) == ("Aa.", "Bbbb bbbb bbbb.", "Cccc cccc cccc.")


def test_numbers_have_their_room_and_a_single_part_needs_none() -> None:
    text = "Aaaa aaaa aaaa. Bbbb bbbb bbb."
    assert parts((text,), LETTERS, numbered=True) == (text,)
    made = parts(("Aaaa aaaa aaaa aaaa aaa. " * 12,), LETTERS, numbered=True)
    assert len(made) == 12
    assert all(len(part + number(place, 12)) <= 30 for place, part in enumerate(made, start=1))
    just = parts(("Aaaa aaaa aaaa aaaa aaaa. " * 9,), LETTERS, numbered=True)
    assert {len(part + number(place, len(just))) for place, part in enumerate(just, start=1)} == {29}


def test_a_text_that_is_too_long_for_a_thread_is_left_alone() -> None:
    text = "Aa. " * 10_000
    assert split(text, LETTERS) == (text.strip(),)


WORDS = st.sampled_from(
    [
        *(
            "camera",
            "knows",
            "your",
            "name",
            "Dr.",
            "U.S.",
            "e.g.",
            "3.5",
            "No.",
            "7",
            "The",
            "Letter",
            "(so)",
            "“Stop.”",
        ),
        *("https://act.example.org/face-recognition?utm_source=x&utm_medium=social", "example.org", "@ana.example.org"),
        *(
            "#NoFaces",
            "🧵",
            "👨‍👩‍👧‍👦",
            "é",
            "e\u0301",
            "顔を見る。",
            "なぜ？",
            "「やめて。」",
            "看。",
            "هل؟",
            "سلام",
            "¿Quién?",
            "¡No!",
        ),
        *(
            "end.",
            "why?",
            "now!",
            "wait…",
            "so:",
            "\n",
            "\n\n",
            "\n- ",
            "\n1. ",
            "\u00a0",
            "\u3000",
            "@minister@social.example.org",
        ),
    ]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=220).map(" ".join).filter(str.strip)


@pytest.mark.parametrize("network", NETWORKS)
@given(text=TEXTS, numbered=st.booleans(), language=st.sampled_from(["en", "es", "de", "ja", "ar", ""]))
def test_nothing_is_lost_nothing_changes_places_and_every_part_fits(
    network: str,
    text: str,
    numbered: bool,  # noqa: FBT001 - drawn by hypothesis
    language: str,
) -> None:
    there = room(network)
    made = parts((text,), there, language=language, numbered=numbered)
    assert "".join("".join(made).split()) == "".join(text.split())
    assert made == parts((text,), there, language=language, numbered=numbered)
    assert addresses_in("\n".join(made)) == addresses_in(text)
    shown = [
        part + number(place, len(made)) if numbered and len(made) > 1 else part for place, part in enumerate(made, 1)
    ]
    whole = text.strip()
    sentences = {whole[piece.start : piece.stop] for piece in pieces(whole, language)}
    for part, bare in zip(shown, made, strict=True):
        assert fits(part, network) is None or bare in sentences


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "bit",
    [
        "A. ",
        "Aa bb. ",
        "。",
        "👨‍👩‍👧‍👦! ",
        "https://a.org. ",
        "#a ",
        "- a\n",
        "a\n\n",
        "a: ",
        "(((",
        "@a.b ",
        "a.b-c. ",
    ],
)
def test_a_text_made_to_be_slow_is_taken_apart_all_the_same(network: str, bit: str) -> None:
    made = parts((bit * (9_900 // len(bit)),), room(network), numbered=True)
    assert "".join("".join(made).split()) == "".join((bit * (9_900 // len(bit))).split())
