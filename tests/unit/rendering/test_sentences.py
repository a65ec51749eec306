# ruff: noqa: RUF001 -- the punctuation of many scripts is what this file is about
"""Sentences end where a reader hears them end, in the language of the post."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering.sentences import End, pieces


def cut(text: str, language: str = "en") -> list[str]:
    return [text[piece.start : piece.stop] for piece in pieces(text, language)]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["One.", "Two!", "Three?", "Four…", "Five?!", "Six..."]),
        ("en", ["Dr. Jo Example spoke to Mr. Roe of Example Inc. Monday.", "They agreed."]),
        ("en", ["It is sold in the U.S. and, e.g., in the E.U. by J. R. Example.", "Stop it."]),
        ("en", ["It rose by 3.5 percent, i.e. a lot.", "In 2018.", "Again."]),
        ("en", ["We say no.", "They say yes."]),
        ("en", ["See no. 7 and p. 12 of vol. 2, Jan. 3.", "Read it."]),
        ("en", ["“Stop it.”", "They did not.", "'Why?'", "(No answer.)", "So be it."]),
        ("en", ["“Will it stop?” they asked... and waited.", "Nobody came."]),
        ("en", ["We won! 🎉🎉", "Now sign.", "👉 Here."]),
        ("en", ["Sign now.", "#FreeToWalk is ours.", "@ana.example.org too.", "38 groups."]),
        ("en", ["Read it.", "https://example.org/a.b?c=d.E is the address."]),
        ("en", ["At example.org they wait.", "Go."]),
        ("en", ["One.\u00a0", "Two."]),
        ("es", ["El Sr. Ejemplo llegó.", "¿Quién lo vio?", "¡Nadie!", "Ni en EE. UU. ni en la pág. 3."]),
        ("es", ["En EE.UU. dicen que no.", "“¡Basta!”", "Lo dijo la Dra. Ejemplo."]),
        ("fr", ["« Est-ce juste ? »", "Non !", "M. Exemple le dit : c’est fini.", "Voilà."]),
        ("de", ["Am 3. Mai kommt Hr. Beispiel.", "Er kommt z. B. um 9 Uhr."]),
        ("de", ["„Gut.“", "»Sehr gut.«", "Ende 2018.", "Ja."]),
        ("it", ["Il Dott. Esempio parla.", "Sì."]),
        ("pt", ["O Sr. Exemplo falou.", "Não!"]),
        ("ru", ["В г. Москве ждут.", "Кто?"]),
        ("el", ["Ποιος;", "Κανείς."]),
        ("ja", ["顔を見る。", "名前を知る！", "なぜ？", "「やめて。」と言った。", "「はい。」", "終わり"]),
        ("zh", ["他们在看。", "我们说“不！”", "停止。"]),
        ("ar", ["هل تراقبنا الكاميرا؟", "لا نقبل!", "وقّعوا الآن."]),
        ("ur", ["یہ غلط ہے۔", "دستخط کریں۔"]),
        ("hi", ["यह गलत है।", "अभी हस्ताक्षर करें।"]),
        ("ko", ["카메라가 봅니다.", "멈추세요!"]),
    ],
)
def test_a_text_is_taken_apart_where_its_sentences_end(language: str, sentences: list[str]) -> None:
    between = "" if language in ("ja", "zh") else " "
    assert cut(between.join(sentences), language) == [sentence.strip() for sentence in sentences]


@pytest.mark.parametrize(
    "text",
    [
        "“Really?” she asked.",
        "Wait… what is this?",
        "approx. forty people",
        "1. Sign it",
        "(b) Share it",
        "ver. 2.0 is out",
        "https://example.org/?q=A.B!C",
        "Yahoo! answered",
        "example.org",
        "...",
        "the U.S.",
    ],
)
def test_a_sentence_that_goes_on_is_whole(text: str) -> None:
    assert cut(text) == [text]


def test_a_text_without_capitals_is_taken_apart_all_the_same() -> None:
    assert cut("we are here. we stay.") == ["we are here.", "we stay."]


def test_paragraphs_and_lines_are_told_apart() -> None:
    text = "Heading\n\nOne. Two.\n- an item\n- another\n\n\nLast: \nhttps://example.org"
    assert [(text[piece.start : piece.stop], piece.end) for piece in pieces(text)] == [
        ("Heading", End.PARAGRAPH),
        ("One.", End.SENTENCE),
        ("Two.", End.LINE),
        ("- an item", End.LINE),
        ("- another", End.PARAGRAPH),
        ("Last:", End.LINE),
        ("https://example.org", End.PARAGRAPH),
    ]


def test_a_sentence_over_two_lines_is_one() -> None:
    assert cut("A camera knows\nyour name. It\nfollows you.") == ["A camera knows\nyour name.", "It\nfollows you."]


@given(st.text(max_size=300), st.sampled_from(["en", "de", "el", "ja", ""]))
def test_nothing_but_white_space_is_left_out_and_nothing_comes_twice(text: str, language: str) -> None:
    end = 0
    for piece in pieces(text, language):
        assert piece.start < piece.stop
        assert not text[end : piece.start].strip()
        assert text[piece.start : piece.stop].strip() == text[piece.start : piece.stop]
        end = piece.stop
    assert not text[end:].strip()


@pytest.mark.parametrize("bit", [".", "a.", "A. ", "«»", "“", "\n", "- ", "。", "🎉", "1. ", ". 👉", "U.S. "])
def test_a_text_made_to_be_slow_is_taken_apart_all_the_same(bit: str) -> None:
    pieces(bit * (25_000 // len(bit)))
