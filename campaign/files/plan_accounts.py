"""The accounts that posts come from, each by its name on its network: who must stand behind the credentials."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from campaign.errors import BadInput, NotConfigured
from campaign.files.plan_document import Document
from campaign.files.plan_errors import Place
from campaign.files.plan_networks import OTHER_KEYS, NetworkName, handle_checks
from campaign.files.plan_values import Name, did_you_mean, wrong

_MANY = 500
_CHARACTERS = (100, 100_000)
"""As few as a server has been seen to take, and more than any should."""
_LONGEST = 320
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?"


def _handle(pattern: str, network: str, example: str) -> tuple[Any, AfterValidator]:
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        name = text.strip().removeprefix("@")
        if not compiled.fullmatch(name.lower()):
            raise wrong(f"is no name on {network}", f"write it as in {example}")
        return name

    return Field(max_length=_LONGEST), AfterValidator(check)


# https://help.x.com/en/managing-your-account/x-username-rules: up to 15 letters, digits and underscores.
XHandle = Annotated[str, *_handle("[a-z0-9_]{1,15}", "X", "freetowalk")]
# https://atproto.com/specs/handle: a domain name, of 253 characters at most.
BlueskyHandle = Annotated[str, *_handle(rf"(?=.{{1,253}}$){_DOMAIN}", "Bluesky", "freetowalk.example.org")]
# https://docs.joinmastodon.org/spec/webfinger/: the account's name and its server.
MastodonHandle = Annotated[
    str, *_handle(rf"[a-z0-9_]+(?:[.-]+[a-z0-9_]+)*@{_DOMAIN}", "Mastodon", '"freetowalk@social.example.org"')
]


_Other = Annotated[str, *_handle(r"[^\s@]\S*", "any network", "freetowalk")]


class MastodonAccountDocument(Document):
    """An account whose server takes longer posts than others, or shorter ones: who it is, and how long they may be."""

    handle: MastodonHandle = Field(
        description="Who it is, with its server.", examples=["freetowalk@social.example.org"]
    )
    characters: Annotated[int, Field(ge=_CHARACTERS[0], le=_CHARACTERS[1])] | None = Field(
        default=None,
        description="How many characters a post may have on its server; `campaign doctor` holds it to the server.",
        examples=[5000],
    )


def _account(value: object) -> object:
    """A name alone is short for an account on a server that takes what most do."""
    if not isinstance(value, str):
        return value
    try:
        handle = _HANDLE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "plan":
            raise wrong(**first["ctx"]) from None
        raise wrong("is longer than any name", "write it as it is on its server") from None
    return MastodonAccountDocument.model_construct(handle=handle)


_HANDLE: TypeAdapter[str] = TypeAdapter(MastodonHandle)
_TEXT = {"type": "string", "maxLength": _LONGEST}
_NUMBER = {"type": "integer", "minimum": _CHARACTERS[0], "maximum": _CHARACTERS[1]}
MastodonAccount = Annotated[
    MastodonAccountDocument,
    BeforeValidator(_account),
    WithJsonSchema(
        {
            "anyOf": [
                {**_TEXT, "description": "Who it is, with its server."},
                {
                    "type": "object",
                    "description": MastodonAccountDocument.__doc__,
                    "properties": {"handle": _TEXT, "characters": _NUMBER},
                    "required": ["handle"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class AccountsDocument(Document):
    """The accounts by network, each with its name there. Where a network is listed, its steps may name no others."""

    model_config = ConfigDict(extra="allow", json_schema_extra=OTHER_KEYS)
    __pydantic_extra__: dict[NetworkName, Annotated[dict[Name, _Other], Field(min_length=1, max_length=_MANY)]] = Field(
        init=False
    )

    x: Annotated[dict[Name, XHandle], Field(min_length=1, max_length=_MANY)] | None = Field(
        default=None,
        description="On X: the account's name in the settings, and who it is there, without the @.",
        examples=[{"national": "freetowalk", "washington": "freetowalk_wa"}],
        json_schema_extra={"additionalProperties": False},
    )
    bluesky: Annotated[dict[Name, BlueskyHandle], Field(min_length=1, max_length=_MANY)] | None = Field(
        default=None,
        description="On Bluesky: the account's name in the settings, and its handle.",
        examples=[{"national": "freetowalk.example.org"}],
        json_schema_extra={"additionalProperties": False},
    )
    mastodon: Annotated[dict[Name, MastodonAccount], Field(min_length=1, max_length=_MANY)] | None = Field(
        default=None,
        description="On Mastodon: the account's name in the settings, and who it is with its server; with `characters` "
        "where its server takes longer posts than most.",
        examples=[
            {
                "national": "freetowalk@social.example.org",
                "ohio": {"handle": "freetowalk@ohio.example.org", "characters": 5000},
            }
        ],
        json_schema_extra={"additionalProperties": False},
    )

    def handles(self) -> Mapping[str, Mapping[str, str]]:
        """By network and account; networks that are not listed are left out."""
        mastodon = None if self.mastodon is None else {name: one.handle for name, one in self.mastodon.items()}
        listed = {"x": self.x, "bluesky": self.bluesky, "mastodon": mastodon, **(self.__pydantic_extra__ or {})}
        return {network: dict(names) for network, names in listed.items() if names is not None}

    def longest(self) -> Mapping[str, Mapping[str, int]]:
        """How many characters a post of an account may have, where the plan says it, by network and account."""
        said = {name: one.characters for name, one in (self.mastodon or {}).items() if one.characters is not None}
        return {"mastodon": said} if said else {}


def twice(accounts: AccountsDocument) -> Iterator[tuple[Place, str, str]]:
    """Two names for one account on its network: the same would be posted there twice. Place, what, remedy."""
    for network, names in accounts.handles().items():
        seen: dict[str, str] = {}
        for name, handle in names.items():
            first = seen.setdefault(handle.lower(), name)
            if first != name:
                what = f'"{name}" and "{first}" are one account on {network}, {handle}'
                yield ("accounts", network, name), what, "keep one name for it"


def misnamed(accounts: AccountsDocument) -> Iterator[tuple[Place, str, str]]:
    """Names that are none on a network of another package, as it says itself. Place, what, remedy."""
    for network, names in (accounts.__pydantic_extra__ or {}).items():
        for name, handle in names.items():
            try:
                wrong = handle_checks(network)(handle)
            except (BadInput, NotConfigured) as error:
                yield ("accounts", network), f'the network "{network}" cannot be used', str(error)
                break
            if wrong:
                yield ("accounts", network, name), f'{name} "{handle}": {wrong}', ""


def unlisted(accounts: AccountsDocument, network: str, named: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with an account that a step names although the plan lists others for its network; and a remedy."""
    names = accounts.handles().get(network)
    if names is None:
        return
    for name in dict.fromkeys(named):
        if name not in names:
            remedy = did_you_mean(name, tuple(names)) or f"add it under `accounts: {network}:` with its name there"
            yield f'account "{name}" is not among the plan\'s accounts on {network}', remedy
