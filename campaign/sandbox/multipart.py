"""Reads what a form with files sends (RFC 7578)."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple


class Part(NamedTuple):
    """One field of a form. ``type`` is the media type that the sender says it is, "" where it says nothing."""

    name: str
    body: bytes
    filename: str = ""
    type: str = ""


def parts(content_type: str, body: bytes) -> Sequence[Part]:
    """The fields of a multipart/form-data body, in order. ValueError where it is none."""
    told = Message()
    told["content-type"] = content_type
    boundary = told.get_boundary()
    if told.get_content_type() != "multipart/form-data" or not boundary:
        raise ValueError("this is no multipart/form-data")
    _, *pieces = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if not pieces or not pieces[-1].startswith(b"--"):
        raise ValueError("the form does not end")
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, found, body = piece.partition(b"\r\n\r\n")
    if not found:
        raise ValueError("a field without its head")
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n"))
    name = str(headers.get_param("name", "", header="content-disposition"))
    if not name:
        raise ValueError("a field without a name")
    told = headers.get_content_type() if "content-type" in headers else ""
    return Part(name, body, headers.get_filename() or "", told)
