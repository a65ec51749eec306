"""Rows taken many at a time come to the same as each on its own."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.files.addresses import Addresses
from campaign.files.csv_columns import recognise
from campaign.files.csv_consent import Assumed
from campaign.files.csv_person import PersonMaker
from campaign.files.csv_seen import Seen
from campaign.model.supporter import Basis, Consent, NewSupporter

AT = datetime(2018, 5, 22, tzinfo=UTC)
EMAILS = (
    "mara@example.org",
    "Mara@Example.ORG",
    "Info@example.org",
    "ö@bücher.example.org",
    " b@example.org ",
    "no",
    "",
)
NAMES = ("Mara", "", " ", "x" * 201, "Okafor, Mara", "e\u0301", "'=1")
DATES = ("2018-01-02", "2017-03-04T05:06:07+02:00", "", " ", "3/4/2018", "2039-01-01", "soon")
SHAPED_DATES = (
    *["2018-01-02T03:04:05", "2017-12-31T23:59:59", "2018-05-22T00:00:00"],
    *["2018-02-30T00:00:00", "2018-01-02T24:00:00", "1989-12-31T23:59:59", "2018-05-22T00:00:01"],
)
ENDINGS = ("+00:00", "Z", "+05:00", "")
STANDINGS = ("subscribed", "", "unsubscribed", "pending", "what")
CELLS = {
    "email": EMAILS,
    "email2": EMAILS,
    "first_name": NAMES,
    "first": NAMES,
    "last_name": NAMES,
    "name": NAMES,
    "language": ("en", "English", "", "??"),
    "zone": ("America/New_York", "est", "", "Mars/Olympus"),
    "country": ("US", "", "Atlantis"),
    "region": ("NY", "new york", "", "r" * 201),
    "zip": ("10001", "1001", "", " 501", "0" * 30, "\uff11\uff12\uff13\uff14\uff15"),
    "tags": ("a;b", "", "t" * 70),
    "consent_basis": ("opt-in", "none", "", "whim"),
    "consent_source": ("form", "", "s" * 300),
    "consent_at": DATES,
    "optin_time": DATES,
    "confirm_time": DATES,
    "date_joined": DATES,
    "email_status": STANDINGS,
    "status": STANDINGS,
    "opt_in": STANDINGS,
    "unsubscribed": STANDINGS,
    "unsub_time": ("", "2018-01-01"),
    "acted_at": DATES,
    "chapter": ("North", "", "v" * 501),
    "campaign_preference": ("", "monthly", "whatever"),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    header = ["email", *draw(st.lists(st.sampled_from([*CELLS][1:]), unique=True, max_size=10))]
    row = st.tuples(*(st.sampled_from(CELLS[name]) for name in header)).map(list)
    return header, draw(st.lists(row, max_size=8))


def maker(header: list[str], consent: Consent | None, warnings: Counter[str]) -> PersonMaker:
    columns = recognise(header, file=Path("list.csv"), line=1)
    assumed = Assumed(consent, "import", ("all",), "en", day_first=False, undated=AT, latest=AT)
    return PersonMaker(columns, assumed, warnings)


@settings(max_examples=400)
@given(table=tables(), assumed=st.sampled_from([None, Consent(Basis.MEMBER, "roll", AT)]))
def test_many_rows_come_to_the_same_as_each_on_its_own(
    table: tuple[list[str], list[list[str]]], assumed: Consent | None
) -> None:
    header, rows = table
    hold_to_each_other(header, rows, assumed)


@settings(max_examples=400)
@given(
    dates=st.lists(
        st.tuples(st.sampled_from(SHAPED_DATES), st.sampled_from(ENDINGS)).map("".join) | st.just(""), max_size=6
    )
    | st.lists(st.sampled_from(SHAPED_DATES[:3]), max_size=6).map(lambda dates: [f"{date}Z" for date in dates]),
    name=st.sampled_from(["consent_at", "optin_time", "confirm_time", "acted_at"]),
)
def test_dates_that_are_written_alike_come_to_the_same_as_each_on_its_own(dates: list[str], name: str) -> None:
    rows = [["mara@example.org", "opt-in", date] for date in dates]
    hold_to_each_other(["email", "consent_basis", name], rows, None)


def hold_to_each_other(header: list[str], rows: list[list[str]], assumed: Consent | None) -> None:
    warnings: Counter[str] = Counter()
    one_by_one = maker(header, assumed, warnings)
    taken, odd = maker(header, assumed, Counter()).people(rows)
    people = list(taken.each())
    assert len(people) == len(rows)
    for number, row in enumerate(rows):
        before = warnings.total()
        expected: NewSupporter | None
        try:
            expected = one_by_one.person(row)
        except ValueError:
            expected = None
        if expected is None or warnings.total() > before:
            assert number in odd
        elif number not in odd:
            assert people[number] == expected


@given(written=st.lists(st.sampled_from(EMAILS) | st.emails() | st.text("aB@.-\xfc _+'", max_size=12), max_size=8))
def test_addresses_taken_many_at_a_time_come_to_the_same_as_each_on_its_own(written: list[str]) -> None:
    addresses, alone = Addresses(), Addresses()
    for _ in range(2):  # the second time its domains are known
        for one, found in zip(written, addresses.each(written), strict=True):
            try:
                assert found == alone.normalised(one)
            except ValueError:
                assert found is None


@given(keys=st.lists(st.text(max_size=2), max_size=60))
def test_what_came_before_is_known_and_nothing_else(keys: list[str]) -> None:
    seen = Seen()
    again = seen.again(keys[:7]) + [7 + number for number in seen.again(keys[7:])]
    assert again == [number for number, key in enumerate(keys) if key in keys[:number]]


def test_what_came_before_stays_known_however_many_come() -> None:
    seen = Seen()
    keys = [f"p{number}@example.org" for number in range(50_000)]
    for start in range(0, len(keys), 1_000):
        assert seen.again(keys[start : start + 1_000]) == []
    assert seen.again(keys) == list(range(len(keys)))
    assert seen.again(["new", "new"]) == [1]
