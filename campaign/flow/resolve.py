"""resolve: a person says what became of a batch in doubt, where nothing else can or does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from campaign.errors import BadInput, Problem
from campaign.model.outcome import Accepted, NotSent
from campaign.model.resolution import Question, Word
from campaign.model.wave import WaveState
from campaign.ports.channel import Settling

PATIENCE = timedelta(hours=1)
"""So long after an attempt a provider's events, or the network itself, may still be expected to tell."""
_STOPPED = (WaveState.MISSED, WaveState.CANCELLED)
_BY_NUMBER = ("x", "mastodon")
"""Networks whose posts are known by a number."""
_POST = re.compile(r"https://(?P<host>[^/\s]+)/(?:[^\s?#]*/)?(?P<id>[A-Za-z0-9]+)/?(?:[?#]\S*)?")
_BLUESKY = re.compile(r"https://[^/\s]+/profile/(?P<who>[^/\s]+)/post/(?P<rkey>[A-Za-z0-9._~:-]+)/?(?:[?#]\S*)?")


def waits_for_a_person(question: Question, settles: Settling, now: datetime) -> bool:
    """True where a person should look at it now: nothing else ends it, or what should have done so has not."""
    if question.held_until is not None:
        return False
    return settles.by == "nobody" or now >= question.since + PATIENCE


def goes_out_again(question: Question, now: datetime) -> str:
    """What becomes of it where it was not sent: ``at once``, or ``held``, ``missed`` or ``cancelled`` by its wave."""
    wave = question.wave
    if wave.state in _STOPPED:
        return wave.state.value
    if wave.state is WaveState.HELD:
        return WaveState.HELD.value
    if wave.is_late(now):
        return WaveState.HELD.value if wave.late.then == "hold" else WaveState.MISSED.value
    return "at once"


def results(question: Question, word: Word, *, by: str, urls: Sequence[str] = ()) -> Mapping[int, Accepted | NotSent]:
    """What a person's word means for each delivery of the batch.

    Of a post that was sent ``urls`` are where its parts stand, from the first of those in doubt on; the parts behind
    these were not sent, and follow. Raises BadInput where there are too many or none, or one is no address of a post.
    """
    unsent = NotSent(f"{by} says that it was not sent")
    if word is Word.NOT_SENT:
        return dict.fromkeys(question.seqs, unsent)
    if not question.account:
        return dict.fromkeys(question.seqs, Accepted())
    stand = [_stands(question, url) for url in urls]
    parts = len(question.seqs)
    if not stand or len(stand) > parts:
        raise _wrong(
            question,
            f"{parts} {'part is' if parts == 1 else 'parts are'} in doubt, and {len(stand)} addresses are given",
            "give the address of each part that stands, in order: --url https://… --url https://…",
        )
    if question.wave.channel == "bluesky" and len(stand) != parts:
        raise _wrong(
            question, "Bluesky takes a thread whole or not at all", f"give all {parts} addresses, or --not-sent"
        )
    return {seq: stand[place] if place < len(stand) else unsent for place, seq in enumerate(question.seqs)}


def _stands(question: Question, url: str) -> Accepted:
    """A part that stands at ``url``, with the network's own id of it: what comes next replies to that."""
    channel, url = question.wave.channel, url.strip()
    if channel == "bluesky":
        # An AT URI may name the account by its handle: https://atproto.com/specs/at-uri-scheme
        found = _BLUESKY.fullmatch(url)
        ref = f"at://{found['who']}/app.bsky.feed.post/{found['rkey']}" if found else ""
    else:
        # Networks have the post's id at the end: https://x.com/NAME/status/1, https://SERVER/@NAME/1
        found = _POST.fullmatch(url)
        ref = found["id"] if found and (found["id"].isdigit() or channel not in _BY_NUMBER) else ""
    if not ref:
        raise _wrong(question, f"{url} is no address of a post on {channel}", "copy it from the post itself")
    return Accepted(ref=ref, url=url)


def _wrong(question: Question, what: str, remedy: str) -> BadInput:
    return BadInput([Problem("--url", 0, f"batch {question.batch_id}", what, remedy)])
