"""What a provider says, made fit to be kept and shown."""

from __future__ import annotations

import re

_LENGTH = 300
_ADDRESS = re.compile(r"[^\s@<>\[\]()\"',;:]+@[^\s@<>\[\]()\"',;]+")


def without_addresses(text: str) -> str:
    """A provider's reason on one line, with e-mail addresses taken out, cut at 300 characters."""
    return _ADDRESS.sub("(address)", " ".join(text.split()))[:_LENGTH]
