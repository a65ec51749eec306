"""Whose an opening or click is: a rule over what is known, the same in whatever order it becomes known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow import engagement
from campaign.flow.engagement import Seen, alone, together
from campaign.model.event import EventKind

AT = datetime(2026, 5, 22, 13, tzinfo=UTC)
OPENED, CLICKED = EventKind.OPENED, EventKind.CLICKED
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
AHEAD = "Mozilla/5.0 (Windows NT 10.0) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"


def opened(after_s: float, machine: str = "") -> Seen:
    return Seen(OPENED, AT + timedelta(seconds=after_s), "", machine)


def clicked(after_s: float, link: str = "https://act.example.org/", machine: str = "") -> Seen:
    return Seen(CLICKED, AT + timedelta(seconds=after_s), link, machine)


@pytest.mark.parametrize(
    ("kind", "useragent", "machine"),
    [
        (OPENED, SAFARI, ""),
        (OPENED, GMAIL, ""),
        (OPENED, "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", ""),
        (OPENED, "", ""),
        (OPENED, None, ""),
        (OPENED, "Mozilla/5.0", engagement.PRIVACY),
        (OPENED, AHEAD, engagement.PREFETCHED),
        (OPENED, "Barracuda Sentinel (EE)", engagement.SCANNER),
        (CLICKED, SAFARI, ""),
        (CLICKED, "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/120 Mobile", ""),
        (CLICKED, None, ""),
        (CLICKED, " ", engagement.NAMELESS),
        (CLICKED, "Mozilla/5.0 (compatible; Proofpoint-URL-Defense)", engagement.SCANNER),
        (CLICKED, "Mozilla/5.0 (compatible; Googlebot/2.1)", engagement.SCANNER),
        (CLICKED, "Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/120.0", engagement.SCANNER),
        (CLICKED, "python-requests/2.31", engagement.SCANNER),
        (CLICKED, "curl/8.1", engagement.SCANNER),
        (CLICKED, "Mozilla/5.0 BingPreview/1.0b", engagement.SCANNER),
    ],
)
def test_by_its_user_agent_it_is(kind: EventKind, useragent: str | None, machine: str) -> None:
    assert alone(kind, useragent=useragent, marked=False) == machine


def test_what_the_provider_marks_is_a_programs_whatever_its_user_agent() -> None:
    assert alone(OPENED, useragent=SAFARI, marked=True) == engagement.MARKED


def test_somebody_who_opens_and_then_follows_a_link_is_a_person() -> None:
    assert together([opened(40), clicked(55)], delivered_at=AT) == ["", ""]


def test_two_clicks_on_the_same_link_are_a_double_click() -> None:
    assert together([clicked(60), clicked(61)], delivered_at=AT) == ["", ""]


def test_two_links_a_while_apart_are_a_persons() -> None:
    assert together([clicked(60), clicked(63, "https://example.org/letter")], delivered_at=AT) == ["", ""]


def test_different_links_within_two_seconds_are_a_scanners_and_so_is_the_opening_beside_them() -> None:
    seen = [opened(599), clicked(600), clicked(602, "https://example.org/letter"), clicked(700)]
    many = engagement.TOO_MANY
    assert together(seen, delivered_at=None) == [many, many, many, ""]


@pytest.mark.parametrize(("after_s", "why"), [(-3, True), (0, True), (5, True), (6, False)])
def test_a_click_within_five_seconds_of_the_delivery_or_before_it_is_a_programs(after_s: float, why: bool) -> None:  # noqa: FBT001 - a case
    assert together([clicked(after_s)], delivered_at=AT) == [engagement.TOO_SOON if why else ""]


@pytest.mark.parametrize(("after_s", "why"), [(-1, True), (0, True), (1, False)])
def test_an_opening_before_the_mail_was_delivered_is_a_programs(after_s: float, why: bool) -> None:  # noqa: FBT001 - a case
    assert together([opened(after_s)], delivered_at=AT) == [engagement.TOO_EARLY if why else ""]


def test_while_the_delivery_is_not_known_nothing_is_too_soon() -> None:
    assert together([opened(-1), clicked(0)], delivered_at=None) == ["", ""]


def test_what_an_event_shows_by_itself_is_never_taken_back() -> None:
    assert together([opened(60, "by itself")], delivered_at=AT) == ["by itself"]


SEEN = st.builds(
    Seen,
    st.sampled_from([OPENED, CLICKED]),
    st.integers(-5, 15).map(lambda s: AT + timedelta(seconds=s)),
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "by itself"]),
)


@given(st.lists(SEEN, max_size=4, unique=True), st.sampled_from([None, AT]))
def test_the_order_in_which_it_becomes_known_changes_nothing(seen: list[Seen], delivered_at: datetime | None) -> None:
    expected = dict(zip(seen, together(seen, delivered_at=delivered_at), strict=True))
    for order in permutations(seen):
        assert dict(zip(order, together(order, delivered_at=delivered_at), strict=True)) == expected


@given(st.lists(SEEN, max_size=6, unique=True), SEEN)
def test_more_that_becomes_known_turns_a_person_into_a_program_and_never_back(seen: list[Seen], more: Seen) -> None:
    before = together(seen, delivered_at=AT)
    after = together([*seen, more], delivered_at=AT)
    assert all(then for now, then in zip(before, after, strict=False) if now)


def test_a_useragent_of_any_length_costs_little() -> None:
    assert alone(CLICKED, useragent="x" * 10_000_000 + "bot", marked=False) == ""
