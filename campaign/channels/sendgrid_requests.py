"""The requests of SendGrid's mail/send: written from a batch, and read back as what one person got.

A request is a head that is the same for everybody in it, and for each person a personalization. It is written as bytes
with the values put in, and not as dictionaries: that takes less than half as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from campaign.model.batch import MailBatch, MailContent, MailRow, Payload, Shown

SUBSTITUTION_BYTES = 10_000
"""Merge fields of one person, at most, names and values together (SendGrid's OpenAPI)."""
_TAIL = b"]}"


def compose(batch: MailBatch, shared: Mapping[str, Any]) -> Payload:
    """The request for everybody in ``batch``; ``shared`` is what stands once in it, beside the subject and the bodies.

    Those whose merge fields are larger than SendGrid takes need a request of their own, and are told as ``alone``. In
    a batch of one they get it: the bodies filled in, and no fields.
    """
    content = batch.content
    try:
        chunks = _personalizations(batch.rows, content)
    except TypeError:
        # A lone surrogate, which has no bytes in UTF-8, came in with somebody's data.
        batch = _encodable(batch)
        chunks = _personalizations(batch.rows, content)
    # A chunk holds the fields and more, so that few need to be looked at.
    alone = tuple(at for at, chunk in enumerate(chunks) if len(chunk) > SUBSTITUTION_BYTES and _is_over(batch, at))
    if len(batch) > 1 or not alone:
        return Payload(chunks=chunks, head=_head(content, shared), tail=_TAIL, alone=alone)
    row = batch.rows[0]
    values = dict(zip(content.tokens, row.values, strict=True))
    filled = replace(
        content,
        subject=_filled(content.subject, values),
        html=_filled(content.html, values),
        text=_filled(content.text, values),
        tokens=(),
    )
    return Payload(chunks=_personalizations([row._replace(values=())], filled), head=_head(filled, shared), tail=_TAIL)


def shows(payload: Payload, index: int) -> Shown:
    """What the person of chunk ``index`` got; nothing where they were forgotten."""
    chunk = payload.chunks[index]
    if not chunk:
        return Shown(text="")
    request = orjson.loads(payload.head + chunk + payload.tail)
    personal = request["personalizations"][0]
    values = personal.get("substitutions", {})
    bodies = {part["type"]: _filled(part["value"], values) for part in request.get("content", ())}
    people = {"From": request["from"], "Reply-To": request.get("reply_to"), "To": personal["to"][0]}
    headers = {name: _mailbox(person) for name, person in people.items() if person}
    return Shown(
        text=bodies.get("text/plain", ""),
        subject=_filled(request["subject"], values),
        html=bodies.get("text/html", ""),
        headers={**headers, **personal.get("headers", {})},
    )


def person(address: str, name: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _head(content: MailContent, shared: Mapping[str, Any]) -> bytes:
    bodies = (("text/plain", content.text), ("text/html", content.html))
    request = {
        **shared,
        "subject": content.subject,
        "content": [{"type": kind, "value": text} for kind, text in bodies if text],
    }
    return orjson.dumps(request)[:-1] + b',"personalizations":['


def _personalizations(rows: Sequence[MailRow], content: MailContent) -> list[bytes]:
    """What each person gets differently. TypeError where a value cannot be written in UTF-8."""
    written: Callable[[str], bytes] = orjson.dumps
    to = b'{"to":[{"email":%b%b}],"custom_args":{"key":%b}%b'
    fields = b",".join(written(token) + b":%b" for token in content.tokens)
    if fields:
        fields = b',"substitutions":{' + fields + b"}"
    # RFC 8058, section 3.1: both headers, one of them with this very value.
    leave = b',"headers":{"List-Unsubscribe":%b,"List-Unsubscribe-Post":"List-Unsubscribe=One-Click"}'
    form = to + fields + b"}"
    chunks = []
    for _, key, address, name, values, url in rows:
        named = b',"name":' + written(name) if name else b""
        one_click = leave % written(f"<{url}>") if url else b""
        chunks.append(form % (written(address), named, written(key), one_click, *map(written, values)))
    return chunks


def _is_over(batch: MailBatch, at: int) -> bool:
    texts = (*batch.content.tokens, *batch.rows[at].values)
    return sum(len(text.encode(errors="replace")) for text in texts) > SUBSTITUTION_BYTES


def _encodable(batch: MailBatch) -> MailBatch:
    def clean(text: str) -> str:
        return text.encode(errors="replace").decode()

    rows = [
        row._replace(address=clean(row.address), name=clean(row.name), values=tuple(map(clean, row.values)))
        for row in batch.rows
    ]
    return replace(batch, rows=rows)


def _mailbox(person: Mapping[str, str]) -> str:
    return f"{person['name']} <{person['email']}>" if person.get("name") else person["email"]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with the values put in at once: a value that looks like a token is left as it is."""
    if not values:
        return text
    return re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], text)
