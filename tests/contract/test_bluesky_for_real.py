"""Bluesky's channel with all that a post can have, against the real server and the stand-in alike."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3

from campaign.channels.bluesky import Bluesky, BlueskyCredentials
from campaign.channels.bluesky_media import blobs
from campaign.channels.bluesky_records import content_id
from campaign.errors import ChannelUnusable
from campaign.model.batch import PostBatch, PostPart
from campaign.model.delivery import Keys
from campaign.model.media import LinkCard, Media, Metrics, PartMedia
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.ports.channel import Standing
from campaign.rendering import videos
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.pictures import box, mp4
from tests.real_pds import POST, FaultyProxy, RealPds

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
KEYS = Keys(b"the secret of this suite")
ACCOUNTS = {"national": "s3cret-of-national", "chapter-west": "s3cret-of-west"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6364f8cf500f00038601805a347d6b0000000049454e44ae426082"
)
MP4 = bytes.fromhex("00000018667479706d70343200000000") + b"mp42isom" + bytes(64)
THREAD = ("Look 👀 https://example.org/act", "We ask #rights of @chapter-west.{handles} and @nobody.{handles}.", "End")


@dataclass
class Place:
    """The channel, the server that it speaks to, and the proxy between them, where faults can be asked for."""

    url: str
    handles: str
    proxy: FaultyProxy
    opened: list[Bluesky]

    def another(self, *, timeout_s: float = 20.0, words: Mapping[str, str] = ACCOUNTS) -> Bluesky:
        known = {name: BlueskyCredentials(f"{name}.{self.handles}", word) for name, word in words.items()}
        self.opened.append(Bluesky(known, base_url=self.proxy.url, timeout_s=timeout_s))
        return self.opened[-1]

    def did(self, account: str) -> str:
        return str(self.get("com.atproto.identity.resolveHandle", handle=f"{account}.{self.handles}")["did"])

    def records(self, account: str = "national") -> list[dict[str, Any]]:
        listed = self.get("com.atproto.repo.listRecords", repo=self.did(account), collection=POST, limit="100")
        return sorted(listed["records"], key=lambda record: str(record["uri"]))

    def get(self, method: str, **asked: str) -> dict[str, Any]:
        reply = urllib3.request("GET", f"{self.url}/xrpc/{method}", fields=asked)
        assert reply.status == 200, reply.data
        told: dict[str, Any] = reply.json()
        return told


@pytest.fixture(params=["stand-in", pytest.param("pds", marks=pytest.mark.xdist_group("pds"))])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    sandbox = Sandbox(accounts={"bluesky": ACCOUNTS}, now=NOW) if request.param == "stand-in" else None
    if sandbox is not None:
        url, handles = sandbox.urls["bluesky"], "example.org"
    else:
        pds: RealPds = request.getfixturevalue("real_pds")
        for account, password in ACCOUNTS.items():
            pds.account(f"{account}.test", password)
            pds.forget(f"{account}.test")
        url, handles = pds.url, "test"
    place = Place(url, handles, FaultyProxy(url, NOW), [])
    yield place
    for bluesky in place.opened:
        bluesky.close()
    place.proxy.stop()
    if sandbox is not None:
        sandbox.stop()


@pytest.fixture
def bluesky(place: Place) -> Bluesky:
    return place.another()


def file(kind: bytes, name: str) -> bytes:
    """A file like no other: what a record names stays on the server."""
    return kind + name.encode()


def media(body: bytes, media_type: str = "image/png", alt: str = "A dot") -> Media:
    return Media(hashlib.sha256(body).hexdigest(), media_type, len(body), alt, width=640, height=360)


def batch(
    *texts: str,
    shows: Mapping[int, PartMedia] | None = None,
    files: Sequence[bytes] = (),
    sent: Sequence[str] = (),
    wave: int = 7,
) -> PostBatch:
    shown = shows or {}
    parts = [
        PostPart(seq, KEYS.key(wave, seq), text, shown.get(seq, PartMedia()))
        for seq, text in enumerate(texts, start=len(sent))
    ]
    return PostBatch(
        id=1,
        account="national",
        parts=parts,
        made_at=NOW,
        sent=tuple(sent),
        language="en",
        files={hashlib.sha256(body).hexdigest(): body for body in files},
    )


def thread(place: Place, name: str, wave: int = 7) -> PostBatch:
    """Three parts with all that there is: pictures, a video, a link card, links, a hashtag and mentions."""
    pictures = [file(PNG, f"{name} {n}") for n in range(3)]
    first, second, thumb = pictures
    video = file(MP4, name)
    card = LinkCard("https://example.org/act", "Sign the letter", "It takes a minute", media(thumb, alt=""))
    shows = {
        0: PartMedia(media=(media(first), media(second, alt="Another"))),
        1: PartMedia(link_card=card),
        2: PartMedia(media=(media(video, "video/mp4", "It moves"),)),
    }
    texts = [text.format(handles=place.handles) for text in THREAD]
    return batch(*texts, shows=shows, files=[*pictures, video], wave=wave)


def deliver(bluesky: Bluesky, posts: PostBatch) -> list[Outcome]:
    return list(bluesky.deliver(posts, bluesky.compose(posts)))


def refs(outcomes: Sequence[object]) -> list[str]:
    found = [outcome.ref for outcome in outcomes if isinstance(outcome, Accepted) and outcome.ref]
    assert len(found) == len(outcomes), outcomes
    return found


@pytest.mark.parametrize("cleaned", ["as it was", "cleaned"])
def test_an_m4v_is_taken_only_once_it_is_called_an_mp4(place: Place, bluesky: Bluesky, cleaned: str) -> None:
    body = mp4(brand=b"M4V ", also=b"mp42isom", more=box(b"free", f"{cleaned} {place.handles}".encode()))
    video = videos.cleaned(body).body if cleaned == "cleaned" else body
    shows = {0: PartMedia(media=(media(video, "video/mp4", "It moves"),))}
    (outcome,) = deliver(bluesky, batch("Look.", shows=shows, files=[video], wave=71 + len(cleaned)))
    assert isinstance(outcome, Accepted if cleaned == "cleaned" else Refused), outcome


def test_a_thread_with_everything_stands_as_it_was_composed(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "as composed")
    payload = bluesky.compose(posts)
    made = refs(bluesky.deliver(posts, payload))
    standing = place.records()
    assert [record["uri"] for record in standing] == made
    assert [record["cid"] for record in standing] == [content_id(record["value"]) for record in standing]
    for record, chunk in zip(standing, payload.chunks, strict=True):
        kept = orjson.loads(chunk)["record"]
        assert {name: record["value"][name] for name in kept if name != "facets"} == {
            name: value for name, value in kept.items() if name != "facets"
        }
    first, second, third = (record["value"] for record in standing)
    assert [image["alt"] for image in first["embed"]["images"]] == ["A dot", "Another"]
    assert first["embed"]["images"][0]["aspectRatio"] == {"width": 640, "height": 360}
    assert second["embed"]["external"]["title"] == "Sign the letter"
    assert third["embed"]["alt"] == "It moves"
    assert third["reply"]["parent"] == {"uri": made[1], "cid": standing[1]["cid"]}
    assert third["reply"]["root"] == {"uri": made[0], "cid": standing[0]["cid"]}


def test_what_is_mentioned_is_marked_by_its_bytes_and_who_is_not_there_stays_plain(
    place: Place, bluesky: Bluesky
) -> None:
    refs(deliver(bluesky, thread(place, "mentions")))
    value = place.records()[1]["value"]
    text = value["text"].encode()
    marked = [
        (text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(), facet["features"][0])
        for facet in value["facets"]
    ]
    assert marked == [
        ("#rights", {"$type": "app.bsky.richtext.facet#tag", "tag": "rights"}),
        (
            f"@chapter-west.{place.handles}",
            {"$type": "app.bsky.richtext.facet#mention", "did": place.did("chapter-west")},
        ),
    ]


def test_who_is_not_there_is_told_by_any_account_that_can_be_signed_in(place: Place) -> None:
    handles = [f"nobody.{place.handles}", f"chapter-west.{place.handles}"]
    some = place.another(words={**ACCOUNTS, "national": "none-of-its-passwords"})
    assert some.unresolved(handles) == [f"nobody.{place.handles}"]
    none = place.another(words=dict.fromkeys(ACCOUNTS, "none-of-its-passwords"))
    with pytest.raises(ChannelUnusable, match="could not be looked up"):
        none.unresolved(handles)


def test_the_server_gives_the_blobs_the_names_that_were_worked_out_before(place: Place, bluesky: Bluesky) -> None:
    picture = file(PNG, "worked out")
    posts = batch("Look", shows={0: PartMedia(media=(media(picture),))}, files=[picture])
    (named,) = blobs([orjson.loads(bluesky.compose(posts).chunks[0])["record"]])
    (ref,) = refs(deliver(bluesky, posts))
    kept = place.get("com.atproto.repo.getRecord", repo=place.did("national"), collection=POST, rkey=ref[-13:])
    assert kept["value"]["embed"]["images"][0]["image"]["ref"] == {"$link": named}


def test_what_was_made_ready_is_not_uploaded_or_looked_up_again(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "made ready")
    bluesky.ready(posts, bluesky.compose(posts), upload=True)
    before = len(place.proxy.asked)
    refs(deliver(bluesky, posts))
    assert place.proxy.asked[before:] == ["applyWrites"]


def test_under_an_embargo_nothing_is_uploaded_before(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "under embargo")
    bluesky.ready(posts, bluesky.compose(posts), upload=False)
    assert "uploadBlob" not in place.proxy.asked
    assert place.records() == []
    refs(deliver(bluesky, posts))
    assert place.proxy.asked.count("uploadBlob") == 4


def test_to_make_it_ready_twice_changes_nothing(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "ready twice")
    for _ in range(2):
        bluesky.ready(posts, bluesky.compose(posts), upload=True)
    assert place.proxy.asked.count("uploadBlob") == 4
    refs(deliver(bluesky, posts))


def test_a_blob_that_the_server_dropped_is_uploaded_again_and_the_post_goes(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "dropped")
    made = refs(deliver(bluesky, posts))
    for ref in made:  # a blob goes with the last record that names it
        assert isinstance(bluesky.retract("national", ref), Accepted)
    again = replace(posts, made_at=NOW + timedelta(minutes=1))
    assert len(refs(deliver(bluesky, again))) == 3
    assert place.proxy.asked.count("uploadBlob") == 8


def test_after_an_error_of_the_servers_the_media_is_uploaded_again_once_the_doubt_is_settled(
    place: Place, bluesky: Bluesky
) -> None:
    posts = thread(place, "error")
    place.proxy.faults.ask("bluesky", Fault.ERROR, times=1)
    assert all(isinstance(outcome, InDoubt) for outcome in deliver(bluesky, posts))
    assert all(isinstance(one, NotSent) for one in bluesky.settle(posts, bluesky.compose(posts)))
    refs(deliver(bluesky, posts))
    assert place.proxy.asked.count("uploadBlob") == 8


def test_the_same_again_by_another_process_changes_nothing(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "the same again")
    made = refs(deliver(bluesky, posts))
    before = place.records()
    assert refs(deliver(place.another(), posts)) == made
    assert refs(deliver(bluesky, posts)) == made
    assert list(bluesky.settle(posts, bluesky.compose(posts))) == deliver(bluesky, posts)
    assert place.records() == before


def test_duplicates_at_the_same_time_leave_one_thread(place: Place) -> None:
    posts = thread(place, "at the same time")
    channels = [place.another() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda one: deliver(one, posts), channels))
    settled = [refs(one.settle(posts, one.compose(posts))) for one in channels]
    assert len({tuple(refs) for refs in settled}) == 1
    assert not [one for told in outcomes for one in told if isinstance(one, Refused)]
    assert [record["uri"] for record in place.records()] == settled[0]


def test_a_lost_reply_is_settled_to_what_stands(place: Place, bluesky: Bluesky) -> None:
    posts = thread(place, "lost reply")
    place.proxy.faults.ask("bluesky", Fault.DROP_REPLY, times=1)
    assert all(isinstance(outcome, InDoubt) for outcome in deliver(bluesky, posts))
    settled = refs(bluesky.settle(posts, bluesky.compose(posts)))
    assert settled == [record["uri"] for record in place.records()]


def test_a_process_killed_before_it_heard_leaves_one_thread_when_another_goes_on(place: Place) -> None:
    place.proxy.faults.ask("bluesky", Fault.SLOW, times=1, delay_s=60)
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(Path(__file__)), place.proxy.url, place.handles],
        cwd=Path(__file__).parents[2],
    )
    assert place.proxy.written.wait(60)
    child.kill()
    child.wait()
    bluesky = place.another()
    posts = thread(place, "killed")
    standing = [record["uri"] for record in place.records()]
    assert len(standing) == 3
    assert refs(bluesky.settle(posts, bluesky.compose(posts))) == standing
    assert refs(deliver(bluesky, posts)) == standing
    assert [record["uri"] for record in place.records()] == standing


_CHILD = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("suite", sys.argv[1])
suite = importlib.util.module_from_spec(spec)
sys.modules["suite"] = suite
spec.loader.exec_module(suite)
known = {"national": suite.BlueskyCredentials(f"national.{sys.argv[3]}", suite.ACCOUNTS["national"])}
place = suite.Place("", sys.argv[3], None, [])
suite.deliver(suite.Bluesky(known, base_url=sys.argv[2], timeout_s=90), suite.thread(place, "killed"))
"""


