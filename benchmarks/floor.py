"""B, what a bare loop reaches: python -m benchmarks.floor DATABASE URL

Reads the same rows, builds the same requests with orjson and posts them, four at a time on kept-alive connections. No
ledger, no outcomes, nothing kept: what is sent twice after a crash nobody knows. Prints one line of JSON.
"""

from __future__ import annotations

import hmac
import json
import resource
import sqlite3
import sys
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter, process_time
from typing import Any
from urllib.parse import quote

import orjson
import urllib3

from benchmarks.message import HTML, SUBJECT, TEXT
from benchmarks.stand_in import API_KEY

_BATCH = 1_000
_IN_FLIGHT = 4
_SECRET = b"a secret for benchmarks"
_THANKS = "<p>Thank you for having written already. Please pass this on to one person more.</p>"
_ASKED = "<p>It takes two minutes to add your voice, and today is the day on which it counts most.</p>"
_TOKENS = ("-name-", "-last-", "-said-", "-region-", "-leave-", "+name+", "+last+", "+region+", "+leave+")
"""Those of the HTML part, where values are escaped, and those of the text part, where they are not."""


def main(database: str, url: str) -> None:
    rows = sqlite3.connect(database)
    head = orjson.dumps(_shared())[:-1] + b',"personalizations":'
    pool = urllib3.PoolManager(maxsize=_IN_FLIGHT)
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}

    def post(body: bytes) -> int:
        reply = pool.request("POST", f"{url}/v3/mail/send", body=body, headers=headers, retries=False)
        if reply.status != 202:
            raise SystemExit(f"the stand-in answered {reply.status}: {reply.data[:200]!r}")
        return reply.status

    began, sent = perf_counter(), 0
    with ThreadPoolExecutor(_IN_FLIGHT) as threads:
        flying: deque[Future[int]] = deque()
        for people in _batches(rows):
            personal = [_personal(row) for row in people]
            if len(flying) >= _IN_FLIGHT:
                flying.popleft().result()
            flying.append(threads.submit(post, head + orjson.dumps(personal) + b"}"))
            sent += len(people)
        while flying:
            flying.popleft().result()
    took_s = perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"recipients": sent, "seconds": took_s, "cpu_s": process_time(), "peak_mb": peak_mb}))


def _batches(rows: sqlite3.Connection) -> Iterator[list[tuple[Any, ...]]]:
    columns = "id, email, first_name, last_name, region, acted_at, consent_basis, address_hash"
    cursor = rows.execute(f"SELECT {columns} FROM supporters ORDER BY id")  # noqa: S608 - a constant
    while people := cursor.fetchmany(_BATCH):
        yield people


def _personal(row: tuple[Any, ...]) -> dict[str, Any]:
    values, key, leave = values_of(row)
    email, name = row[1], f"{row[2]} {row[3]}".strip()
    return {
        "to": [{"email": email, "name": name} if name else {"email": email}],
        "substitutions": dict(zip(_TOKENS, values, strict=True)),
        "custom_args": {"key": key},
        "headers": {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    }


def values_of(row: tuple[Any, ...]) -> tuple[tuple[str, ...], str, str]:
    """What stands in a person's fields, their key and their unsubscribe link."""
    number, _, first, last, region, acted_at = row[:6]
    body = number.to_bytes(8, "big")
    key = urlsafe_b64encode(body + hmac.digest(_SECRET, body, "sha256")[:8])[:22].decode()
    leave = f"https://campaign.example.org/u/{key}"
    said, place = _THANKS if acted_at else _ASKED, quote(region)
    values = (_escaped(first or "friend"), _escaped(last), said, place, leave, first or "friend", last, place, leave)
    return values, key, leave


def filled(row: tuple[Any, ...]) -> tuple[str, str, str]:
    """The HTML and the text part for one person, and their unsubscribe link."""
    values, _, leave = values_of(row)
    text, html = (body["value"] for body in _shared()["content"])
    for token, value in zip(_TOKENS, values, strict=True):
        html, text = html.replace(token, value), text.replace(token, value)
    return html, text, leave


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _shared() -> dict[str, Any]:
    bodies = []
    for kind, written in (("text/plain", TEXT), ("text/html", HTML)):
        start, end = written.find("{% if"), written.find("{% endif %}")
        filled = written if start < 0 else written[:start] + "-said-" + written[end + len("{% endif %}") :]
        for expression, token in (
            ('{{ supporter.first_name or "friend" }}', "-name-"),
            ("{{ supporter.last_name }}", "-last-"),
            ("{{ supporter.region | urlencode }}", "-region-"),
            ("{{ unsubscribe_url }}", "-leave-"),
        ):
            filled = filled.replace(expression, token.replace("-", "+") if written is TEXT else token)
        bodies.append({"type": kind, "value": filled})
    return {
        "from": {"email": "campaign@example.org", "name": "Free to Walk Coalition"},
        "subject": SUBJECT,
        "content": bodies,
        "categories": ["bench", "alert"],
    }


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
