"""The page behind the link in every e-mail, ``/u/{key}``: unsubscribe, or ask for less.

Only a POST changes anything, and it does at once, as often as it comes and for ever: with RFC 8058's body, with none,
with any other. GET and HEAD change nothing, because scanners follow every link in an e-mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from campaign.errors import LedgerError
from campaign.flow.preferences import Door, Visit, visit
from campaign.model.preference import Wish
from campaign.ports.clock import Clock
from campaign.ports.preferences import House
from campaign.web import pages
from campaign.web.pages import Look

MOST_BYTES = 16 * 1024
"""What is read of a body. Ours has a few dozen bytes, a mail provider's a few hundred; the rest is left unread."""
MOST_FIELDS = 50
RETRY_AFTER_S = 120

_CLINGING = "/.,;:!?)]}>'\"* "
"""What programs that turn text into links take along from behind one; no key ends in any of it."""
_ONE_CLICK = "list-unsubscribe"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{pages.STYLE_HASH}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
}
"""What differs here from every other answer: see ``campaign.web.app.HEADERS``."""


def routes(doors: Sequence[Door], clock: Clock) -> list[Route]:
    """The pages for the links of these doors."""
    desk = _Pages(doors, clock)
    return [Route("/u/{key:path}", desk.answer, methods=["GET", "POST"], name="unsubscribe")]


class _Pages:
    def __init__(self, doors: Sequence[Door], clock: Clock) -> None:
        self._doors = doors
        self._clock = clock
        self._house = House()  # as it was last known, for a page that must do without the database

    async def answer(self, request: Request) -> Response:
        wish: Wish | None = None
        if request.method == "POST":
            try:
                wish = _wish(await _body(request), request.headers.get("content-type", ""))
            except ClientDisconnect:
                return Response(status_code=400)  # half a wish, and nobody there to hear what became of it
        return await run_in_threadpool(self._answer, request, wish)

    def _answer(self, request: Request, wish: Wish | None) -> Response:
        asked_for = request.query_params.get("lang", "")
        asked_for = asked_for if asked_for in pages.languages() else ""
        accepted = _accepted(request.headers.get("accept-language", ""))
        look = Look(pages.best(asked_for, *accepted), asked_for)
        try:
            came = visit(self._doors, request.path_params["key"].rstrip(_CLINGING))
            if came is None:
                return _page(404, look, pages.unknown(self._whose(), look))
            look = Look(pages.best(asked_for, *came.recipient.languages, *accepted), asked_for, came.door.trial)
            self._house = House(came.recipient.organisation, came.recipient.contact)
            return self._visited(came, wish, look)
        except LedgerError:
            page = _page(503, look, pages.busy(self._house, look))
            page.headers["Retry-After"] = str(RETRY_AFTER_S)
            return page

    def _visited(self, came: Visit, wish: Wish | None, look: Look) -> Response:
        now = self._clock.now()
        if wish is None:
            return _page(200, look, pages.choosing(came.recipient, look, now))
        after = came.choose(wish, at=now)
        if after is None:
            return _page(404, look, pages.unknown(self._house, look))
        # 409: what was asked for is at odds with how things stand, and was not done.
        status = 409 if pages.refused(after, wish) else 200
        return _page(status, look, pages.chosen(after, wish, look, now))

    def _whose(self) -> House:
        """Whose pages these are, for those who come without a key that says so."""
        houses = (door.preferences.house() for door in self._doors)
        return next((house for house in houses if house != House()), self._house)


def _page(status: int, look: Look, text: str) -> Response:
    return HTMLResponse(text, status, headers={**HEADERS, "Content-Language": look.language})


async def _body(request: Request) -> bytes:
    """The beginning of the body."""
    read = b""
    async for chunk in request.stream():
        read += chunk
        if len(read) > MOST_BYTES:
            break
    return read[:MOST_BYTES]


def _wish(body: bytes, content_type: str) -> Wish:
    """What a POST asks for. Whatever is no choice of our own form's, such as a mail provider's, unsubscribes."""
    fields = _fields(body, content_type)
    if _ONE_CLICK in fields:
        return Wish.NOTHING
    choice = fields.get("choice", "")
    return Wish(choice) if choice in set(Wish) else Wish.NOTHING


def _fields(body: bytes, content_type: str) -> Mapping[str, str]:
    """The fields of a form, their names in lower case; none where it is not one that can be read."""
    parse = {_FORM: _urlencoded, _MULTIPART: _multipart}.get(
        content_type.partition(";")[0].strip().lower(), _urlencoded
    )
    try:
        return parse(body, content_type)
    except (ValueError, LookupError):
        return {}


def _urlencoded(body: bytes, _content_type: str) -> Mapping[str, str]:
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    return {name.lower(): value for name, value in pairs}


def _multipart(body: bytes, content_type: str) -> Mapping[str, str]:
    """RFC 7578: a form as parts; RFC 8058 allows it for the one-click body."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parsed: Message = BytesParser(policy=HTTP).parsebytes(head + body)
    found = {}
    for part in parsed.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            found[name.lower()] = bytes(part.get_payload(decode=True) or b"").decode("utf-8", "replace").strip()
    return found


def _accepted(header: str) -> Sequence[str]:
    """The languages of an Accept-Language header, the most wanted first (RFC 9110, section 12.5.4)."""
    weighed: list[tuple[float, int, str]] = []
    for each in header[:500].split(","):
        tag, _, weight = each.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), len(weighed), tag))
        except ValueError:
            continue
    return [tag for weight, _, tag in sorted(weighed) if tag and weight < 0]