def test_where_a_part_is_missing_it_is_told_from_those_that_stand_and_goes_alone(
    place: Place, bluesky: Bluesky
) -> None:
    posts = thread(place, "a part is missing")
    made = refs(deliver(bluesky, posts))
    before = place.records()
    bluesky.retract("national", made[2])
    first, second, third = deliver(bluesky, posts)
    assert [first, second] == list(bluesky.settle(posts, bluesky.compose(posts)))[:2]
    assert isinstance(third, Deferred)
    rest = replace(posts, parts=posts.parts[2:], sent=tuple(made[:2]))
    assert refs(deliver(bluesky, rest)) == made[2:]
    assert place.records() == before


def test_another_picture_under_our_key_is_not_taken_for_ours(place: Place, bluesky: Bluesky) -> None:
    pictures = [file(PNG, f"under our key {n}") for n in range(2)]
    ours, other = (
        batch("Look", shows={0: PartMedia(media=(media(picture),))}, files=[picture]) for picture in pictures
    )
    refs(deliver(bluesky, other))
    (outcome,) = deliver(bluesky, ours)
    assert isinstance(outcome, InDoubt)
    assert len(place.records()) == 1


def test_a_picture_of_a_type_that_it_is_not_is_refused_before_anything_is_posted(
    place: Place, bluesky: Bluesky
) -> None:
    picture = file(PNG, "of a type")
    (outcome,) = deliver(
        bluesky, batch("Look", shows={0: PartMedia(media=(media(picture, "image/webp"),))}, files=[picture])
    )
    assert isinstance(outcome, Refused)
    assert "image/png" in outcome.reason
    assert place.records() == []


