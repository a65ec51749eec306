"""The rules that requests to X are held to can be broken, and every request is heard."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.model.outcome import Accepted
from campaign.sandbox.server import Sandbox
from tests.conftest import HEARD_BY_X
from tests.networks import batch, deliver, showing
from tests.pictures import gif, png
from tests.specified import Request
from tests.specified_x import Specification, journalled, specification

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
JSON = "application/json"
FORM = "multipart/form-data; boundary=b"


@pytest.fixture
def rules(shared: Path) -> Specification:
    found = specification(shared)
    if found is None:
        pytest.skip("X's specification is not in the shared folder: requests to X are held to nothing here")
    return found


def form(**fields: str) -> bytes:
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    return "".join((*parts, "--b--\r\n")).encode()


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/2/tweets", b'{"text": "Stop.", "media": {"media_ids": ["1"]}}', JSON),
        Request("GET", "/2/tweets?ids=1,2&post.fields=public_metrics"),
        Request("GET", "/2/tweets?ids=1&tweet.fields=public_metrics"),
        Request("DELETE", "/2/tweets/1"),
        Request("POST", "/2/media/upload", form(media="x", media_category="tweet_image"), FORM),
        Request("POST", "/2/media/upload/1/append", form(media="x", segment_index="0"), FORM),
        Request("POST", "/2/oauth2/token", b"grant_type=refresh_token&refresh_token=r&client_id=c"),
    ],
    ids=lambda request: f"{request.method} {request.path}",
)
def test_what_is_specified_is_not_wrong(rules: Specification, request_: Request) -> None:
    assert rules.wrong(request_) == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Request("POST", "/2/tweets", b'{"text": "Stop.", "txt": ""}', JSON), "additionalProperties"),
        (Request("POST", "/2/tweets", b'{"text": 7}', JSON), "body.text: type"),
        (Request("POST", "/2/tweets", b'{"media": {"media_ids": ["a"]}}', JSON), "body.media.media_ids.0: pattern"),
        (Request("POST", "/2/tweets", b"{", JSON), "is no application/json"),
        (Request("POST", "/2/tweets", b"text=Stop", "text/plain"), "text/plain is not specified"),
        (Request("PUT", "/2/tweets", b"{}", JSON), "is not specified"),
        (Request("POST", "/2/statuses", b"{}", JSON), "is not specified"),
        (Request("DELETE", "/2/tweets/1", b"{}", JSON), "has a body"),
        (Request("GET", "/2/tweets"), "the parameter ids is missing"),
        (Request("GET", "/2/tweets?ids=1&post.field=text"), "the parameter post.field is not known"),
        (Request("GET", "/2/tweets?ids=1&post.fields=likes"), "post.fields.0: enum"),
        (
            Request("POST", "/2/media/upload", form(media="x", media_category="picture"), FORM),
            "body.media_category: enum",
        ),
        (Request("POST", "/2/media/upload", form(media_category="tweet_image"), FORM), "required"),
        (Request("POST", "/2/media/upload/1/append", form(media="x", segment_index="first"), FORM), "type"),
        (Request("POST", "/2/oauth2/token", b"client_secret=s"), "client_secret is not known"),
    ],
)
def test_what_is_not_specified_is_wrong(rules: Specification, request_: Request, why: str) -> None:
    assert why in "\n".join(rules.wrong(request_))


def test_every_request_to_x_is_heard_with_its_body() -> None:
    HEARD_BY_X.take()
    posts = showing(batch("Look."), png())
    moving = showing(batch("It moves.", wave=8), gif(3))
    with Sandbox(accounts={"x": {"national": "tok"}}, now=NOW) as sandbox:
        x = X({"national": XCredentials("ck", "cs", "tok", "ts")}, base_url=sandbox.urls["x"], wait=lambda _: None)
        (first,), (second,) = deliver(x, posts), deliver(x, moving)
        assert isinstance(first, Accepted)
        assert isinstance(second, Accepted)
        x.metrics("national", [str(first.ref)])
        x.settle(posts, x.compose(posts))
        x.retract("national", str(first.ref))
        x.close()
    heard = HEARD_BY_X.take()
    assert [f"{one.method} {urlsplit(one.path).path}".replace(str(first.ref), "N") for one in heard][:3] == [
        "POST /2/media/upload",
        "POST /2/media/metadata",
        "POST /2/tweets",
    ]
    ends = {urlsplit(one.path).path.rpartition("/")[2] for one in heard}
    assert ends >= {"initialize", "append", "finalize", "tweets"}
    assert json.loads(heard[2].body)["text"] == "Look."


def test_posts_of_programs_of_their_own_are_in_their_journals(rules: Specification, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "taken.jsonl", accounts={"x": {"national": "tok"}}, now=NOW) as sandbox:
        x = X({"national": XCredentials("ck", "cs", "tok", "ts")}, base_url=sandbox.urls["x"])
        deliver(x, batch("One", "Two"))
        x.close()
    found = list(journalled(tmp_path))
    assert [json.loads(one.body)["text"] for one in found] == ["One", "Two"]
    assert [wrong for one in found for wrong in rules.wrong(one)] == []
