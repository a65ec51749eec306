"""What X's answers mean. Codes: https://docs.x.com/x-api/fundamentals/response-codes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.ports.channel import Left

if TYPE_CHECKING:
    import requests

NO_REPLIES = "no-replies"
"""The code of parts that were refused because X lets the account reply to nobody, itself included."""
NO_CREDIT = "buy credits in the X developer console (console.x.com), then let the wave go on"
_APP_LIMIT = "x-app-limit-24hour"
_LIMITS = ("x-rate-limit", "x-user-limit-24hour", _APP_LIMIT)
"""Beside the limit of an endpoint there are two for a day; each comes as -limit, -remaining and -reset."""
_ABOUT_REPLYING = re.compile(r"\brepl(?:y|ies|ying)\b|\bconversation\b|\bmentioned\b|\bengaged\b", re.IGNORECASE)
_PARENT_IS_GONE = re.compile(r"deleted or not visible", re.IGNORECASE)
_MEDIA_IS_GONE = re.compile(r"\bmedia[_ ]ids?\b", re.IGNORECASE)


def accepted(ref: str, reply: requests.Response | None = None) -> Accepted:
    """``reply`` is X's own, which says whether it takes any more."""
    return Accepted(ref=ref, url=url_of(ref), rest_until=None if reply is None else spent_until(reply))


def url_of(ref: str) -> str:
    return f"https://x.com/i/web/status/{ref}"


def outcome(reply: requests.Response, *, about: str = "post") -> Outcome:  # noqa: PLR0911 - a return for each row of X's table
    """What an answer other than 2xx means for what was asked, which ``about`` names."""
    status, why = reply.status_code, detail(reply)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Deferred(f"X refused the account's credentials: {why}", scope="account")
        case HTTPStatus.PAYMENT_REQUIRED:
            return Deferred(f"the credit with X is spent ({why}); {NO_CREDIT}", scope="channel", hold=True)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _too_many(reply)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Deferred(f"X is unavailable: {why}")
        case HTTPStatus.FORBIDDEN if is_about_the_app(reply):
            return Deferred(f"X does not let the app do this for the account: {why}", scope="account")
        case _ if status < HTTPStatus.BAD_REQUEST:
            return Deferred(f"X answered {status}; its address may be wrong", scope="account")
        case HTTPStatus.REQUEST_TIMEOUT:
            return InDoubt("X answered 408")
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return InDoubt(f"X answered {status}: {why}")
        case _:
            return Refused(f"X refused the {about}: {why}", code=str(status))


def before_the_post(what: Outcome) -> Deferred | Refused:
    """The same of a call that posts nothing: where nobody knows what became of it, it is made again."""
    if isinstance(what, Deferred | Refused):
        return what
    return Deferred(what.reason if isinstance(what, InDoubt) else "X answered something that cannot be read")


def no_replies(reply: requests.Response) -> Refused | None:
    """Where X does not let the account reply to its own post: that, for the part and for all after it.

    Since February 2026 an app may only reply where it was summoned, unless X has agreed to more. Whether that goes for
    an account's own threads is not documented, nor the wording: what is about replying at all is taken for it. A 403
    over something else (the app's rights, a duplicate) is told apart before.
    """
    if reply.status_code != HTTPStatus.FORBIDDEN or is_about_the_app(reply):
        return None
    said = detail(reply)
    if _PARENT_IS_GONE.search(said):
        return Refused(f"the part before it is not there any more: {said}", code="parent-gone")
    kind = str(body(reply).get("type", ""))
    if _ABOUT_REPLYING.search(said) or kind.endswith("/not-authorized-for-resource"):
        return Refused(f"X does not let this account reply, so the thread ends here: {said}", code=NO_REPLIES)
    return None


def media_is_gone(reply: requests.Response) -> bool:
    """True where the post was refused because X does not know, or not any more, what was uploaded for it."""
    return reply.status_code == HTTPStatus.BAD_REQUEST and _MEDIA_IS_GONE.search(detail(reply)) is not None


def is_duplicate(reply: requests.Response) -> bool:
    return reply.status_code == HTTPStatus.FORBIDDEN and "duplicate content" in detail(reply)


def is_about_the_app(reply: requests.Response) -> bool:
    """A 403 over the app's permissions, which a person mends in the developer console, and not over this post."""
    kind = str(body(reply).get("type", ""))
    return kind.endswith(("/oauth1-permissions", "/client-forbidden", "/unsupported-authentication"))


def _too_many(reply: requests.Response) -> Deferred:
    whole_app = (left := _left(reply, _APP_LIMIT)) is not None and left.number == 0
    until = spent_until(reply) or _reset(reply, _LIMITS[0])
    if whole_app:
        return Deferred("the app's limit of posts for a day is reached at X", until=until, scope="channel")
    return Deferred("X's rate limit is reached", until=until, scope="account")


def spent_until(reply: requests.Response) -> datetime | None:
    """When X takes more, where this answer says that a limit is spent; the latest, where several are."""
    return max((left.until for left in _all_left(reply) if left.number == 0 and left.until), default=None)


def left(reply: requests.Response, what: str) -> Left | None:
    """What is left of the endpoint's limit, as far as X told."""
    return _left(reply, _LIMITS[0], what)


def _all_left(reply: requests.Response) -> Iterator[Left]:
    for name in _LIMITS:
        told = _left(reply, name)
        if told is not None:
            yield told


def _left(reply: requests.Response, name: str, what: str = "requests") -> Left | None:
    resets_at = _reset(reply, name)
    try:
        limit, remaining = int(reply.headers[f"{name}-limit"]), int(reply.headers[f"{name}-remaining"])
    except (KeyError, ValueError):
        return None
    return None if resets_at is None else Left(remaining, limit, what, resets_at)


def _reset(reply: requests.Response, name: str) -> datetime | None:
    """When the limit is counted anew (epoch seconds); None where X did not say."""
    try:
        return datetime.fromtimestamp(int(reply.headers[f"{name}-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


def access(reply: requests.Response) -> Literal["read", "write", ""]:
    """What a token of OAuth 1.0a may do, by a header that X puts into its answers; "" where it does not say."""
    level = reply.headers.get("x-access-level", "").strip().lower()
    return "write" if "write" in level else "read" if level == "read" else ""


def body(reply: requests.Response) -> Mapping[str, Any]:
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def data(reply: requests.Response) -> Mapping[str, Any]:
    found = body(reply).get("data")
    return found if isinstance(found, dict) else {}


def detail(reply: requests.Response) -> str:
    whole = body(reply)
    errors = whole.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said = (
        first.get("message")
        or whole.get("error_description")
        or whole.get("detail")
        or whole.get("title")
        or reply.reason
        or "no reason given"
    )
    return str(said)[:300]