def test_a_picture_whose_bytes_are_gone_holds_the_post(place: Place, bluesky: Bluesky) -> None:
    picture = file(PNG, "gone")
    posts = batch("Look", "Two", shows={0: PartMedia(media=(media(picture),))})
    for outcome in deliver(bluesky, posts):
        assert isinstance(outcome, Deferred)
        assert outcome.hold
    assert place.records() == []


def test_what_is_retracted_is_gone_and_may_be_retracted_again(place: Place, bluesky: Bluesky) -> None:
    made = refs(deliver(bluesky, batch("One", "Two")))
    for _ in range(2):
        assert [bluesky.retract("national", ref) for ref in made] == [Accepted(ref=ref) for ref in made]
    assert place.records() == []
    assert all(isinstance(one, NotSent) for one in bluesky.settle(batch("One"), bluesky.compose(batch("One"))))


@pytest.mark.parametrize("ref", ["", "at://did:plc:x", "https://bsky.app/x", f"at://did:plc:x/{POST}/3l2wiyfiahwsa"])
def test_what_the_account_did_not_post_is_not_retracted(place: Place, bluesky: Bluesky, ref: str) -> None:
    assert isinstance(bluesky.retract("national", ref), Refused)


def test_who_nobody_is_is_told(place: Place, bluesky: Bluesky) -> None:
    asked = [f"national.{place.handles}", f"nobody.{place.handles}"]
    assert bluesky.unresolved(asked) == asked[1:]


