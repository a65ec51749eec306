"""What has to be known and uploaded before Bluesky's records can be written: their media, mentions and replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import orjson

from campaign.channels.bluesky_media import blobs, digest_of
from campaign.channels.bluesky_records import COLLECTION, content_id, mentioned, mentioning, uri
from campaign.channels.bluesky_session import NoReply, NotNow, Reply, Session, outcome
from campaign.model.batch import Payload, PostBatch
from campaign.model.outcome import Deferred, Refused

_UPLOADS = 4
Records = dict[str, dict[str, Any]]
Dids = dict[str, str | None]
"""Who has a handle, None where nobody has it."""


def look_up(session: Session, handles: Iterable[str], known: Mapping[str, str | None]) -> Dids:
    """Who has each of ``handles`` that is not ``known``. What could not be asked is left out: no post waits for it."""
    found: Dids = {}
    for handle in handles:
        if handle in known:
            continue
        with suppress(NoReply):
            reply = session.resolve(handle)
            if reply.ok and str(reply.body.get("did", "")).startswith("did:"):
                found[handle] = str(reply.body["did"])
            elif isinstance(outcome(reply), Refused):
                found[handle] = None
    return found


def handles_in(payload: Payload) -> Sequence[str]:
    found = (handle for chunk in payload.chunks if chunk for handle in mentioned(orjson.loads(chunk)))
    return tuple(dict.fromkeys(found))


def linked(session: Session, batch: PostBatch, payload: Payload, dids: Mapping[str, str | None]) -> Records:
    """The records by key, each with whom it mentions and what it replies to.

    Raises NotNow where a part before these cannot be read.
    """
    root = _reference(session, batch.sent[0]) if batch.sent else None
    parent = _reference(session, batch.sent[-1]) if batch.sent else None
    records: Records = {}
    for chunk in payload.chunks:
        kept = orjson.loads(chunk)
        rkey, record = kept["rkey"], mentioning(kept, dids)
        if parent is not None:
            record["reply"] = {"root": root, "parent": parent}
        records[rkey] = record
        parent = {"uri": uri(session.did, rkey), "cid": content_id(record)}
        root = root or parent
    return records


def upload(session: Session, batch: PostBatch, records: Iterable[Mapping[str, Any]]) -> None:
    """Hand over the media of ``records`` that the account's server does not have yet.

    Raises NotNow where it does not take it, and NoReply: without its media no record is written.
    """
    missing = {cid: blob for cid, blob in blobs(records).items() if cid not in session.uploaded}
    if not missing:
        return
    with ThreadPoolExecutor(max_workers=_UPLOADS, thread_name_prefix="bluesky-upload") as pool:
        for _ in pool.map(lambda one: _upload(session, batch, one), missing.values()):
            pass


def _upload(session: Session, batch: PostBatch, blob: Mapping[str, Any]) -> None:
    cid = blob["ref"]["$link"]
    body = batch.files.get(digest_of(cid))
    if body is None:
        raise NotNow(Deferred("what this post shows is not in the ledger any more", hold=True))
    try:
        reply = session.upload(body, blob["mimeType"])
    except NoReply as error:
        raise NotNow(Deferred(f"Bluesky did not take the post's media: {error}", scope="account")) from None
    if not reply.ok:
        raise NotNow(_before(reply, "Bluesky did not take the post's media"))
    taken = reply.body.get("blob")
    got = taken if isinstance(taken, Mapping) else {}
    if any(got.get(name) != blob[name] for name in ("ref", "mimeType", "size")):
        told = f"{got.get('mimeType', 'nothing')} of {got.get('size', 0)} bytes"
        why = f"Bluesky took the post's {blob['mimeType']} of {blob['size']} bytes for something else: {told}"
        raise NotNow(Refused(why, code="media"))
    session.uploaded.add(cid)


def _before(reply: Reply, what: str) -> Deferred | Refused:
    """What an error means that came before the post itself: nothing is in doubt."""
    told = outcome(reply)
    if isinstance(told, Deferred | Refused):
        return Refused(f"{what}: {reply.why()}", code=told.code) if isinstance(told, Refused) else told
    return Deferred(f"{what}: {reply.why()}")


def _reference(session: Session, uri: str) -> dict[str, str]:
    """A strong reference to a post of ours that stands already."""
    repo, _, rkey = uri.removeprefix("at://").partition(f"/{COLLECTION}/")
    reply = session.get(rkey, repo)
    if reply.error == "RecordNotFound":
        raise NotNow(Refused(f"the post it replies to is gone: {uri}", code="gone"))
    if not reply.ok or "cid" not in reply.body:
        raise NotNow(Deferred(f"the post it replies to could not be read: {reply.why()}"))
    return {"uri": uri, "cid": str(reply.body["cid"])}
