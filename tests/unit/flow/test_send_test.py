"""A test e-mail: what it says of itself, whose data it shows, and that it is nobody's delivery."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.channels.sendgrid import SendGrid
from campaign.flow import send_test
from campaign.flow.preferences import Door, visit
from campaign.flow.send_test import Variant, send, variants
from campaign.model.batch import MailBatch, Payload
from campaign.model.bundle import Bundle
from campaign.model.delivery import TEST_WAVE, Keys
from campaign.model.event import Event, EventKind
from campaign.model.message import Message
from campaign.model.outcome import Accepted, InDoubt, Outcome, Refused
from campaign.model.preference import Wish
from campaign.model.supporter import NewSupporter
from campaign.storage.preferences import SqlPreferences
from tests.builders import CONSENT, T0, bundle, mail_message, wave
from tests.desks import Office, Told, office

KEYS = Keys(b"a secret of 16 bytes and more")
PUBLIC = "https://campaign.example.org"
TEAM = ("jo@example.org", "sam@example.net")


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def person(name: str, **changes: object) -> NewSupporter:
    made = NewSupporter(email=f"{name or 'nameless'}@example.org", first_name=name, consent=CONSENT)
    return replace(made, **changes)  # type: ignore[arg-type]  # names of NewSupporter's own fields


def both() -> Message:
    return mail_message(languages=("en", "es"))


def chosen(at: Office, made: Bundle | None = None, **more: object) -> list[Variant]:
    return variants(made or bundle(message=both()), wave(), at.supporters, **more)  # type: ignore[arg-type]  # its own options


def sent(at: Office, variant: Variant, channel: Told[MailBatch] | None = None) -> list[tuple[str, Outcome]]:
    return list(send(variant, TEAM, channel=channel or at.mail, keys=KEYS, public_url=PUBLIC, at=T0))


def test_each_language_is_shown_for_whom_most_and_least_is_known(at: Office) -> None:
    known = {"last_name": "Example", "zone": "America/New_York", "country": "US", "region": "NY"}
    at.supporters.add([person("ana", **known), person("bo"), person(""), person("eva", language="es")], at=T0)
    found = [(one.language, one.person.first_name) for one in chosen(at)]
    assert found == [("en", "ana"), ("en", ""), ("es", "eva")]
    assert [one.person.first_name for one in chosen(at, examples=1)] == ["ana", "eva"]
    assert [one.person.first_name for one in chosen(at, examples=3, language="en")] == ["ana", "", "bo"]


def test_a_certain_persons_data_is_shown_in_their_language(at: Office) -> None:
    at.supporters.add([person("ana"), person("eva", language="es")], at=T0)
    eva = at.supporters.find("eva@example.org")
    assert [(one.language, one.person.first_name) for one in chosen(at, person=eva)] == [("es", "eva")]
    assert [(one.language, one.person.first_name) for one in chosen(at, person=eva, language="en")] == [("en", "eva")]


def test_without_supporters_somebody_is_made_up_and_that_is_said(at: Office) -> None:
    found = chosen(at)
    assert [(one.language, one.made_up) for one in found] == [("en", True), ("es", True)]
    assert "somebody made up" in send_test.marked(found[0]).text


def test_every_arm_is_shown(at: Office) -> None:
    at.supporters.add([person("ana")], at=T0)
    arms = {"a": mail_message(), "b": mail_message(subject="Other, {{ supporter.first_name }}")}
    found = chosen(at, replace(bundle(message=mail_message()), arms=arms))
    assert [one.name for one in found] == ["arm a, en", "arm b, en"]
    assert send_test.marked(found[1]).subject.startswith("[Test] Other, ")


def test_it_says_in_subject_html_and_text_that_it_is_a_test(at: Office) -> None:
    at.supporters.add([person("ana")], at=T0)
    [variant] = chosen(at, language="en")
    ana = variant.person.id
    channel = SendGrid(api_key="")
    content = send_test.marked(variant)
    rows = [row for batch, _ in handed_over(at, variant) for row in batch.rows]
    shown = channel.shows(channel.compose(MailBatch(id=0, content=content, rows=rows)), 0)
    assert shown.subject == "[Test] Act now, ana"
    note = f"TEST (en), with the data of supporter {ana}. The link to unsubscribe changes nothing."
    assert note in shown.html
    assert shown.text.startswith(f"*** {note} ***\n\n")
    assert content.categories == ("test",)


def handed_over(at: Office, variant: Variant) -> list[tuple[MailBatch, Payload]]:
    at.mail.got.clear()
    sent(at, variant)
    return at.mail.got


def test_what_stands_beside_the_subject_in_a_list_of_mails_stays_first(at: Office) -> None:
    hidden = '<div style="display:none;max-height:0">Read this</div>'
    [variant] = chosen(at, bundle(message=mail_message(html=f"<html><body>{hidden}<p>Hi</p></body></html>")))
    html = send_test.marked(variant).html
    assert html.index("Read this") < html.index("TEST (en)") < html.index("<p>Hi")


def test_each_address_gets_it_once_with_a_key_of_its_own_that_is_no_deliverys(at: Office) -> None:
    [variant] = chosen(at, language="en")
    [(first, _)] = handed_over(at, variant)
    [(second, _)] = handed_over(at, variant)
    assert [row.address for row in first.rows] == list(TEAM)
    keys = [row.key for row in (*first.rows, *second.rows)]
    assert len(set(keys)) == 4, "one Message-ID twice would be hidden by Gmail"
    assert {delivery.wave_id for key in keys if (delivery := KEYS.read(key))} == {TEST_WAVE}
    assert all(row.unsubscribe_url == f"{PUBLIC}/u/{row.key}" for row in first.rows)
    assert first.send_at is None


def test_batches_are_no_larger_than_the_channel_takes(at: Office) -> None:
    small = Told[MailBatch]("sendgrid", batch=1)
    [variant] = chosen(at, language="en")
    assert [address for address, _ in sent(at, variant, small)] == list(TEAM)
    assert [len(batch) for batch, _ in small.got] == [1, 1]


@pytest.mark.parametrize("outcome", [Accepted(), Refused("no"), InDoubt("lost")])
def test_what_became_of_each_is_told_and_nothing_is_tried_again(at: Office, outcome: Outcome) -> None:
    channel = Told[MailBatch]("sendgrid", delivers=lambda batch, _: [outcome] * len(batch))
    [variant] = chosen(at, language="en")
    assert sent(at, variant, channel) == [(address, outcome) for address in TEAM]
    assert len(channel.got) == 1


def test_the_ledger_counts_no_test_and_what_is_fed_back_of_one_changes_nobody(at: Office) -> None:
    at.supporters.add([person("ana")], at=T0)
    [variant] = chosen(at, language="en")
    [(batch, _)] = handed_over(at, variant)
    event = Event("1", "email", batch.rows[0].key, EventKind.COMPLAINED, T0)
    delivery = KEYS.read(event.key)
    assert delivery is not None
    assert at.ledger.apply([(delivery, event)], now=T0).new == {}
    assert at.supporters.suppression("ana@example.org") is None
    assert at.ledger.tallies() == []


@pytest.mark.parametrize("wish", list(Wish))
def test_its_link_to_unsubscribe_tries_everything_and_changes_nothing(at: Office, wish: Wish) -> None:
    at.supporters.add([person("ana")], at=T0)
    at.approve(bundle().step)
    came = visit([Door(KEYS, SqlPreferences(at.database, world="live"))], KEYS.key(TEST_WAVE, 77))
    assert came is not None
    assert came.door.trial
    assert came.recipient.email == "test@example.org"
    assert came.choose(wish, at=T0 + timedelta(minutes=1)) is not None
    assert at.supporters.suppression("ana@example.org") is None
    assert at.supporters.suppression("test@example.org") is None


def test_the_link_of_a_test_shows_nothing_of_the_supporter(at: Office) -> None:
    at.supporters.add([person("ana")], at=T0)
    [variant] = chosen(at, language="en")
    [(batch, _)] = handed_over(at, variant)
    assert not re.search(r"ana|%40|@", batch.rows[0].unsubscribe_url)
