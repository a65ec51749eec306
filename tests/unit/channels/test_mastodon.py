"""Mastodon in detail: what each answer means, and how a server's HTML is read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.channels.mastodon_timeline import fold, plain
from campaign.model.batch import PostBatch, PostPart
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.sandbox.mastodon_html import formatted
from campaign.sandbox.server import Sandbox
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ME = {"id": "42", "username": "national", "acct": "national"}
INSTANCE = {"domain": "social.example.org", "configuration": {"statuses": {"max_characters": 5000}}}


@contextmanager
def channel(url: str) -> Iterator[Mastodon]:
    mastodon = Mastodon({"national": MastodonCredentials("tok")}, base_url=url, timeout_s=10)
    try:
        yield mastodon
    finally:
        mastodon.close()


def batch(*texts: str, sent: tuple[str, ...] = (), **more: Any) -> PostBatch:
    parts = [PostPart(seq, f"key{seq}", text) for seq, text in enumerate(texts)]
    return PostBatch(id=1, account="national", parts=parts, made_at=NOW, sent=sent, **more)


def answered(answer: Answer) -> Outcome:
    with answering(lambda _: answer) as server, channel(server.url) as mastodon:
        (outcome,) = mastodon.deliver(batch("Stop."), mastodon.compose(batch("Stop.")))
        return outcome


def status(content: str, number: str = "100", *, minutes: int = 0, reply_to: str | None = None) -> dict[str, Any]:
    at = (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", ".000Z")
    url = f"https://social.example.org/@national/{number}"
    return {"id": number, "url": url, "created_at": at, "content": content, "in_reply_to_id": reply_to}


def settled(pages: list[list[dict[str, Any]]], *texts: str) -> list[object]:
    """What settling makes of a server whose pages are these, and empty after the last."""
    left = iter(pages)

    def answer(asked: Asked) -> Answer:
        if "verify_credentials" in asked.path:
            return Answer(200, ME)
        if "instance" in asked.path:
            return Answer(200, INSTANCE)
        return Answer(200, next(left, []))

    with answering(answer) as server, channel(server.url) as mastodon:
        return list(mastodon.settle(batch(*texts), mastodon.compose(batch(*texts))))


def test_a_post_goes_with_its_key_language_warning_and_visibility() -> None:
    with answering(lambda _: Answer(200, status("<p>Stop.</p>"))) as server, channel(server.url) as mastodon:
        posts = batch("Stop.", sent=("7",), language="es", warning="politics", visibility="unlisted")
        mastodon.deliver(posts, mastodon.compose(posts))
    (asked,) = server.asked
    assert asked.headers["idempotency-key"] == "key0"
    assert asked.headers["authorization"] == "Bearer tok"
    assert {name: value for name, (value,) in parse_qs(asked.body.decode()).items()} == {
        "status": "Stop.",
        "in_reply_to_id": "7",
        "visibility": "unlisted",
        "language": "es",
        "spoiler_text": "politics",
        "sensitive": "0",
    }


def test_shown_is_the_text_with_its_warning() -> None:
    mastodon = Mastodon({})
    shown = mastodon.shows(mastodon.compose(batch("Stop.", warning="politics")), 0)
    assert (shown.text, shown.subject) == ("Stop.", "politics")


@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_defer_the_account(code: int) -> None:
    outcome = answered(Answer(code, {"error": "This action is outside the authorized scopes"}))
    assert isinstance(outcome, Deferred)
    assert outcome.scope == "account"
    assert "authorized scopes" in outcome.reason


@pytest.mark.parametrize("code", [404, 410, 413, 422])
def test_what_the_server_will_not_have_is_refused(code: int) -> None:
    outcome = answered(Answer(code, {"error": "Validation failed: Text can't be blank"}))
    assert isinstance(outcome, Refused)
    assert "can't be blank" in outcome.reason


@pytest.mark.parametrize("code", [500, 502, 504, 408])
def test_a_server_error_is_a_doubt(code: int) -> None:
    assert isinstance(answered(Answer(code, b"<html>oh</html>")), InDoubt)


@pytest.mark.parametrize(
    ("reset", "until"),
    [
        ("2026-03-09T13:05:00.000000Z", NOW + timedelta(minutes=5)),
        ("2026-03-09T14:05:00+01:00", NOW + timedelta(minutes=5)),
        (str(int(NOW.timestamp())), NOW),
        ("soon", None),
        ("2026-03-09T13:05:00", None),
        ("9" * 40, None),
        ("", None),
    ],
)
def test_a_rate_limit_names_its_reset_in_iso_8601_or_not_at_all(reset: str, until: datetime | None) -> None:
    outcome = answered(Answer(429, {"error": "Too many requests"}, {"X-RateLimit-Reset": reset} if reset else {}))
    assert outcome == Deferred("the server's rate limit is reached", until=until, scope="account")


def test_a_post_that_was_taken_is_no_rate_limit_for_a_header_that_cannot_be_read() -> None:
    outcome = answered(Answer(200, status("<p>Stop.</p>"), {"X-RateLimit-Reset": "soon"}))
    assert isinstance(outcome, Accepted | InDoubt)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"17", b'"x"', b"{}", b'{"error":7}', b"\xff"])
@pytest.mark.parametrize("code", [200, 302, 400, 401, 429, 500, 503])
def test_no_answer_makes_it_raise(code: int, body: bytes) -> None:
    assert not isinstance(answered(Answer(code, body)), Accepted)
    with answering(lambda _: Answer(code, body)) as server, channel(server.url) as mastodon:
        (doubt,) = mastodon.settle(batch("Stop."), mastodon.compose(batch("Stop.")))
        assert isinstance(doubt, InDoubt)


def test_a_redirect_is_not_followed() -> None:
    with answering(lambda _: Answer(200, status("<p>Stop.</p>"))) as elsewhere:
        outcome = answered(Answer(302, {}, {"Location": elsewhere.url}))
        assert not isinstance(outcome, Accepted)
        assert elsewhere.asked == []


def test_every_account_may_have_a_server_of_its_own() -> None:
    with Sandbox(accounts={"mastodon": {"chapter": "tok"}}, now=NOW) as sandbox:
        mastodon = Mastodon(
            {"chapter": MastodonCredentials("tok", sandbox.urls["mastodon"] + "/")}, base_url="http://127.0.0.1:9"
        )
        (standing,) = mastodon.check()
        mastodon.close()
    assert standing.who == "@chapter@social.example.org"
    assert "500 characters" in standing.detail


def test_pages_are_read_until_one_is_older_than_the_wave() -> None:
    pages = [[status("<p>New</p>", "300")], [status("<p>Stop.</p>", "200")], [status("<p>Old</p>", "100", minutes=-9)]]
    (found,) = settled(pages, "Stop.")
    assert isinstance(found, Accepted)
    assert found.ref == "200"


def test_a_short_page_is_not_taken_for_the_last() -> None:
    (found,) = settled([[status("<p>New</p>", "300")], [status("<p>Stop.</p>", "200")]], "Stop.")
    assert isinstance(found, Accepted)


def test_pages_without_end_leave_the_doubt() -> None:
    assert [type(one) for one in settled([[status("<p>New</p>")]] * 50, "One", "Two")] == [InDoubt, InDoubt]


def test_the_same_text_from_before_the_wave_is_not_ours() -> None:
    (found,) = settled([[status("<p>Stop.</p>", minutes=-2)]], "Stop.")
    assert isinstance(found, NotSent)


def test_the_same_text_as_a_reply_is_not_ours() -> None:
    (found,) = settled([[status("<p>Stop.</p>", reply_to="5")]], "Stop.")
    assert isinstance(found, NotSent)


def test_older_pages_are_asked_for_by_the_last_id() -> None:
    asked_for: list[str] = []

    def answer(asked: Asked) -> Answer:
        if "verify_credentials" in asked.path:
            return Answer(200, ME)
        if "instance" in asked.path:
            return Answer(200, INSTANCE)
        asked_for.append(parse_qs(urlsplit(asked.path).query).get("max_id", [""])[0])
        return Answer(200, [status("<p>New</p>", "300")] if len(asked_for) == 1 else [])

    with answering(answer) as server, channel(server.url) as mastodon:
        mastodon.settle(batch("Stop."), mastodon.compose(batch("Stop.")))
    assert asked_for == ["", "300"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>One</p><p>Two<br />Three</p>", "One Two Three"),
        ("<p>R&amp;D &lt;b&gt; &quot;x&quot; &#39;y&#39;</p>", "R&D <b> \"x\" 'y'"),
        (
            '<a href="https://example.org/a?b=1&amp;c=2"><i>https://</i><i>example.org/a?</i><i>b=1&amp;c=2</i></a>',
            "https://example.org/a?b=1&c=2",
        ),
        ('<a href="https://example.org/long/path" rel="x">example.org/lo…</a>', "https://example.org/long/path"),
        ('<a href="https://s.example.org/tags/a" class="mention hashtag">#<span>Rights</span></a>', "#Rights"),
        ('<a href="https://s.example.org/@a" class="u-url mention">@<span>a</span></a>', "@a@s.example.org"),
        ("Stop.", "Stop."),
    ],
)
def test_what_a_server_shows_is_read_as_it_was_written(content: str, text: str) -> None:
    assert fold(plain(content)) == fold(text)


@given(text=st.text(alphabet=st.sampled_from("ab é#&<>\"'./:@\n-_日👨"), max_size=80))
def test_any_text_survives_the_servers_html(text: str) -> None:
    assert fold(plain(formatted(text, "https://social.example.org"))) == fold(text)
