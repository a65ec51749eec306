"""X in detail: what each answer means, what is signed, and how a timeline is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from oauthlib.oauth1.rfc5849.signature import verify_hmac_sha1  # type: ignore[import-untyped]  # ships no types

from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.channels.x_timeline import Seen, find, fold
from campaign.model.batch import PostBatch, PostPart
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.unit.channels.answering import Answer, Answering, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ME = Answer(200, {"data": {"id": "42", "name": "National", "username": "national"}})
DUPLICATE = {
    "detail": "You are not allowed to create a Tweet with duplicate content.",
    "type": "about:blank",
    "title": "Forbidden",
    "status": 403,
}


@contextmanager
def channel(url: str) -> Iterator[X]:
    x = X({"national": XCredentials("ck", "cs", "tok", "ts")}, base_url=url, timeout_s=10)
    try:
        yield x
    finally:
        x.close()


def batch(*texts: str, sent: tuple[str, ...] = ()) -> PostBatch:
    parts = [PostPart(seq, f"key{seq}", text) for seq, text in enumerate(texts)]
    return PostBatch(id=1, account="national", parts=parts, made_at=NOW, sent=sent)


def answered(answer: Answer) -> Outcome:
    """What the channel makes of an answer to a post."""
    with answering(lambda _: answer) as server, channel(server.url) as x:
        (outcome,) = x.deliver(batch("Stop."), x.compose(batch("Stop.")))
        return outcome


def timeline(posts: list[dict[str, Any]], *, post: Answer | None = None, old: bool = False) -> Any:
    """A server with a timeline; ``old`` knows only the names of before."""

    def answer(asked: Asked) -> Answer:
        if asked.method == "POST":
            return post or Answer(500)
        if asked.path.startswith("/2/users/me"):
            return ME
        if old and "post.fields" in asked.path:
            return Answer(400, {"errors": [{"message": "The query parameter [post.fields] is not one of [id]"}]})
        return Answer(200, {"data": posts, "meta": {"result_count": len(posts)}})

    return answering(answer)


def seen(text: str, number: str = "100", *, minutes: int = 0, **more: Any) -> dict[str, Any]:
    at = (NOW + timedelta(minutes=minutes)).isoformat().replace("+00:00", ".000Z")
    return {"id": number, "text": text, "created_at": at, **more}


def test_spent_credit_defers_the_whole_channel() -> None:
    outcome = answered(Answer(402, {"title": "CreditsDepleted", "detail": "no credits"}))
    assert isinstance(outcome, Deferred)
    assert outcome.scope == "channel"
    assert "credit" in outcome.reason


@pytest.mark.parametrize("kind", ["oauth1-permissions", "client-forbidden"])
def test_what_the_app_may_not_do_defers_the_account(kind: str) -> None:
    outcome = answered(Answer(403, {"type": f"https://api.twitter.com/2/problems/{kind}", "detail": "not permitted"}))
    assert isinstance(outcome, Deferred)
    assert outcome.scope == "account"


def test_any_other_403_is_refused_with_what_x_says() -> None:
    outcome = answered(Answer(403, {"detail": "You cannot reply here.", "title": "Forbidden", "status": 403}))
    assert isinstance(outcome, Refused)
    assert "You cannot reply here." in outcome.reason
    assert not outcome.whole


@pytest.mark.parametrize("status", [500, 502, 504, 408])
def test_a_server_error_is_a_doubt(status: int) -> None:
    assert isinstance(answered(Answer(status, b"<html>oh</html>")), InDoubt)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{}", b'{"data":{}}', b'{"data":null}', b"\xff"])
def test_a_success_without_an_id_is_a_doubt(body: bytes) -> None:
    assert isinstance(answered(Answer(201, body)), InDoubt)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"17", b"null", b'{"errors":7}', b'{"errors":["x"]}'])
@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_no_error_body_makes_it_raise(status: int, body: bytes) -> None:
    assert not isinstance(answered(Answer(status, body)), Accepted)


@pytest.mark.parametrize("reset", ["", "soon", "9" * 30, "-1e400"])
def test_a_rate_limit_without_a_usable_reset_defers_with_no_instant(reset: str) -> None:
    outcome = answered(Answer(429, {}, {"x-rate-limit-reset": reset} if reset else {}))
    # tweepy reads the header itself and stumbles over one that is no number.
    assert isinstance(outcome, Deferred | InDoubt)
    assert not isinstance(outcome, Deferred) or outcome.until is None


def test_a_rate_limit_names_its_reset_in_utc() -> None:
    outcome = answered(Answer(429, {}, {"x-rate-limit-reset": str(int(NOW.timestamp()))}))
    assert outcome == Deferred("X's rate limit is reached", until=NOW, scope="account")


def test_a_redirect_is_not_followed() -> None:
    with answering(lambda _: Answer(200, {"data": {"id": "1"}})) as elsewhere:
        outcome = answered(Answer(302, {}, {"Location": elsewhere.url}))
        assert not isinstance(outcome, Accepted)
        assert elsewhere.asked == []


def _signature_holds(server: Answering, asked: Asked) -> bool:
    head = dict(re.findall(r'(\w+)="([^"]*)"', asked.headers["authorization"]))

    class Request:
        http_method = asked.method
        uri = server.url + asked.path
        params = [(name, unquote(value)) for name, value in head.items() if name != "oauth_signature"] + [
            (name, value) for name, values in parse_qs(urlsplit(asked.path).query).items() for value in values
        ]
        signature = unquote(head["oauth_signature"])

    return bool(verify_hmac_sha1(Request, "cs", "ts"))


def test_what_is_signed_is_the_address_that_is_called() -> None:
    with timeline([], post=Answer(201, {"data": {"id": "7"}})) as server, channel(server.url) as x:
        x.deliver(batch("Stop."), x.compose(batch("Stop.")))
        x.settle(batch("Stop."), x.compose(batch("Stop.")))
        assert [asked.method for asked in server.asked] == ["POST", "GET", "GET"]
        assert all(_signature_holds(server, asked) for asked in server.asked)


def test_a_timeline_in_the_names_of_before_is_read_as_well() -> None:
    posts = [
        seen("Two", "101", referenced_tweets=[{"type": "replied_to", "id": "100"}]),
        seen("One", "100"),
    ]
    with timeline(posts, old=True) as server, channel(server.url) as x:
        settled = x.settle(batch("One", "Two"), x.compose(batch("One", "Two")))
    assert [one.ref for one in settled if isinstance(one, Accepted)] == ["100", "101"]
    assert "tweet.fields" in server.asked[-1].path


def test_a_timeline_is_asked_for_from_a_minute_before_the_waves_instant() -> None:
    with timeline([]) as server, channel(server.url) as x:
        x.settle(batch("One"), x.compose(batch("One")))
    (asked,) = (parse_qs(urlsplit(asked.path).query) for asked in server.asked if "tweets" in asked.path)
    assert asked["start_time"] == ["2026-03-09T12:59:00Z"]


def test_every_page_of_a_timeline_is_read() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/2/users/me"):
            return ME
        if "pagination_token=next" in asked.path:
            return Answer(200, {"data": [seen("One", "100")], "meta": {}})
        return Answer(200, {"data": [seen("Another", "200")], "meta": {"next_token": "next"}})

    with answering(answer) as server, channel(server.url) as x:
        (settled,) = x.settle(batch("One"), x.compose(batch("One")))
    assert isinstance(settled, Accepted)


def test_a_timeline_without_end_leaves_the_doubt() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.startswith("/2/users/me"):
            return ME
        return Answer(200, {"data": [seen("Another", "200")], "meta": {"next_token": "next"}})

    with answering(answer) as server, channel(server.url) as x:
        settled = x.settle(batch("One", "Two"), x.compose(batch("One", "Two")))
    assert [type(one) for one in settled] == [InDoubt, InDoubt]


@pytest.mark.parametrize("body", [b"[]", b"<html>", b'{"data":[{}]}', b'{"data":7}', b'{"data":[{"id":1,"text":"x"}]}'])
def test_a_timeline_that_cannot_be_read_leaves_the_doubt(body: bytes) -> None:
    with answering(lambda asked: ME if "me" in asked.path else Answer(200, body)) as server, channel(server.url) as x:
        (settled,) = x.settle(batch("One"), x.compose(batch("One")))
    assert isinstance(settled, InDoubt), "taken for an empty timeline it would be posted again"


def test_a_duplicate_that_is_ours_is_accepted() -> None:
    with timeline([seen("Stop.", "77")], post=Answer(403, DUPLICATE)) as server, channel(server.url) as x:
        (outcome,) = x.deliver(batch("Stop."), x.compose(batch("Stop.")))
    assert isinstance(outcome, Accepted)
    assert outcome.ref == "77"


def test_a_duplicate_of_an_older_post_is_refused_and_says_where_it_is() -> None:
    with timeline([seen("Stop.", "77", minutes=-90)], post=Answer(403, DUPLICATE)) as server, channel(server.url) as x:
        (outcome,) = x.deliver(batch("Stop."), x.compose(batch("Stop.")))
    assert isinstance(outcome, Refused)
    assert "77" in outcome.reason


@pytest.mark.parametrize("posts", [[], [{"unreadable": True}]])
def test_a_duplicate_that_is_nowhere_to_be_seen_is_a_doubt(posts: list[dict[str, Any]]) -> None:
    with timeline(posts, post=Answer(403, DUPLICATE)) as server, channel(server.url) as x:
        (outcome,) = x.deliver(batch("Stop."), x.compose(batch("Stop.")))
    assert outcome == InDoubt("X says it already has this text")


def test_the_same_text_as_a_reply_to_somebody_else_is_not_ours() -> None:
    posts = [seen("Stop.", "77", referenced_posts=[{"type": "replied_to", "id": "5"}])]
    with timeline(posts) as server, channel(server.url) as x:
        (settled,) = x.settle(batch("Stop."), x.compose(batch("Stop.")))
    assert isinstance(settled, NotSent)


def test_links_pictures_and_signs_come_back_as_they_were_written() -> None:
    post = {
        "id": "1",
        "text": "A &amp; B &lt; C https://t.co/aaaaaaaaaa &amp;amp; https://t.co/bbbbbbbbbb",
        "created_at": "2026-03-09T13:00:00.000Z",
        "entities": {
            "urls": [
                {"url": "https://t.co/aaaaaaaaaa", "expanded_url": "https://example.org/?a=1&copy=2"},
                {"url": "https://t.co/bbbbbbbbbb", "expanded_url": "https://x.com/p/1", "media_key": "3_1"},
            ]
        },
    }
    assert Seen.read(post).text == fold("A & B < C https://example.org/?a=1&copy=2 &amp;")


@pytest.mark.parametrize(
    "named",
    [
        {"media_key": "3_2", "expanded_url": "https://x.com/national/status/1/photo/1"},
        {"expanded_url": "https://twitter.com/national/status/1/video/1"},
        {"display_url": "pic.x.com/aaaaaaaaaa"},
        {"display_url": "pic.twitter.com/aaaaaaaaaa", "expanded_url": None},
    ],
)
def test_the_link_to_its_own_pictures_is_no_part_of_a_text(named: dict[str, Any]) -> None:
    urls = [{"url": "https://t.co/aaaaaaaaaa", **named}] * 2
    assert Seen.read(seen("Stop. https://t.co/aaaaaaaaaa", "1", entities={"urls": urls})).text == "Stop."


def test_a_link_to_the_picture_of_another_post_stays_what_somebody_wrote() -> None:
    where = "https://x.com/someone/status/77/photo/1"
    urls = [{"url": "https://t.co/aaaaaaaaaa", "expanded_url": where, "media_key": "3_7"}]
    post = Seen.read(seen("See https://t.co/aaaaaaaaaa", "1", entities={"urls": urls}))
    assert post.text == fold(f"See {where}")


def test_a_long_text_that_the_timeline_cuts_is_found() -> None:
    text = "word " * 54 + "end."
    cut = Seen.read(seen(text[:250] + "…"))
    assert find([cut], text, None) == cut
    assert find([Seen.read(seen("word…"))], "word and more", None) is None


def test_tokens_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with timeline([], post=Answer(201, {"data": {"id": "7"}})) as server, channel(server.url) as x:
        x.deliver(batch("Stop."), x.compose(batch("Stop.")))
    assert "oauth_token" not in caplog.text
    assert "Stop." not in caplog.text


def test_who_the_account_is_is_asked_once() -> None:
    with timeline([]) as server, channel(server.url) as x:
        for _ in range(3):
            x.settle(batch("One"), x.compose(batch("One")))
    assert len([asked for asked in server.asked if asked.path.startswith("/2/users/me")]) == 1


def test_a_connection_is_kept() -> None:
    with Sandbox(accounts={"x": {"national": "tok"}}, now=NOW) as sandbox, channel(sandbox.urls["x"]) as x:
        sandbox.world.faults.ask("x", Fault.DROP_REPLY, times=1)
        (outcome,) = x.deliver(batch("One"), x.compose(batch("One")))
        assert isinstance(outcome, InDoubt)
        (outcome,) = x.deliver(batch("Two"), x.compose(batch("Two")))
        assert isinstance(outcome, Accepted)
