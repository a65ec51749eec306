"""What SendGrid's event webhook tells, in whatever shape it comes, is read into events of our deliveries."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.channels.sendgrid_events import events, read
from campaign.flow import engagement
from campaign.model.event import Event, EventKind
from campaign.model.supporter import Reason

AT = datetime(2026, 5, 22, 13, tzinfo=UTC)
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"


def raw(event: str, **more: Any) -> dict[str, Any]:
    told = {"email": "ann@example.org", "timestamp": 1779454800, "event": event, "sg_event_id": "e1", "key": "k1"}
    return {**told, "sg_message_id": "m1.recvd", **more}


@pytest.mark.parametrize(
    ("event", "more", "kind"),
    [
        ("processed", {}, EventKind.PROCESSED),
        ("deferred", {}, EventKind.DELAYED),
        ("delivered", {}, EventKind.DELIVERED),
        ("bounce", {"type": "bounce"}, EventKind.BOUNCED),
        ("bounce", {"type": "blocked"}, EventKind.BLOCKED),
        ("bounce", {}, EventKind.BOUNCED),
        ("dropped", {}, EventKind.DROPPED),
        ("spamreport", {}, EventKind.COMPLAINED),
        ("unsubscribe", {}, EventKind.UNSUBSCRIBED),
        ("group_unsubscribe", {}, EventKind.UNSUBSCRIBED),
        ("open", {}, EventKind.OPENED),
        ("click", {}, EventKind.CLICKED),
    ],
)
def test_an_event_is_read_as(event: str, more: dict[str, Any], kind: EventKind) -> None:
    assert events([raw(event, **more)]) == [Event(id="e1", channel="sendgrid", key="k1", kind=kind, at=AT)]


@pytest.mark.parametrize(
    "told",
    [
        raw("group_resubscribe"),
        raw("of-tomorrow"),
        {**raw("delivered"), "event": ["delivered"]},
        raw("delivered", key=""),
        raw("delivered", key=7),
        raw("delivered", timestamp=None),
        raw("delivered", timestamp=True),
        raw("delivered", timestamp="1779454800"),
        raw("delivered", timestamp=1e300),
        raw("delivered", timestamp=float("nan")),
        {},
    ],
)
def test_what_says_nothing_of_a_delivery_of_ours_is_left_out(told: dict[str, Any]) -> None:
    assert events([told, raw("delivered")]) == events([raw("delivered")])


def test_an_events_reason_holds_no_address() -> None:
    (event,) = events([raw("bounce", reason="550 <ann@example.org>: no such\r\nuser")])
    assert event.why == "550 <(address)>: no such user"


@pytest.mark.parametrize("address", ["ann@example.org", "ann%40example.org"])
def test_a_link_is_kept_without_an_address_in_it(address: str) -> None:
    (event,) = events([raw("click", url=f"https://act.example.org/?who={address}&utm_source=email")])
    assert "ann" not in event.link
    assert event.link.startswith("https://act.example.org/?who=(address)")


def test_an_event_without_an_id_gets_one_that_is_the_same_each_time_and_holds_no_address() -> None:
    def told(event: str) -> dict[str, Any]:
        return {**raw(event), "sg_event_id": None}

    first, again, other = events([told("open"), told("open"), told("click")])
    assert first.id == again.id != other.id
    assert "ann" not in first.id


@pytest.mark.parametrize("given_id", ["x" * 5_000, "a\x00b", "é\ud800"])
def test_an_id_that_a_database_would_not_take_is_made_into_one_that_it_does(given_id: str) -> None:
    (event,) = events([raw("open", sg_event_id=given_id)])
    assert event.id == events([raw("open", sg_event_id=given_id)])[0].id
    assert event.id.isalnum()
    assert len(event.id) <= 32


@pytest.mark.parametrize(
    ("reason", "bars"),
    [
        ("Bounced Address", Reason.BOUNCED),
        ("Spam Reporting Address", Reason.COMPLAINED),
        ("Unsubscribed Address", Reason.UNSUBSCRIBED),
        ("Group Unsubscribe", Reason.UNSUBSCRIBED),
        ("Invalid", Reason.DROPPED),
        ("Invalid: no such domain", Reason.DROPPED),
        ("Invalid SMTPAPI header", None),
        ("Recipient List over Package Quota", None),
        ("Spam Content", None),
        ("", None),
    ],
)
def test_a_drop_bars_an_address_only_where_the_address_is_why(reason: str, bars: Reason | None) -> None:
    (event,) = events([raw("dropped", reason=reason)])
    assert event.bars is bars


@pytest.mark.parametrize(
    ("event", "more", "machine"),
    [
        ("open", {"useragent": SAFARI}, ""),
        ("open", {"useragent": SAFARI, "sg_machine_open": True}, engagement.MARKED),
        ("open", {"useragent": SAFARI, "sg_machine_open": False}, ""),
        ("open", {"useragent": "Mozilla/5.0"}, engagement.PRIVACY),
        ("click", {"useragent": SAFARI, "url": "https://example.org/act"}, ""),
        ("click", {"useragent": "BarracudaCentral/1.0", "url": "https://example.org/act"}, engagement.SCANNER),
        ("click", {"useragent": 7}, ""),
    ],
)
def test_what_shows_by_itself_whose_it_is_is_read_with_it(event: str, more: dict[str, Any], machine: str) -> None:
    (read_as,) = events([raw(event, **more)])
    assert read_as.machine == machine


def test_a_body_of_many_events_is_read_in_order() -> None:
    body = orjson.dumps([raw("delivered", sg_event_id=f"e{n}") for n in range(10_000)])
    found = read(body)
    assert [event.id for event in found.events] == [f"e{n}" for n in range(10_000)]
    assert (found.unread, found.why) == (0, "")


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[{", b"\xff\xfe", b"[" * 100_000, b'[{"event":"open"}'])
def test_a_body_that_is_not_json_is_told_and_holds_nothing(body: bytes) -> None:
    assert read(body) == ((), 1, "it is not JSON")


@pytest.mark.parametrize("body", [b"{}", b"7", b'"events"', b"null"])
def test_a_body_that_is_no_list_is_told_and_holds_nothing(body: bytes) -> None:
    assert read(body) == ((), 1, "it is not a list of events")


def test_one_bad_event_costs_no_other() -> None:
    body = orjson.dumps([raw("delivered"), 7, None, raw("open", timestamp="soon"), raw("click", sg_event_id="e2")])
    found = read(body)
    assert [event.kind for event in found.events] == [EventKind.DELIVERED, EventKind.CLICKED]
    assert found.why == "3 of 5 events cannot be read"


def test_what_is_not_about_a_delivery_of_ours_is_no_fault() -> None:
    theirs = {name: value for name, value in raw("open").items() if name != "key"}
    assert read(orjson.dumps([theirs, raw("group_resubscribe"), raw("of-tomorrow"), {}])) == ([], 0, "")


@pytest.mark.parametrize("odd", ["\\ud800", "\\u0000", "NaN"])
def test_letters_that_are_none_cost_no_event_and_are_not_kept(odd: str) -> None:
    bounce = json.dumps(raw("bounce", reason="550 HERE no such user")).replace("HERE", odd)
    found = read(f"[{bounce}, {json.dumps(raw('open', sg_event_id='e2'))}]".encode())
    assert [event.kind for event in found.events] == [EventKind.BOUNCED, EventKind.OPENED]
    assert found.events[0].why.encode().isascii()
    assert "\x00" not in found.events[0].why


@given(st.binary(max_size=300))
def test_whatever_bytes_come_reading_them_raises_nothing(body: bytes) -> None:
    read(body)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["event", "key", "timestamp", "sg_event_id", "reason", "response", "url", "useragent", "type", "sg_machine_open"]
)


@given(
    st.lists(st.dictionaries(NAMES, ANYTHING | st.sampled_from(["open", "click", "bounce", "dropped"]), max_size=10))
)
def test_whatever_an_event_holds_reading_it_raises_nothing_and_gives_text_that_can_be_stored(
    told: list[dict[str, Any]],
) -> None:
    for event in events(told):
        for text in (event.id, event.why, event.link, event.machine):
            assert "\x00" not in text
            text.encode()
