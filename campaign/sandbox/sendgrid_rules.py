"""What SendGrid's mail/send refuses in a request, as its OpenAPI and its documented errors say.

The sources are https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send and the page of errors beside
it. One bad row refuses the whole request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

REQUEST_BYTES = 30 * 1024 * 1024
PERSONALIZATIONS = 1_000
RECIPIENTS = 1_000
SUBSTITUTION_BYTES = 10_000
CUSTOM_ARG_BYTES = 10_000
CATEGORIES = 10
CATEGORY_LENGTH = 255
AHEAD = timedelta(hours=72)
RESERVED_HEADERS = frozenset(
    {
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    }
)
MALFORMED = re.compile(r"@malformed\.example\.(?:org|net|com)$", re.MULTILINE)
"""Addresses that a test can use to have a request refused."""

# What matters is that a request with a malformed address is refused, not the whole of RFC 5322.
_LOCAL, _LABEL = r"[^\s@<>,;:\"()\[\]\\]{1,64}+", r"[^\s@<>,;:\"()\[\]\\.]{1,63}+"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})++")
_ADDRESSES = re.compile(rf"(?:{_ADDRESS.pattern}(?:\n|\Z))*+")


class Refusal(Exception):
    """A reply other than 202: its status, what is wrong, and in which field of the request."""

    def __init__(self, message: str, field: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.status = status


def check(request: Any, now: datetime) -> None:
    """Raises Refusal for the first rule that ``request`` breaks."""
    if not isinstance(request, dict):
        raise Refusal("Bad Request")
    latest = (now + AHEAD).timestamp()
    _check_sender(request)
    _check_send_at(request, latest, "send_at")
    _check_headers(request.get("headers"), "headers")
    _check_categories(request.get("categories", []))
    templated = bool(request.get("template_id"))
    if not templated:
        _check_content(request.get("content"))
    parts = request.get("personalizations")
    if not isinstance(parts, list) or not parts:
        raise Refusal(
            "The personalizations field is required and must have at least one personalization.", "personalizations"
        )
    if len(parts) > PERSONALIZATIONS:
        raise Refusal(f"There are too many personalizations: at most {PERSONALIZATIONS}.", "personalizations")
    _check_recipients(parts)
    subjectless = not request.get("subject") and not templated
    if subjectless or not _are_plain(parts):
        for index, part in enumerate(parts):
            _check_part(part, f"personalizations.{index}", latest, subjectless=subjectless)


def _check_recipients(parts: list[Any]) -> None:
    addresses: list[str] = []
    for index, part in enumerate(parts):
        try:
            people = part["to"] or [{}]
            if "cc" in part or "bcc" in part:
                people = [*people, *part.get("cc", ()), *part.get("bcc", ())]
            addresses += [person["email"] for person in people]
        except (KeyError, TypeError):
            raise Refusal("Does not contain a valid address.", f"personalizations.{index}.to") from None
    try:
        together = "\n".join(addresses).lower()
    except TypeError:
        raise Refusal("Does not contain a valid address.", "personalizations.0.to") from None
    # All at once, because this is done for every recipient of a benchmark; who is to blame is sought only if need be.
    distinct = len(set(together.split("\n")))
    if not _ADDRESSES.fullmatch(together) or MALFORMED.search(together) or distinct != len(addresses):
        _blame([address.lower() for address in addresses])
    if len(addresses) > RECIPIENTS:
        raise Refusal(f"There are too many recipients in the request: at most {RECIPIENTS}.", "personalizations")


def _blame(addresses: list[str]) -> None:
    seen: set[str] = set()
    for index, address in enumerate(addresses):
        if not _ADDRESS.fullmatch(address) or MALFORMED.search(address):
            raise Refusal("Does not contain a valid address.", f"personalizations.{index}.to.0.email")
        if address in seen:
            raise Refusal(
                "Each email address in the personalization block should be unique between to, cc, and bcc. "
                f"We found the first duplicate instance of [{address}] in the personalizations.{index}.to field.",
                "personalizations",
            )
        seen.add(address)


def _are_plain(parts: list[dict[str, Any]]) -> bool:
    """True where no part breaks a rule of ``_check_part``; False where each has to be looked at for itself.

    Seen all at once, because this is done for every recipient of a benchmark: it takes less than half the time.
    """
    try:
        for kind, most in (("substitutions", SUBSTITUTION_BYTES), ("custom_args", CUSTOM_ARG_BYTES)):
            values = [part[kind] for part in parts if part.get(kind) is not None]
            names = "".join(set().union(*values))
            longest = max([len("".join(said.values())) for said in values], default=0)
            if (len(names) + longest) * 4 > most:
                return False
        headers = [part["headers"] for part in parts if part.get("headers") is not None]
        said = "".join(["".join(told.values()) for told in headers])
        reserved = any(name.lower() in RESERVED_HEADERS for name in set().union(*headers))
    except (TypeError, AttributeError):
        return False
    return said.isascii() and said.isprintable() and not reserved and not any("send_at" in part for part in parts)


def _check_part(part: dict[str, Any], field: str, latest: float, *, subjectless: bool) -> None:
    _check_values(part.get("substitutions"), SUBSTITUTION_BYTES, field, "substitutions")
    _check_values(part.get("custom_args"), CUSTOM_ARG_BYTES, field, "custom_args")
    _check_headers(part.get("headers"), field)
    if subjectless and not part.get("subject"):
        raise Refusal("The subject is required.", "subject")
    if "send_at" in part:
        _check_send_at(part, latest, f"{field}.send_at")


def _check_values(values: Any, most: int, field: str, name: str) -> None:
    if values is None:
        return
    try:
        characters = len("".join(values)) + len("".join(values.values()))
    except (TypeError, AttributeError):
        raise Refusal("The values must be strings.", f"{field}.{name}") from None
    # Fewer characters than this cannot take more bytes.
    if characters * 4 > most and sum(len(k.encode()) + len(v.encode()) for k, v in values.items()) > most:
        raise Refusal(f"The values are too large: at most {most} bytes in all.", f"{field}.{name}")


def _check_sender(request: Mapping[str, Any]) -> None:
    sender = request.get("from")
    if not isinstance(sender, dict) or not _ADDRESS.fullmatch(str(sender.get("email", ""))):
        raise Refusal(
            "The from object must be provided for every email send. It is an object that requires the email "
            "parameter, but may also contain a name parameter.",
            "from.email",
        )
    answer = request.get("reply_to")
    if answer is not None and (not isinstance(answer, dict) or not _ADDRESS.fullmatch(str(answer.get("email", "")))):
        raise Refusal("Does not contain a valid address.", "reply_to.email")


def _check_content(content: Any) -> None:
    if not isinstance(content, list) or not content:
        raise Refusal("Unless a valid template_id is provided, the content parameter is required.", "content")
    kinds = []
    for index, part in enumerate(content):
        kind, value = (part.get("type"), part.get("value")) if isinstance(part, dict) else (None, None)
        if not isinstance(kind, str) or not kind or not kind.isprintable() or ";" in kind or "/" not in kind:
            raise Refusal("The content type must be a valid MIME type.", f"content.{index}.type")
        if not isinstance(value, str) or not value:
            raise Refusal(
                "The content value must be a string at least one character in length.", f"content.{index}.value"
            )
        kinds.append(kind)
    if "text/plain" in kinds[1:] or ("text/html" in kinds and kinds.index("text/html") > 1):
        raise Refusal("If present, text/plain and text/html may only be provided once, text/plain first.", "content")


def _check_categories(categories: Any) -> None:
    if not isinstance(categories, list) or not all(isinstance(one, str) for one in categories):
        raise Refusal("The categories must be an array of strings.", "categories")
    if len(categories) > CATEGORIES or any(len(one) > CATEGORY_LENGTH for one in categories):
        raise Refusal(f"At most {CATEGORIES} categories of at most {CATEGORY_LENGTH} characters.", "categories")
    if len(set(categories)) != len(categories):
        raise Refusal("The categories must be unique.", "categories")


def _check_headers(headers: Any, field: str) -> None:
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise Refusal("The headers must be an object.", field)
    for name, value in headers.items():
        if name.lower() in RESERVED_HEADERS:
            raise Refusal(f"The header {name} is reserved.", field)
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise Refusal(f"The header {name} must be a string of printable ASCII characters.", field)


def _check_send_at(holder: Mapping[str, Any], latest: float, field: str) -> None:
    if "send_at" not in holder:
        return
    if not isinstance(holder["send_at"], int):
        raise Refusal("The send_at parameter must be a unix timestamp.", field)
    if holder["send_at"] > latest:
        raise Refusal("The send_at parameter is more than 72 hours in the future.", field)