def test_check_says_who_the_account_is_and_what_it_may(place: Place, bluesky: Bluesky) -> None:
    first: Standing = bluesky.check()[0]
    assert (first.account, first.handle, first.ends_at) == ("national", f"national.{place.handles}", None)
    assert place.did("national") in first.detail
    assert first.may


# ── the real server alone ──


@pytest.mark.xdist_group("pds")
def test_figures_come_from_the_appview_through_the_accounts_server(real_pds: RealPds) -> None:
    did = real_pds.account("national.test", ACCOUNTS["national"])
    uris = [f"at://{did}/{POST}/3l2wiyfiahw{number:02}" for number in range(22, 52)]
    counts = {"likeCount": 3, "repostCount": 2, "replyCount": 1, "quoteCount": 9}
    real_pds.appview.figures = dict.fromkeys(uris[1:], counts)
    bluesky = Bluesky({"national": BlueskyCredentials("national.test", ACCOUNTS["national"])}, base_url=real_pds.url)
    assert bluesky.metrics("national", uris) == {uri: Metrics(likes=3, reposts=2, replies=1) for uri in uris[1:]}
    bluesky.close()


@pytest.mark.xdist_group("pds")
def test_where_there_is_no_appview_no_figures_are_told_and_why(real_pds: RealPds) -> None:
    real_pds.account("national.test", ACCOUNTS["national"], url=real_pds.limited)
    bluesky = Bluesky(
        {"national": BlueskyCredentials("national.test", ACCOUNTS["national"])}, base_url=real_pds.limited
    )
    told = bluesky.metrics("national", [f"at://did:plc:x/{POST}/3l2wiyfiahwsa"])
    assert isinstance(told, Deferred)
    assert "No service configured" in told.reason
    bluesky.close()


