"""The networks that a plan may name: ours, and those that other packages add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from campaign import networks
from campaign.errors import NotConfigured
from campaign.files.plan_values import wrong
from campaign.model.plan import CHANNELS, EMAIL, Channel

SYNONYMS = {
    "twitter": "x",
    "tweet": "x",
    "bsky": "bluesky",
    "fediverse": "mastodon",
    "masto": "mastodon",
    "mail": "email",
    "e-mail": "email",
    "newsletter": "email",
    "sendgrid": "email",
}
"""Words for channels that people bring along from elsewhere, and what they are called here."""


def _channel(value: object) -> Channel:
    """A channel that can be used. Of another package it is loaded here, so that what is wrong with it is told here."""
    known = networks.known()
    if not isinstance(value, str) or value not in known:
        raise PydanticCustomError("choice", "", {"expected": ", ".join(known)})
    if value not in CHANNELS:
        try:
            networks.get(value)
        except NotConfigured as error:
            raise wrong("cannot be used", str(error)) from None
    return Channel(value)


def _network(value: object) -> str:
    """A key that names a network of another package."""
    name = str(value)
    if not networks.is_installed(name):
        known = [one for one in networks.known() if one != EMAIL]
        raise PydanticCustomError("unknown_network", "", {"known": tuple(known), "name": name})
    return name


def handle_checks(network: str) -> Callable[[str], str | None]:
    """What a network of another package says of an account's name there."""
    return networks.get(network).handle


_OTHERS: dict[str, Any] = {"type": "string", "pattern": f"^(?:{networks.NAME.pattern})$", "not": {"enum": [*SYNONYMS]}}

OTHER_KEYS: dict[str, Any] = {"propertyNames": _OTHERS}
"""What an editor is told of keys that are networks: any name that one may have."""

KnownChannel = Annotated[
    Channel,
    BeforeValidator(_channel),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(CHANNELS)}, _OTHERS]}),
]
NetworkName = Annotated[str, BeforeValidator(_network)]
