"""Every request that the program makes to SendGrid, in whatever test, is held to SendGrid's own specification.

Python tells of what it sends by HTTP in audit events (https://docs.python.org/3/library/audit_events.html), so that
nothing has to be put in between: this hears each request of this process to whatever server. What programs of their
own have sent stands in the journals of their stand-ins.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS31Validator
from ruamel.yaml import YAML

SPECIFICATIONS = ("sendgrid_mail_v3.yaml", "sendgrid_scheduled_sends_v3.yaml")
ELSEWHERE = ("/v3/scopes",)
"""Endpoints of SendGrid that these specifications say nothing of."""
_MOST = 1_000
"""Personalizations in a request (maxItems)."""
_HEAD = re.compile(rb"(\w+) (?:https?://[^/]+)?\S*?(/v3/\S*) HTTP/1\.[01]\r\n")
_TYPE = re.compile(rb"^content-type: ([^\r]+)\r$", re.IGNORECASE | re.MULTILINE)
_OURS = re.compile(rb"^user-agent: campaign\r$", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length: (\d+)\r$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """``path`` has its query with it; ``type`` is the body's."""

    method: str
    path: str
    body: bytes = b""
    type: str = ""


class Specification:
    """What the folder's files say of the bodies of requests. Names that they do not know are errors, too."""

    def __init__(self, folder: Path) -> None:
        self._operations: list[tuple[str, re.Pattern[str], dict[str, Any] | None]] = []
        for name in SPECIFICATIONS:
            document = YAML(typ="safe").load(folder / name)
            for path, item in document["paths"].items():
                pattern = re.compile(re.sub(r"\\{\w+\\}", r"[\\w-]+", re.escape(path)))
                for method, operation in item.items():
                    if method != "parameters":
                        self._operations.append((method.upper(), pattern, _schema(document, operation)))

    def wrong(self, request: Request) -> list[str]:
        """What the specification says against it; empty where nothing."""
        if request.path in ELSEWHERE:
            return []
        for method, pattern, schema in self._operations:
            if method == request.method and pattern.fullmatch(request.path):
                return _wrong(request, schema)
        return [f"{request.method} {request.path} is not specified"]


def _schema(document: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any] | None:
    body = _resolved(document, operation.get("requestBody"))
    return None if body is None else _strict(body["content"]["application/json"]["schema"])


def _resolved(document: Mapping[str, Any], value: Any) -> Any:
    """``value`` with what it refers to in its place; these specifications refer in no circle."""
    if isinstance(value, dict):
        if "$ref" in value:
            found: Any = document
            for name in value["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            return _resolved(document, found)
        return {name: _resolved(document, one) for name, one in value.items()}
    return [_resolved(document, one) for one in value] if isinstance(value, list) else value


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def _wrong(request: Request, schema: dict[str, Any] | None) -> list[str]:
    place = f"{request.method} {request.path}"
    if schema is None:
        return [f"{place} has a body, which is not specified"] if request.body else []
    try:
        body = json.loads(request.body)
    except ValueError:
        return [f"{place} is no JSON"]
    found = []
    for distinct in _distinct(body):
        for error in OAS31Validator(schema).iter_errors(distinct):
            where = ".".join(map(str, error.absolute_path))
            found.append(f"{place}: {where}: {error.validator}: {error.message[:200]}")
    return found


def _distinct(body: Any) -> Iterator[Any]:
    """The body with one personalization of each shape: those of one shape keep all rules, or break the same.

    A thousand alike would take seconds. How many there may be is a rule of its own.
    """
    if not isinstance(body, dict) or not isinstance(body.get("personalizations"), list):
        yield body
        return
    everybody = body["personalizations"]
    shapes = {_shape(one): one for one in everybody}
    yield {**body, "personalizations": list(shapes.values())}
    if len(everybody) > _MOST:
        yield {**body, "personalizations": everybody}


def _shape(value: Any) -> Any:
    """All that a rule of the specification could ask of a value: names, types, and which texts are empty."""
    if isinstance(value, dict):
        return tuple((name, _shape(one)) for name, one in value.items())
    if isinstance(value, list):
        return (len(value), *map(_shape, value))
    return (type(value), bool(value), isinstance(value, str) and "@" in value)


class Heard:
    """The requests of this process to SendGrid, or to whatever stood in its place, since they were last taken.

    ``head`` is what the first line of such a request is like: its method and path.
    """

    def __init__(self, head: re.Pattern[bytes] = _HEAD) -> None:
        self._head = head
        self._begun: dict[int, tuple[Request, int]] = {}
        self._whole: list[Request] = []
        sys.addaudithook(self._hear)

    def take(self) -> list[Request]:
        taken, self._whole = self._whole, []
        return taken

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "http.client.send" or not isinstance(arguments[1], bytes):
            return
        connection, data = id(arguments[0]), arguments[1]
        head = self._head.match(data)
        if head is not None:
            self._begun.pop(connection, None)
            length = _LENGTH.search(data)
            kind = _TYPE.search(data)
            request = Request(head[1].decode(), head[2].decode(), type=kind[1].decode() if kind else "")
            if not _OURS.search(data):
                return
            if length is None or length[1] == b"0":
                self._whole.append(request)
            else:
                self._begun[connection] = (request, int(length[1]))
        elif connection in self._begun:
            request, length_left = self._begun.pop(connection)
            request = replace(request, body=request.body + data)
            if len(request.body) >= length_left:
                self._whole.append(request)
            else:
                self._begun[connection] = (request, length_left)


@cache
def specification(shared: Path) -> Specification | None:
    """SendGrid's, where the folder that holds it is present."""
    return Specification(shared / "specs") if (shared / "specs" / SPECIFICATIONS[0]).exists() else None


def journalled(folder: Path) -> Iterator[Request]:
    """The requests that stand-ins in processes of their own have taken: those in the journals below ``folder``."""
    for journal in folder.rglob("*.jsonl"):
        for line in journal.read_bytes().splitlines():
            if line.startswith(b'{"kind":"sendgrid.request"') and line.endswith(b"}"):
                yield Request("POST", "/v3/mail/send", json.dumps(json.loads(line)["request"]).encode())
