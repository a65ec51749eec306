"""Who an account is to its Mastodon server, what its token may do, and what the server takes.

Limits: https://docs.joinmastodon.org/entities/Instance/#configuration. A server before Mastodon 4, and Akkoma, has them
at /api/v1/instance alone; Pleroma and its kin call the first of them max_toot_chars there.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from campaign.channels.mastodon_client import Clients, NoReply, Reply, Unreadable
from campaign.ports.channel import MAY_DELETE, MAY_POST, MAY_READ, MAY_SHOW, Left, Standing, Takes

_NOWHERE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.NOT_IMPLEMENTED)
_NO_POST = "0"
"""The id of no post and of no picture: asked for it, a server says whether the token may ask at all."""


def user(clients: Clients, account: str) -> tuple[str, str]:
    """The account's id and its name on its server. Raises Unreadable."""
    _, who = _who(clients, account)
    return str(who["id"]), str(who["acct"])


def standing(clients: Clients, account: str) -> Standing:
    """Ask the server for all that is to be known before anything is due. Raises Unreadable."""
    server = about(clients, account)
    reply, who = _who(clients, account)
    may = _may(clients, account)
    if MAY_POST not in may:
        raise Unreadable("its token may not post")
    most = takes(server)
    handle = f"{who['acct']}@{domain(server, clients.url(account))}"
    told = [f"{most.characters:,} characters a post" if most.characters else ""]
    moved = who.get("moved")
    if isinstance(moved, dict):
        told.append(f"the account has moved to @{moved.get('acct', 'another')}")
    left = reply.left()
    return Standing(
        account,
        f"@{handle}",
        ", ".join(one for one in told if one),
        handle=handle,
        may=may,
        left=Left(*left, until=reply.resets_at()) if left else None,
        takes=most,
    )


def about(clients: Clients, account: str) -> Mapping[str, Any]:
    """What the server says of itself. Raises Unreadable."""
    try:
        server = clients.read(account, lambda api: api.instance_v2())
    except Unreadable as error:
        if error.reply is None or error.reply.status not in _NOWHERE:
            raise
        server = clients.read(account, lambda api: api.instance_v1())
    if not isinstance(server, dict) or not (server.get("domain") or server.get("uri")):
        raise Unreadable("what answers is not Mastodon")
    return server


def takes(server: Mapping[str, Any]) -> Takes:
    """The limits in what a server says of itself; None for each that it does not tell."""
    configuration = _part(server, "configuration")
    posts, media = _part(configuration, "statuses"), _part(configuration, "media_attachments")
    types = media.get("supported_mime_types")
    return Takes(
        characters=_number(posts.get("max_characters")) or _number(server.get("max_toot_chars")),
        url_length=_number(posts.get("characters_reserved_per_url"), least=0),
        attachments=_number(posts.get("max_media_attachments")),
        image_bytes=_number(media.get("image_size_limit")),
        image_pixels=_number(media.get("image_matrix_limit")),
        video_bytes=_number(media.get("video_size_limit")),
        video_pixels=_number(media.get("video_matrix_limit")),
        alt=_number(media.get("description_limit")),
        types=tuple(one for one in types if isinstance(one, str)) if isinstance(types, list) else (),
    )


def domain(server: Mapping[str, Any], url: str) -> str:
    """The part after the @ in the names of a server's accounts, which may differ from its own (GoToSocial tells)."""
    named = str(server.get("account_domain") or server.get("domain") or server.get("uri") or "")
    return urlsplit(named if "//" in named else f"//{named}").netloc or urlsplit(url).netloc


def _who(clients: Clients, account: str) -> tuple[Reply, Mapping[str, Any]]:
    reply = clients.reading(account, lambda api: api.account_verify_credentials())
    who = reply.value
    if not isinstance(who, dict) or not who.get("id") or not who.get("acct"):
        raise Unreadable("what answers is not Mastodon")
    return reply, who


def _may(clients: Clients, account: str) -> tuple[str, ...]:
    """What the token's scopes allow: no server tells, so each is asked for something that is not there."""
    may = [MAY_READ]
    try:
        if _allowed(clients.call(account, lambda api: api.status_update(_NO_POST, "-"))):
            may = [MAY_POST, MAY_DELETE, *may]
        if _allowed(clients.call(account, lambda api: api.media(_NO_POST))):
            may.append(MAY_SHOW)
    except NoReply as none:
        raise Unreadable(str(none)) from None
    return tuple(may)


def _allowed(reply: Reply) -> bool:
    return reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def _part(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _number(told: object, *, least: int = 1) -> int | None:
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= least else None
