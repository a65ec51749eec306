"""accounts: what a manager is told of each account."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaign.flow.accounts import Account, looked_at
from campaign.ports.channel import MAY_POST, MAY_READ, Left, Standing, Takes

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
GOOD = Standing("national", "@freetowalk", "signed in", handle="FreeToWalk", may=(MAY_POST,), left=Left(90, 100))


def told(standing: Standing, meant: str = "freetowalk") -> Account:
    return looked_at("x", standing, meant, NOW)


def test_an_account_that_is_who_is_meant_and_may_post_is_well() -> None:
    account = told(GOOD)
    assert (account.verdict, account.handle, account.meant) == ("ok", "FreeToWalk", "freetowalk")
    assert (account.detail, account.left, account.days) == ("signed in", Left(90, 100), None)


def test_an_account_of_which_the_plan_says_nothing_is_well() -> None:
    assert told(GOOD, meant="").verdict == "ok"


@pytest.mark.parametrize(
    ("takes", "said", "verdict", "detail"),
    [
        (500, None, "ok", "signed in"),
        (None, 5_000, "ok", "signed in"),
        (5_000, 5_000, "ok", "signed in"),
        (5_000, None, "ok", "signed in; 500 by the plan, which may say `characters: 5000` of it under `accounts:`"),
        (
            500,
            5_000,
            "error",
            "its server takes 500 characters a post, and the plan says 5,000: mend `accounts:` there",
        ),
        (400, 500, "error", "its server takes 400 characters a post, and the plan says 500: mend `accounts:` there"),
    ],
)
def test_what_the_plan_says_of_its_server_is_held_to_it(
    takes: int | None, said: int | None, verdict: str, detail: str
) -> None:
    account = looked_at("mastodon", replace(GOOD, takes=Takes(characters=takes)), "", NOW, characters=said)
    assert (account.verdict, account.detail) == (verdict, detail)


def test_one_without_a_handle_is_known_by_who_it_is() -> None:
    assert told(replace(GOOD, handle="")).handle == "freetowalk"


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (replace(GOOD, handle="other"), "is @other, and the plan means @freetowalk"),
        (replace(GOOD, may=(MAY_READ,)), "it may not post, only read its posts"),
        (replace(GOOD, ends_at=NOW - timedelta(days=2)), "its token ended on 2026-03-07"),
        (Standing("national", "", wrong="set the variables"), "set the variables"),
    ],
)
def test_what_keeps_an_account_from_posting_is_an_error(standing: Standing, said: str) -> None:
    account = told(standing)
    assert account.verdict == "error"
    assert said in account.detail


@pytest.mark.parametrize(
    ("standing", "said", "days"),
    [
        (replace(GOOD, ends_at=NOW + timedelta(days=6)), "its token ends on 2026-03-15 13:00 UTC", 6),
        (replace(GOOD, left=Left(10, 100, "posts")), "only 10 of 100 posts are left", None),
    ],
)
def test_what_may_not_last_is_a_warning(standing: Standing, said: str, days: int | None) -> None:
    account = told(standing)
    assert (account.verdict, account.days) == ("warning", days)
    assert said in account.detail
    assert account.detail.endswith("signed in")


def test_a_token_that_is_renewed_by_itself_may_end_in_an_hour() -> None:
    account = told(replace(GOOD, ends_at=NOW + timedelta(hours=1), renews=True))
    assert (account.verdict, account.days, account.detail) == ("ok", None, "signed in")


def test_a_token_that_ends_in_a_week_or_later_is_no_matter() -> None:
    account = told(replace(GOOD, ends_at=NOW + timedelta(days=7)))
    assert (account.verdict, account.days) == ("ok", 7)
