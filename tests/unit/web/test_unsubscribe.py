"""The unsubscribe pages: what changes what, what a page says, and what it keeps to itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaign.model.delivery import Keys
from campaign.model.preference import UNDO_WITHIN, Recipient, Wish
from campaign.model.supporter import Reason
from campaign.ports.preferences import House
from campaign.web import pages
from campaign.web.pages import Look
from campaign.web.unsubscribe import MOST_BYTES, _accepted, _fields, _wish
from tests.builders import T0
from tests.leaving import Leaving, leaving
from tests.served import Answer

FORM = "application/x-www-form-urlencoded"
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
    "multipart/form-data; boundary=xyz",
)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Leaving]:
    with leaving(tmp_path) as made:
        yield made


def said(answer: Answer) -> str:
    """What a reader reads."""
    body = answer.text.partition("<body>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", "", body))).strip()


# --- what changes what ---


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ONE_CLICK, FORM),
        (b"List-Unsubscribe=One-Click", ""),
        MULTIPART,
        (b"", FORM),
        (b"", ""),
        (b"choice=", FORM),
        (b"choice=something", FORM),
        (b"choice=less-often&List-Unsubscribe=One-Click", FORM),
        (b"\xff\xfe\x00", FORM),
        (b'{"choice": "less-often"}', "application/json"),
        (b"not multipart at all", "multipart/form-data"),
        (b"x" * (MOST_BYTES * 4), FORM),
        (b"&".join(b"a=%d" % n for n in range(2_000)), FORM),
    ],
    ids=range(13),
)
def test_a_post_unsubscribes_at_once_whatever_its_body(at: Leaving, body: bytes, content_type: str) -> None:
    answer = at.site.ask("POST", at.path(), body, {"Content-Type": content_type} if content_type else {})
    assert answer.status == 200
    assert "set-cookie" not in answer.headers
    assert "location" not in answer.headers
    assert "You are unsubscribed" in said(answer)
    found = at.suppression()
    assert found is not None
    assert (found.reason, found.source) == (Reason.UNSUBSCRIBED, "unsubscribe link of alert#1")
    assert at.suppression(1) is None


def test_a_body_in_pieces_is_read_as_one(at: Leaving) -> None:
    body = f"--x\r\nContent-Disposition: form-data; name=choice\r\n\r\n{Wish.LESS_OFTEN}\r\n--x--\r\n".encode()
    assert at.site.ask("POST", at.path(), body, {"Content-Type": "multipart/form-data; boundary=x"}).status == 200
    assert at.suppression() is None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_to_look_changes_nothing(at: Leaving, method: str) -> None:
    for query in ("", "?choice=nothing", "?List-Unsubscribe=One-Click"):
        assert at.site.ask(method, at.path() + query).status == 200
    assert at.suppression() is None


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(at: Leaving, method: str) -> None:
    answer = at.site.ask(method, at.path())
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert at.suppression() is None


def test_a_post_may_come_again_and_a_year_later(at: Leaving) -> None:
    for _ in range(3):
        assert at.site.ask("POST", at.path(), ONE_CLICK).status == 200
    first = at.suppression()
    at.office.wait(timedelta(days=400))
    answer = at.site.ask("POST", at.path(), ONE_CLICK)
    assert answer.status == 200
    assert "You are unsubscribed" in said(answer)
    assert at.suppression() == first


@pytest.mark.parametrize(
    ("wish", "heading"),
    [
        (Wish.LESS_OFTEN, "You will get fewer e-mails"),
        (Wish.ONLY_THIS, "You will hear about this campaign only"),
        (Wish.EVERYTHING, "You will get every e-mail again"),
    ],
)
def test_a_choice_is_kept_and_confirmed(at: Leaving, wish: Wish, heading: str) -> None:
    answer = at.site.post(at.path(), choice=wish.value)
    assert answer.status == 200
    assert heading in said(answer)
    assert at.suppression() is None
    with at.office.database.read() as connection:
        stored = connection.execute(sa.text("SELECT preference FROM supporters ORDER BY id")).scalars().all()
    kept = {Wish.LESS_OFTEN: "less-often", Wish.ONLY_THIS: "only:example", Wish.EVERYTHING: ""}
    assert stored == [kept[wish], ""]


def test_an_unsubscribing_can_be_undone_for_an_hour(at: Leaving) -> None:
    assert 'value="undo"' in at.site.post(at.path(), choice="nothing").text
    assert 'value="undo"' in at.site.get(at.path()).text, "who unsubscribed in their mail program finds it too"
    answer = at.site.post(at.path(), choice="undo")
    assert answer.status == 200
    assert "You are back on the list" in said(answer)
    assert at.suppression() is None
    assert "You are back on the list" in said(at.site.post(at.path(), choice="undo"))


def test_after_an_hour_it_stands_and_the_page_says_so(at: Leaving) -> None:
    at.site.post(at.path(), choice="nothing")
    at.office.wait(UNDO_WITHIN)
    assert 'value="undo"' not in at.site.get(at.path()).text
    for choice in ("undo", "everything", "less-often"):
        answer = at.site.post(at.path(), choice=choice)
        assert answer.status == 409
        assert "that stands" in said(answer)
        assert "write to campaign@example.org" in said(answer)
    assert at.suppression() is not None


# --- links that are none, and people who are gone ---


@pytest.mark.parametrize("made_up", ["", "a", "A" * 22, "é" * 8, "%00", "x" * 4_000, "..%2f..%2fetc", "a/b"])
def test_a_made_up_link_is_told_what_to_do(at: Leaving, made_up: str) -> None:
    for method in ("GET", "POST"):
        answer = at.site.ask(method, f"/u/{made_up.replace('é', '%C3%A9')}")
        assert answer.status == 404
        assert "This link does not work" in said(answer)
        assert "write to campaign@example.org" in said(answer)


@pytest.mark.parametrize("clinging", ["/", ".", ")", "%3E", "%22."])
def test_what_clings_to_a_copied_link_does_no_harm(at: Leaving, clinging: str) -> None:
    assert at.site.ask("POST", at.path() + clinging, ONE_CLICK).status == 200
    assert at.suppression() is not None


def test_half_a_form_changes_nothing(at: Leaving) -> None:
    """The connection ended before the wish was out."""
    at.site.break_off("POST", at.path(), b"choice=less", length=17)
    assert at.site.get(at.path()).status == 200
    assert at.suppression() is None


def test_another_secrets_link_is_none(at: Leaving) -> None:
    key = Keys(b"somebody else's secret of 16 bytes").key(at.wave_id, 0)
    assert at.site.ask("POST", f"/u/{key}", ONE_CLICK).status == 404
    assert at.suppression() is None


def test_a_real_key_of_an_e_mail_that_the_ledger_does_not_have_is_not_said_to_be_done(at: Leaving) -> None:
    answer = at.site.ask("POST", f"/u/{at.office.desk.keys.key(at.wave_id, 999)}", ONE_CLICK)
    assert answer.status == 404
    assert "unsubscribed" not in said(answer)


def test_somebody_forgotten_is_told_that_nothing_is_left(at: Leaving) -> None:
    at.office.supporters.forget("person0@example.org", at=at.office.clock.now())
    for answer in (at.site.get(at.path()), at.site.ask("POST", at.path(), ONE_CLICK), at.site.post(at.path())):
        assert answer.status == 200
        assert "has been erased" in said(answer)
        assert "campaign@example.org" in said(answer)


def test_whoever_is_imported_again_stays_out(at: Leaving) -> None:
    at.site.ask("POST", at.path(), ONE_CLICK)
    at.office.add(2)
    assert at.suppression() is not None
    assert "You are unsubscribed" in said(at.site.get(at.path()))


def test_a_trials_links_show_the_pages_and_touch_nobody(tmp_path: Path) -> None:
    with leaving(tmp_path, trial=True) as at:
        assert "This is a trial" in said(at.site.get(at.path()))
        answer = at.site.ask("POST", at.path(), ONE_CLICK)
        assert answer.status == 200
        assert "This is a trial" in said(answer)
        assert at.suppression() is None


# --- a database that does not answer ---


def test_without_the_database_nothing_is_said_to_be_done(at: Leaving) -> None:
    assert at.site.get(at.path()).status == 200  # so that it is known whose pages these are
    with at.office.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE supporters RENAME TO elsewhere"))
    for answer in (
        at.site.ask("POST", at.path(), ONE_CLICK),
        at.site.get(at.path()),
        at.site.post(at.path(), choice="undo"),
    ):
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "Nothing was changed" in said(answer)
        assert "unsubscribed" not in said(answer)
        assert "campaign@example.org" in said(answer)
    with at.office.database.write() as connection:
        connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO supporters"))
    assert at.site.ask("POST", at.path(), ONE_CLICK).status == 200
    assert at.suppression() is not None


# --- what a page keeps to itself ---


def test_no_page_shows_an_address_in_full(at: Leaving) -> None:
    answers = [at.site.get(at.path()), at.site.post(at.path(), choice="less-often"), at.site.post(at.path())]
    for answer in answers:
        assert "person0" not in answer.text
        assert "person0" not in str(answer.headers)
    assert "p•••@e•••.org" in said(answers[0])


@pytest.mark.parametrize("way", ["choose", "done", "unknown"])
def test_a_page_is_kept_nowhere_runs_nothing_and_loads_nothing(at: Leaving, way: str) -> None:
    answer = {
        "choose": lambda: at.site.get(at.path()),
        "done": lambda: at.site.post(at.path()),
        "unknown": lambda: at.site.get("/u/unknown"),
    }[way]()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script|\son\w+=|src=|<link|@import|url\(|style=", answer.text)
    assert not re.search(r"https?://", answer.text)


def test_what_a_campaign_is_called_cannot_become_markup() -> None:
    bad = "<script>alert(1)</script>{contact}"
    who = Recipient("l", "c", bad, bad, 'a@example.org"><b>', ("en",), "mara@example.org")
    for text in (
        pages.choosing(who, Look(), T0),
        pages.chosen(who, Wish.ONLY_THIS, Look(), T0),
        pages.unknown(House(bad, bad), Look()),
    ):
        assert "<script" not in text
        assert "<b>" not in text.replace("<b>English", "")
        assert "{contact}" in text


def test_a_campaign_that_is_not_known_any_more_offers_what_is_left() -> None:
    text = pages.choosing(Recipient("l", "", "", "", "", (), "mara@example.org"), Look(), T0)
    assert 'value="nothing"' in text
    assert 'value="only-this"' not in text
    assert "the sender of the e-mail" in text


# --- languages ---


def test_a_page_is_in_the_language_of_the_e_mail_unless_asked_otherwise(tmp_path: Path) -> None:
    with leaving(tmp_path, language="es") as at:
        answer = at.site.get(at.path(), Accept_Language="fr")
        assert '<html lang="en" dir="ltr">' in answer.text, "the e-mail was in English: there is no other"
        assert answer.headers["content-language"] == "en"
        answer = at.site.get(at.path() + "?lang=ar")
        assert '<html lang="ar" dir="rtl">' in answer.text
        assert '<html lang="es" dir="ltr">' in at.site.ask("POST", at.path() + "?lang=es").text
        assert '<html lang="en" dir="ltr">' in at.site.get(at.path() + "?lang=tlh").text


def test_who_comes_without_a_key_is_spoken_to_as_their_browser_says(at: Leaving) -> None:
    assert '<html lang="es"' in at.site.get("/u/x", Accept_Language="tlh, es-MX;q=0.9, en;q=0.8").text
    assert '<html lang="en"' in at.site.get("/u/x", Accept_Language="tlh, *;q=0.1").text


@pytest.mark.parametrize("language", list(pages.languages()))
def test_every_language_says_the_same_things_with_the_same_names(language: str) -> None:
    def holes(words: pages.Sections) -> dict[tuple[str, str], list[str]]:
        return {
            (head, name): sorted(re.findall(r"\{(\w*)\}", text))
            for head, section in words.items()
            if isinstance(section, dict)
            for name, text in section.items()
        }

    words = pages.languages()[language]
    assert holes(words) == holes(pages.languages()["en"])
    assert words["name"]
    assert all(
        text.strip() == text != ""
        for section in words.values()
        if isinstance(section, dict)
        for text in section.values()
    )


@pytest.mark.parametrize("language", list(pages.languages()))
def test_every_page_can_be_shown_in_every_language(at: Leaving, language: str) -> None:
    asked = f"?lang={language}"
    for choice in ("", "less-often", "only-this", "everything", "nothing", "undo"):
        answer = at.site.post(at.path() + asked, choice=choice) if choice else at.site.get(at.path() + asked)
        assert answer.status == 200
        assert f'<html lang="{language}"' in answer.text
        assert not re.search(r"\{\w+\}", answer.text.partition("</style>")[2])


@example("da, en-gb;q=0.8, en;q=0.7")
@given(st.text(max_size=600))
def test_any_accept_language_header_is_borne(header: str) -> None:
    assert all(isinstance(tag, str) for tag in _accepted(header))


def test_the_most_wanted_language_comes_first() -> None:
    assert _accepted("da;q=0.5, en-gb;q=0.8, es, fr;q=0") == ["es", "en-gb", "da"]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=400), st.sampled_from([FORM, "multipart/form-data; boundary=x", "multipart/mixed", "", "x/y; ="])
)
def test_any_body_is_borne_and_asks_for_something(body: bytes, content_type: str) -> None:
    assert _wish(body, content_type) in Wish
    assert isinstance(_fields(body, content_type), dict)
