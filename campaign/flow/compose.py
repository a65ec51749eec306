"""compose: from a claim to the exact bytes that its channel will hand over. Nothing leaves here, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.batch import MailBatch, MailRow, Payload, PostBatch, PostPart
from campaign.model.claim import Claim, Kept
from campaign.model.group import Group
from campaign.model.outcome import Outcome
from campaign.ports.channel import Gate


@dataclass(frozen=True, slots=True)
class Composed:
    """A claim with the bytes that will be handed over, and the call that does so. ``group`` is for staged e-mail.
    ``aim`` makes a post's call ahead, up to a gate: see ``PostChannel.aim``."""

    claim: Claim
    provider: str
    payload: Payload
    deliver: Callable[[], Sequence[Outcome]]
    group: Group | None = None
    aim: Callable[[Gate], Sequence[Outcome]] | None = None


def batch(
    desk: Desk,
    contents: Contents,
    claim: Claim,
    group: Group | None = None,
    *,
    holds: Callable[[], bool] = lambda: True,
) -> Composed:
    """Compose what is left of a claimed batch. Raises BadInput where a message cannot be filled for somebody.

    ``holds`` says, from any thread, whether the claim still does, and nothing has stopped it.
    """
    return _posts(desk, contents, claim, holds) if claim.account else _mails(desk, contents, claim, group, holds)


def _posts(desk: Desk, contents: Contents, claim: Claim, holds: Callable[[], bool]) -> Composed:
    posts = desk.posts[claim.wave.channel]
    post = replace(post_batch(desk, contents, claim, kept=claim.kept), holds=holds)
    # A second attempt hands over the same bytes: what a network has under our key must match them.
    payload = cut(claim.kept, claim.seqs) if claim.kept else posts.compose(post)
    return Composed(
        claim,
        claim.wave.channel,
        payload,
        lambda: posts.deliver(post, payload),
        aim=lambda gate: posts.aim(post, payload, gate),
    )


def _mails(desk: Desk, contents: Contents, claim: Claim, group: Group | None, holds: Callable[[], bool]) -> Composed:
    mailing = contents.mailing(claim.wave, claim.variant)
    mails = desk.mails[mailing.content.sender.via]
    people = claim.people
    keys = desk.keys.keys(claim.wave.id, claim.seqs)
    urls = [desk.unsubscribe_url(key) for key in keys]
    filled = mailing.compiled.fill(people, urls)
    addresses = [person.email for person in people]
    names = [f"{person.first_name} {person.last_name}".strip() for person in people]
    mail = MailBatch(
        id=claim.batch_id,
        content=mailing.content,
        rows=list(map(MailRow, claim.seqs, keys, addresses, names, filled, urls)),
        send_at=group.send_at if group else None,
        group=group.ref if group else "",
        made_at=claim.wave.due_at,
        holds=holds,
    )
    payload = mails.compose(mail)
    return Composed(claim, mailing.content.sender.via, payload, lambda: mails.deliver(mail, payload), group)


def post_batch(desk: Desk, contents: Contents, claim: Claim, *, kept: Kept | None) -> PostBatch:
    """The parts of a thread that ``claim`` is about, as their channel takes them."""
    posting = contents.posting(claim.wave)
    shown = contents.shows.parts(claim.wave)
    return PostBatch(
        id=claim.batch_id,
        account=claim.account,
        parts=[
            PostPart(seq, desk.keys.key(claim.wave.id, seq), posting.parts[place], *shown[place : place + 1])
            for seq, place in ((seq, seq - claim.first_seq) for seq in claim.seqs)
        ],
        made_at=claim.wave.due_at,
        sent=claim.sent,
        language=posting.language,
        warning=posting.source.warning,
        visibility=contents.bundle(claim.wave).step.visibility,
        attempted_at=kept.began_at if kept else None,
        files=contents.shows.files(claim.wave),
    )


def cut(kept: Kept, seqs: Sequence[int]) -> Payload:
    """What was handed over for ``seqs`` alone."""
    place = {seq: index for index, seq in enumerate(kept.seqs)}
    chunks = [kept.payload.chunks[place[seq]] for seq in seqs]
    return replace(kept.payload, chunks=chunks)


def without(claim: Claim, gone: set[int]) -> Claim:
    """What is left of ``claim`` without the deliveries ``gone``."""
    left = [(seq, person) for seq, person in zip(claim.seqs, claim.people, strict=True) if seq not in gone]
    return replace(claim, seqs=tuple(seq for seq, _ in left), people=[person for _, person in left])
