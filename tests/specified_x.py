"""Every request that the program makes to X, in whatever test, is held to X's own OpenAPI description.

They are heard as those to SendGrid are (``tests/specified.py``). Posts that programs of their own have made stand in
the journals of their stand-ins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_schema_validator import OAS30Validator

from campaign.sandbox import multipart
from tests.specified import Request

SPECIFICATION = "x_api_v2_openapi.json"
HEAD = re.compile(rb"(\w+) (?:/x)?(/2/\S*) HTTP/1\.[01]\r\n")
"""The first line of a request to X, which the sandbox has under /x."""
_BEFORE = "tweet.fields="
"""In a request that is made again in the names of before, because a server did not know today's."""
_FORM_OF_TOKENS = {"grant_type", "refresh_token", "client_id"}
"""RFC 6749, section 6: the description names the address of the token endpoint, and no more."""


class Specification:
    """What X says of the requests to it: the paths, their parameters, and the bodies, of which no name is to be new."""

    def __init__(self, file: Path) -> None:
        self._document = json.loads(file.read_bytes())
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", r"[^/]+", re.escape(path))), path) for path in self._document["paths"]
        ]
        # A path without a variable goes before one that would swallow it.
        self._paths.sort(key=lambda one: one[1].count("{"))
        flow = self._document["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"]
        self._tokens_at = urlsplit(flow["tokenUrl"]).path

    def wrong(self, request: Request) -> list[str]:
        """What the description says against it; empty where nothing."""
        url = urlsplit(request.path)
        place = f"{request.method} {url.path}"
        if url.path == self._tokens_at:
            named = {name for name, _ in parse_qsl(request.body.decode())}
            return [f"{place}: {name} is not known" for name in sorted(named - _FORM_OF_TOKENS)]
        path = next((path for pattern, path in self._paths if pattern.fullmatch(url.path)), None)
        operation = None if path is None else self._document["paths"][path].get(request.method.lower())
        if operation is None:
            return [f"{place} is not specified"]
        if _BEFORE in url.query:
            return []
        found = [*self._wrong_query(operation, url.query), *self._wrong_body(operation, request)]
        return [f"{place}: {one}" for one in found]

    def _wrong_query(self, operation: Mapping[str, Any], query: str) -> Iterator[str]:
        known = {}
        for one in operation.get("parameters", ()):
            described = self._resolved(one)
            if described["in"] == "query":
                known[described["name"]] = described
        asked = dict(parse_qsl(query, keep_blank_values=True))
        for name, described in known.items():
            if described.get("required") and name not in asked:
                yield f"the parameter {name} is missing"
        for name, written in asked.items():
            if name not in known:
                yield f"the parameter {name} is not known"
                continue
            yield from self._against(known[name]["schema"], self._read(known[name]["schema"], written), name)

    def _wrong_body(self, operation: Mapping[str, Any], request: Request) -> Iterator[str]:
        described = operation.get("requestBody")
        if described is None:
            if request.body:
                yield "it has a body, which is not specified"
            return
        kind = request.type.partition(";")[0].strip()
        if kind not in described["content"]:
            yield f"a body of {kind or 'no type'} is not specified"
            return
        schema = described["content"][kind]["schema"]
        try:
            yield from self._against(schema, self._body(schema, kind, request), "body")
        except ValueError:
            yield f"the body is no {kind}"

    def _body(self, schema: Mapping[str, Any], kind: str, request: Request) -> Any:
        if kind == "application/json":
            return json.loads(request.body)
        properties = self._resolved(schema)["properties"]
        form = {part.name: part.body for part in multipart.parts(request.type, request.body)}
        # A file is bytes, of which a schema of JSON can say nothing.
        return {
            name: "a file" if name == "media" else self._read(properties.get(name, {}), body.decode())
            for name, body in form.items()
        }

    def _read(self, schema: Mapping[str, Any], written: str) -> Any:
        """What is written in a query or form, as the schema's type has it."""
        match self._resolved(schema).get("type"):
            case "array":
                return written.split(",")
            case "integer":
                return int(written) if re.fullmatch(r"-?\d+", written) else written
            case _:
                return written

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Any = value
        while "$ref" in found:
            target: Any = self._document
            for name in found["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            found = target
        return found  # type: ignore[no-any-return]  # it is a part of a JSON document

    def _against(self, schema: Mapping[str, Any], value: Any, name: str) -> Iterator[str]:
        whole = {"components": self._document["components"], **schema}
        for error in OAS30Validator(whole).iter_errors(value):
            where = ".".join(map(str, (name, *error.absolute_path)))
            yield f"{where}: {error.validator}: {error.message[:200]}"


@cache
def specification(shared: Path) -> Specification | None:
    """X's, where the folder that holds it is present."""
    file = shared / "specs" / SPECIFICATION
    return Specification(file) if file.exists() else None


def journalled(folder: Path) -> Iterator[Request]:
    """The posts that stand-ins in processes of their own have taken: those in the journals below ``folder``."""
    for journal in folder.rglob("*.jsonl"):
        for line in journal.read_bytes().splitlines():
            if line.startswith(b'{"kind":"x.post"') and line.endswith(b"}"):
                asked = json.dumps(json.loads(line)["request"]).encode()
                yield Request("POST", "/2/tweets", asked, "application/json")
