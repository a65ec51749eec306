"""Figures and dates mean the same however they are written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow import letter_dates, letter_figures, letter_numbers
from campaign.flow.letter_dates import Day


def read(text: str, language: str = "en") -> list[tuple[str, str, Decimal, str]]:
    return [(one.text, one.kind, one.value, one.unit) for one in letter_figures.find(text, language)]


@pytest.mark.parametrize(
    ("text", "kind", "value", "unit"),
    [
        ("41", "count", 41, ""),
        ("1,000", "count", 1000, ""),
        ("2.5 million", "count", 2_500_000, ""),
        ("5k", "count", 5000, ""),
        ("twenty-two", "count", 22, ""),
        ("two hundred and five", "count", 205, ""),
        ("one hundred one", "count", 101, ""),
        ("twelve hundred", "count", 1200, ""),
        ("two thousand and eighteen", "count", 2018, ""),
        ("one million two hundred thousand", "count", 1_200_000, ""),
        ("two dozen", "count", 24, ""),
        ("half a million", "count", 500_000, ""),
        ("tens of millions", "vague", 10_000_000, ""),
        ("hundreds of thousands", "vague", 100_000, ""),
        ("dozens", "vague", 12, ""),
        ("10%", "share", 10, ""),
        ("ten per cent", "share", 10, ""),
        ("one percent", "share", 1, ""),
        ("US$1,000.50", "money", Decimal("1000.5"), "$"),
        ("5 dollars", "money", 5, "$"),
        ("€ 20", "money", 20, "€"),
        ("20 €", "money", 20, "€"),
        ("EUR 20", "money", 20, "€"),
    ],
)
def test_a_figure_in_english_is_read(text: str, kind: str, value: Decimal, unit: str) -> None:
    assert read(f"There are {text} here.") == [(text, kind, Decimal(value), unit)]


@pytest.mark.parametrize(
    ("text", "kind", "value", "unit"),
    [
        ("1.250", "count", 1250, ""),
        ("1,250", "count", 1250, ""),
        ("3,5 millones", "count", 3_500_000, ""),
        ("10 000", "count", 10_000, ""),
        ("cuarenta y una", "count", 41, ""),
        ("doscientas cinco", "count", 205, ""),
        ("mil doscientos", "count", 1200, ""),
        ("dos mil millones", "count", 2_000_000_000, ""),
        ("un millón", "count", 1_000_000, ""),
        ("medio millón", "count", 500_000, ""),
        ("veintitrés", "count", 23, ""),
        ("decenas de millones", "vague", 10_000_000, ""),
        ("cientos de miles", "vague", 100_000, ""),
        ("10 por ciento", "share", 10, ""),
        ("5 millones de dólares", "money", 5_000_000, "$"),
    ],
)
def test_a_figure_in_spanish_is_read(text: str, kind: str, value: Decimal, unit: str) -> None:
    assert read(f"Son {text} aquí.", "es") == [(text, kind, Decimal(value), unit)]


@pytest.mark.parametrize("text", ["18MillionRising", "T-2", "24/7", "41st", "one of us", "the second", "a3", "x.5"])
def test_what_is_no_figure_is_not_read(text: str) -> None:
    assert read(text) == []


def test_numbers_in_a_row_stay_apart() -> None:
    assert [text for text, *_ in read("two and three or four, 10-20, twenty thirty")] == [
        *("two", "three", "four", "10", "20", "twenty", "thirty")
    ]


def test_shares_of_one_are_told_from_counts() -> None:
    assert [(text, kind) for text, kind, *_ in read("half of all, two-thirds of the town, 1/3 of it")] == [
        ("half", "share"),
        ("two-thirds", "share"),
        ("1/3", "share"),
    ]


def test_of_other_languages_digits_are_read() -> None:
    assert read("Wir sind 41 und zwei.", "de") == [("41", "count", Decimal(41), "")]


ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def in_words(number: int) -> str:
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            above, rest = divmod(number, size)
            joint = " and " if size == 100 else " "
            return f"{in_words(above)} {name}" + (joint + in_words(rest) if rest else "")
    if number >= 20:
        return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
    return ONES[number]


@given(st.integers(min_value=2, max_value=999_999_999_999))
def test_every_number_in_words_is_read_whole(number: int) -> None:
    words = in_words(number)
    assert read(f"There are {words} of them.") == [(words, "count", Decimal(number), "")]


@given(st.text(max_size=200), st.sampled_from(["en", "es", "de"]))
def test_any_text_can_be_searched(text: str, language: str) -> None:
    for one in letter_figures.find(text, language):
        assert text[one.start : one.end] == one.text
    for written in letter_dates.find(text):
        assert text[written.start : written.end] == written.text
    assert letter_numbers.language_of(text) in ("en", "es")


@pytest.mark.parametrize(
    "text",
    [
        *("22 May 2018", "May 22, 2018", "22nd of May, 2018", "the 22nd day of May 2018", "2018-05-22", "2018/05/22"),
        *("05/22/2018", "22/05/2018", "22.05.2018", "22-05-18", "MAY 22 2018", "22. Mai 2018", "22 de maio de 2018"),
        *("22 de mayo de 2018", "le 22 mai 2018", "22 maggio 2018"),
    ],
)
def test_a_date_is_read_in_every_order_and_language(text: str) -> None:
    (found,) = letter_dates.find(f"on {text}, it")
    assert found.readings == (Day(2018, 5, 22),)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("05/06/2018", (Day(2018, 6, 5), Day(2018, 5, 6))),
        ("05/05/2018", (Day(2018, 5, 5),)),
        ("05.06.2018", (Day(2018, 6, 5),)),
        ("May 2018", (Day(2018, 5, None),)),
        ("22 May", (Day(None, 5, 22),)),
        ("29 February", (Day(None, 2, 29),)),
        ("29 February 2018", ()),
        ("32 May 2018", ()),
        ("2018-13-01", ()),
    ],
)
def test_a_date_has_all_the_readings_it_may_have(text: str, days: tuple[Day, ...]) -> None:
    (found,) = letter_dates.find(text)
    assert found.readings == days


@pytest.mark.parametrize("text", ["we may 20 times", "they march 3 miles", "May 1,000 people", "1.2.3.4", "in May"])
def test_what_is_no_date_is_not_read(text: str) -> None:
    assert letter_dates.find(text) == []


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_is_read_back_from_how_it_is_written(day: date) -> None:
    for written in (day.isoformat(), f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%B} {day.year}"):
        (found,) = letter_dates.find(written)
        assert letter_dates.full(found.readings) == [day]
