"""What SendGrid's replies say: their JSON, their reasons, and when a limit is reset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from campaign.channels.reasons import without_addresses


def read(said: bytes) -> Any:
    """The reply's JSON, or None where it is none."""
    try:
        return orjson.loads(said)
    except orjson.JSONDecodeError:
        return None


def why(said: bytes) -> str:
    """SendGrid's own reason, without the addresses that it repeats."""
    told = read(said)
    errors = told.get("errors") if isinstance(told, dict) else None
    messages = (
        [str(one.get("message", "")) for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    )
    return without_addresses("; ".join(filter(None, messages)))


def reset(headers: Mapping[str, str]) -> datetime | None:
    """X-RateLimit-Reset is in seconds since 1970."""
    try:
        return datetime.fromtimestamp(int(headers.get("X-RateLimit-Reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None
