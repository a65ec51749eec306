"""The report's page: what its plots show is what its tables say, and it needs nothing but itself."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.model.report import Applause, Hour, Part
from campaign.rendering.report import page, plots, words
from tests.builders import T0
from tests.reports import HOUR, PARTS, mail, post, report

MOST_BYTES = 500_000
MOST_BYTES_OF_A_THOUSAND = 2_500_000


class Tables(HTMLParser):
    """Every table of a page as rows of cells; and every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.asked: list[tuple[str, str | None]] = []
        self.styled: list[str] = []
        self._cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [(tag, value) for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.styled += [tag for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.tables[-1][-1][-1] += data


def read(made: str) -> Tables:
    parser = Tables()
    parser.feed(made)
    return parser


def table(made: str, head: str) -> list[list[str]]:
    """The first table with a column of that name."""
    return next(one for one in read(made).tables if head in one[0])


def number(cell: str) -> int:
    return 0 if cell.strip() == "\N{EN DASH}" else int(cell.replace(",", ""))


def titles(made: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title>", made)


def test_what_the_bars_show_is_what_the_table_says() -> None:
    made = page(report())
    heads, *rows = table(made, plots.NAMES[Part.SUPPRESSED])
    alert = dict(zip(heads, rows[0], strict=True))
    for part, n in PARTS.items():
        assert f"{plots.NAMES[part]}: {n:,} of 1,000" in titles(made)
        assert number(alert[plots.NAMES[part]]) == n
    assert sum(number(alert[plots.NAMES[part]]) for part in PARTS) == number(alert["Planned"]) == 1_000
    assert [number(cell) for cell in rows[-1][1:2]] == [1_002]


def test_what_people_did_is_the_same_in_plot_table_and_summary() -> None:
    made = page(report())
    heads, alert, _ = table(made, "Unsubscribed")
    said = dict(zip(heads, alert, strict=True))
    assert [number(said[name]) for name in ("Accepted", "Opened", "Clicked", "Acted", "Unsubscribed")] == [
        960, 300, 120, 80, 4,
    ]  # fmt: skip
    for n in (300, 120, 80, 4):
        assert f"{n:,} of 960" in titles(made)
    assert "120 clicked (12.5 %)" in made


def test_the_columns_of_hours_hold_every_opening_and_click() -> None:
    hours = [Hour(T0 + place * HOUR, opened=place, clicked=1) for place in range(400)]
    drawn = plots.columns(hours, T0)
    assert drawn is not None
    assert len(drawn.hours) <= 60
    assert sum(one.opened for one in drawn.hours) == sum(one.opened for one in hours)
    assert sum(one.clicked for one in drawn.hours) == 400
    assert len(re.findall('class="clicked"', drawn.drawing)) == len(drawn.hours)


def test_the_curves_end_where_the_last_reading_was() -> None:
    applause = [Applause(name, T0 + place * HOUR, place * 10) for name in ("x", "bluesky") for place in range(1, 200)]
    drawn = plots.lines(applause, T0)
    assert drawn is not None
    assert len(drawn.instants) <= 32
    assert {name: series[-1] for name, series in drawn.values.items()} == {"x": 1_990, "bluesky": 1_990}
    assert all(list(series) == sorted(series) for series in drawn.values.values())


@given(st.dictionaries(st.sampled_from(Part), st.integers(0, 10**7)))
def test_the_parts_of_a_bar_fill_it_and_each_can_be_seen(parts: dict[Part, int]) -> None:
    widths = plots.widths(parts)
    assert set(widths) == {part for part, n in parts.items() if n}
    assert all(width >= 0.99 for width in widths.values())
    assert not widths or sum(widths.values()) == pytest.approx(100)


def test_what_was_planned_adds_up_on_the_page_and_what_was_lost_is_shouted() -> None:
    assert "It adds up" in page(report())
    lost = page(report(mail(planned=1_001)))
    assert "It does not add up" in lost
    assert "It adds up" not in lost


@pytest.mark.parametrize("world", ["rehearsal", "sandbox"])
def test_where_nobody_was_reached_it_is_said_before_anything_else(world: str) -> None:
    made = page(report(world=world))
    assert made.index("nobody was reached") < made.index("In a minute")
    assert f"<title>{world.capitalize()}: " in made
    assert "nobody was reached" not in page(report(world="live"))


def test_it_asks_nobody_for_anything_and_its_policy_names_its_own_style() -> None:
    made = page(report())
    parsed = read(made)
    assert parsed.asked == [("a", "https://x.example.com/1")], "only a link that somebody may follow"
    assert parsed.styled == []
    assert "<script" not in made
    style = re.search("<style>(.*?)</style>", made, flags=re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert f"style-src 'sha256-{b64encode(sha256(style[1].encode()).digest()).decode()}'" in made.replace("&#39;", "'")
    assert made.lstrip().startswith('<!doctype html>\n<html lang="en">')


def test_what_providers_and_people_wrote_is_text_and_not_markup() -> None:
    made = page(report())
    assert "550 &lt;b&gt;unknown&lt;/b&gt;" in made
    assert "Example &lt;campaign&gt; &amp; more" in made


def test_times_are_in_the_campaigns_zone_with_utc_beside_them() -> None:
    made = page(report())
    assert (
        '<time datetime="2018-05-22T13:00:00Z" title="2018-05-22 13:00:00 UTC">Tue 22 May 2018, 09:00 EDT</time>'
        in made
    )


def test_of_a_thousand_steps_the_tables_have_all_and_the_plots_a_row_for_each_network() -> None:
    steps = [mail(f"mail-{n}", n) if n % 2 else post(f"post-{n}", n) for n in range(1_000)]
    made = page(report(*steps))
    assert len(table(made, "First byte")) == 1_001
    assert made.count('class="row-drawing"') == 4
    assert "500 steps" in made
    assert len(made.encode()) < MOST_BYTES_OF_A_THOUSAND
    assert len(page(report(*steps[:40])).encode()) < MOST_BYTES


def test_a_rollout_of_which_nothing_has_begun_can_be_reported() -> None:
    waits = replace(mail().waves[0], began_at=None, ended_at=None)
    step = mail(
        waves=[waits], late_by=None, stands="waiting", planned=0, parts={}, reactions=mail().reactions.__class__()
    )
    made = page(
        report(
            step, reasons=[], tests=[], posts=[], applause=[], hours=[], spent=[], happened=[], open=[], open_in_all=0
        )
    )
    assert "Nothing has gone out yet." in made
    assert "waiting" in made


def test_the_latest_step_is_named_with_how_late_it_was() -> None:
    made = page(report(mail(), mail("second", late_by=timedelta(minutes=12))))
    assert "the latest was second, 12m after it" in made
    assert "+12m" in made


def test_lengths_and_countdowns_read_as_a_plan_writes_them() -> None:
    assert words.countdown(T0 - timedelta(days=2, hours=10, minutes=30), T0) == "T-2d10h30m"
    assert words.countdown(T0, T0) == "T-0"
    assert words.length(timedelta(0)) == "0s"