@pytest.mark.xdist_group("pds")
def test_a_server_that_counts_says_what_is_left_and_an_app_password_is_told_from_the_accounts_own(
    real_pds: RealPds,
) -> None:
    handle = "counted.test"
    real_pds.account(handle, "s3cret-of-counted", url=real_pds.limited)
    made = real_pds.call("server.createAppPassword", {"name": "campaign"}, handle=handle, url=real_pds.limited)
    told = []
    for password in ("s3cret-of-counted", made["password"]):
        bluesky = Bluesky({"national": BlueskyCredentials(handle, password)}, base_url=real_pds.limited)
        (standing,) = bluesky.check()
        told.append(standing)
        assert standing.left is not None
        assert standing.left.of == 3_000
        assert 0 < standing.left.number < 3_000
        assert standing.left.until is not None
        bluesky.close()
    assert ["app password" in standing.detail for standing in told] == [True, False]


@pytest.mark.xdist_group("pds")
def test_the_31st_sign_in_within_five_minutes_defers_the_account_until_the_reset(real_pds: RealPds) -> None:
    real_pds.account("hasty.test", "s3cret-of-hasty", url=real_pds.limited)
    outcomes: list[Outcome] = []
    for _ in range(31):
        bluesky = Bluesky({"national": BlueskyCredentials("hasty.test", "s3cret-of-hasty")}, base_url=real_pds.limited)
        outcomes += bluesky.deliver(batch("Stop."), bluesky.compose(batch("Stop.")))
        bluesky.close()
    assert all(isinstance(outcome, Accepted) for outcome in outcomes[:30])
    assert isinstance(outcomes[30], Deferred)
    assert outcomes[30].scope == "account"
    assert outcomes[30].until is not None
