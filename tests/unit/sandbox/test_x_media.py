"""X's stand-in takes pictures and videos by X's rules, and renews tokens once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3
from openapi_schema_validator import OAS30Validator

from campaign.sandbox.server import Sandbox
from campaign.sandbox.x_logins import first_refresh
from tests.pictures import gif, png

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"x": {"national": "tok", "chapter-west": "tok-west"}}
VIDEO = b"\0\0\0\x18ftypisom" + b"moves" * 100


class Client:
    """Calls the stand-in as an account does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.bearer = "tok"
        self._pool = urllib3.PoolManager(retries=False)

    def call(self, method: str, path: str, body: Any = None, **form: Any) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        url = self.sandbox.urls["x"] + path
        if form:
            return self._pool.request(method, url, fields=form, headers=headers)
        sent = orjson.dumps(body) if body is not None else None
        return self._pool.request(method, url, body=sent, headers={**headers, "Content-Type": "application/json"})

    def picture(self, body: bytes = b"", **form: Any) -> urllib3.BaseHTTPResponse:
        media = {"media": ("media", body or png(), "application/octet-stream"), "media_category": "tweet_image"}
        return self.call("POST", "/2/media/upload", **{**media, **form})

    def begun(self, body: bytes, kind: str = "image/gif", category: str = "tweet_gif") -> str:
        asked = {"media_type": kind, "media_category": category, "total_bytes": len(body)}
        return str(self.call("POST", "/2/media/upload/initialize", asked).json()["data"]["id"])

    def piece(self, number: str, index: object, body: bytes) -> urllib3.BaseHTTPResponse:
        piece = ("media", body, "application/octet-stream")
        return self.call("POST", f"/2/media/upload/{number}/append", media=piece, segment_index=str(index))

    def finished(self, number: str) -> urllib3.BaseHTTPResponse:
        return self.call("POST", f"/2/media/upload/{number}/finalize")

    def status(self, number: str) -> str:
        told = self.call("GET", f"/2/media/upload?command=STATUS&media_id={number}").json()
        return str(told["data"]["processing_info"]["state"])

    def post(self, text: str, *media: str) -> urllib3.BaseHTTPResponse:
        shows = {"media": {"media_ids": list(media)}} if media else {}
        return self.call("POST", "/2/tweets", {"text": text, **shows})

    def renew(self, refresh: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request_encode_body(
            "POST",
            self.sandbox.urls["x"] + "/2/oauth2/token",
            fields={"grant_type": "refresh_token", "refresh_token": refresh, "client_id": "c"},
            encode_multipart=False,
        )

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def x() -> Iterator[Client]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def number_of(reply: urllib3.BaseHTTPResponse) -> str:
    assert reply.status == 200, reply.data
    return str(reply.json()["data"]["id"])


def test_a_picture_that_was_uploaded_can_be_shown(x: Client) -> None:
    number = number_of(x.picture())
    described = {"id": number, "metadata": {"alt_text": {"text": "A crowd"}}}
    assert x.call("POST", "/2/media/metadata", described).status == 200
    assert x.post("Look.", number).status == 201
    assert [one["alt"] for one in next(iter(x.sandbox.taken("x")))["media"]] == ["A crowd"]


@pytest.mark.parametrize(
    "form",
    [{"media_category": "tweet_video"}, {"media_category": "dog"}, {"more": "x"}, {"media": b"%PDF"}, {"media": VIDEO}],
)
def test_what_is_no_picture_is_not_taken(x: Client, form: dict[str, Any]) -> None:
    assert x.picture(**form).status == 400


def test_what_moves_can_be_shown_once_x_is_done_with_it(x: Client) -> None:
    body = gif(3)
    number = x.begun(body)
    assert x.piece(number, 0, body[:100]).status == 200
    assert x.piece(number, 1, body[100:]).status == 200
    assert x.finished(number).json()["data"]["processing_info"]["state"] == "pending"
    assert x.post("Too early", number).status == 400
    assert [x.status(number) for _ in range(3)] == ["in_progress", "succeeded", "succeeded"]
    assert x.post("Look.", number).status == 201


def test_pieces_must_add_up(x: Client) -> None:
    number = x.begun(gif(3))
    x.piece(number, 0, gif(3)[:100])
    assert x.finished(number).status == 400
    assert x.piece(number, 1_000, b"x").status == 400
    assert x.piece(number, "first", b"x").status == 400


@pytest.mark.parametrize(
    "asked",
    [
        {"media_type": "image/gif", "media_category": "tweet_video", "total_bytes": 9},
        {"media_type": "video/mp4", "media_category": "tweet_video", "total_bytes": 0},
        {"media_type": "image/gif", "media_category": "tweet_gif", "total_bytes": 99_999_999},
        {"media_type": "image/gif", "media_category": "tweet_gif", "total_bytes": 9, "command": "INIT"},
    ],
)
def test_an_upload_that_x_would_not_begin_is_not_begun(x: Client, asked: dict[str, Any]) -> None:
    assert x.call("POST", "/2/media/upload/initialize", asked).status == 400


def test_uploads_belong_to_their_account_and_end_after_a_day(x: Client) -> None:
    number = number_of(x.picture())
    x.bearer = "tok-west"
    assert x.post("Not mine", number).json()["errors"][0]["message"] == "Your media IDs are invalid."
    x.bearer = "tok"
    x.sandbox.world.set_now(NOW + timedelta(hours=1, minutes=59))
    assert x.post("Still there", number).status == 201
    x.sandbox.world.set_now(NOW + timedelta(hours=24))
    x.bearer = str(x.renew(first_refresh("tok")).json()["access_token"])
    assert x.post("Gone", number).status == 400


def test_a_post_shows_four_pictures_or_one_thing_that_moves(x: Client) -> None:
    pictures = [number_of(x.picture()) for _ in range(5)]
    moving = x.begun(VIDEO, "video/mp4", "tweet_video")
    x.piece(moving, 0, VIDEO)
    x.finished(moving)
    while x.status(moving) != "succeeded":
        pass
    assert x.post("Five", *pictures).status == 400
    assert x.post("Mixed", pictures[0], moving).status == 400
    assert x.post("Four", *pictures[:4]).status == 201
    assert x.post("One that moves", moving).status == 201


def test_a_timeline_shows_one_link_for_all_pictures_behind_the_text(x: Client) -> None:
    pictures = [number_of(x.picture()) for _ in range(2)]
    made = x.post("Look: https://example.org/a", *pictures).json()["data"]["id"]
    me = x.call("GET", "/2/users/me").json()["data"]["id"]
    (post,) = x.call("GET", f"/2/users/{me}/tweets?post.fields=entities,text").json()["data"]
    written, *own = post["entities"]["urls"]
    assert post["text"] == f"Look: {written['url']} {own[0]['url']}"
    assert [one["media_key"] for one in own] == [f"3_{number}" for number in pictures]
    assert {(one["start"], one["end"], one["url"]) for one in own} == {(own[0]["start"], own[0]["end"], own[0]["url"])}
    assert post["text"][own[0]["start"] : own[0]["end"]] == own[0]["url"]
    assert own[0]["expanded_url"] == f"https://x.com/national/status/{made}/photo/1"


def test_figures_are_told_of_what_stands(x: Client) -> None:
    standing, gone = (x.post(text).json()["data"]["id"] for text in ("One", "Two"))
    x.call("DELETE", f"/2/tweets/{gone}")
    x.sandbox.world.set_now(NOW + timedelta(minutes=90))
    told = x.call("GET", f"/2/tweets?ids={standing},{gone}&post.fields=public_metrics").json()
    assert [post["id"] for post in told["data"]] == [standing]
    assert told["data"][0]["public_metrics"]["like_count"] > 0
    assert len(told["errors"]) == 1


def test_a_refresh_token_is_good_for_once_and_a_second_use_logs_the_account_out(x: Client) -> None:
    first = x.renew(first_refresh("tok")).json()
    assert x.post("With the old token").status == 401
    x.bearer = first["access_token"]
    assert x.post("With the new one").status == 201
    assert x.renew(first_refresh("tok")).status == 400
    assert x.post("Logged out").status == 401
    assert x.renew(first["refresh_token"]).status == 400


def test_an_access_token_ends_after_two_hours(x: Client) -> None:
    x.sandbox.world.set_now(NOW + timedelta(hours=2))
    assert x.post("Too late").status == 401
    x.bearer = x.renew(first_refresh("tok")).json()["access_token"]
    assert x.post("Renewed").status == 201


@pytest.mark.parametrize("form", [{"grant_type": "password"}, {"client_id": ""}, {"refresh_token": "x"}])
def test_what_is_no_renewal_is_refused(x: Client, form: dict[str, str]) -> None:
    whole = {"grant_type": "refresh_token", "refresh_token": first_refresh("tok"), "client_id": "c", **form}
    url = x.sandbox.urls["x"] + "/2/oauth2/token"
    with urllib3.PoolManager(retries=False) as pool:
        reply = pool.request_encode_body("POST", url, fields=whole, encode_multipart=False)
    assert reply.status in (400, 401)
    assert x.post("Nothing has changed").status == 201


def test_it_knows_uploads_and_logins_after_it_was_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        client = Client(before)
        number = number_of(client.picture())
        token = client.renew(first_refresh("tok")).json()["access_token"]
        client.close()
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        client = Client(after)
        assert client.post("With the old token").status == 401
        client.bearer = token
        assert client.post("Look.", number).status == 201
        assert number_of(client.picture()) != number
        client.close()


@pytest.mark.parametrize(("barred", "status"), [("x credit", 402), ("x replies", 403)])
def test_what_is_barred_is_refused_until_it_is_not(x: Client, barred: str, status: int) -> None:
    parent = x.post("One").json()["data"]["id"]
    reply = {"text": "Two", "reply": {"in_reply_to_tweet_id": parent}}
    x.sandbox.world.barred.add(barred)
    assert x.call("POST", "/2/tweets", reply).status == status
    x.sandbox.world.barred.clear()
    assert x.call("POST", "/2/tweets", reply).status == 201


def test_its_answers_are_what_the_specification_describes(x: Client, shared: Path) -> None:
    specification = json.loads((shared / "specs" / "x_api_v2_openapi.json").read_text())
    schemas = {"components": {"schemas": specification["components"]["schemas"]}}
    body = gif(3)
    picture = x.picture()
    number = x.begun(body)
    begun = x.call(
        "POST",
        "/2/media/upload/initialize",
        {"media_type": "image/gif", "total_bytes": 9} | {"media_category": "tweet_gif"},
    )
    asked = {"id": number_of(picture), "metadata": {"alt_text": {"text": "A crowd"}}}
    made = x.post("One", number_of(picture)).json()["data"]["id"]
    answers = {
        "MediaUploadResponse": picture,
        "InitializeMediaUploadResponse": begun,
        "AppendMediaUploadResponse": x.piece(number, 0, body),
        "FinalizeMediaUploadResponse": x.finished(number),
        "GetMediaUploadStatusResponse": x.call("GET", f"/2/media/upload?command=STATUS&media_id={number}"),
        "CreateMediaMetadataResponse": x.call("POST", "/2/media/metadata", asked),
        "GetPostsByIdsResponse": x.call("GET", f"/2/tweets?ids={made}&post.fields=public_metrics,entities,attachments"),
    }
    for name, answer in answers.items():
        assert answer.status == 200, answer.data
        OAS30Validator({**schemas, "$ref": f"#/components/schemas/{name}"}).validate(answer.json())
