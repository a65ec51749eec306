"""The settings: the only reader of the environment and of .env. Begin at ``load``.

Every variable begins with CAMPAIGN_, and two underscores go one level down. The environment wins over .env, an empty
value is no value, and nothing in a value is expanded. ``.env.example`` lists and explains every variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self, TypeGuard, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from campaign import setting_networks, setting_values
from campaign.errors import BadInput, NotConfigured, Problem
from campaign.files import env_file as env_files
from campaign.flow.notices import ALL
from campaign.model.notice import NoticeKind
from campaign.model.posted import READ_AFTER
from campaign.networks.added import Added
from campaign.setting_networks import ACCOUNT_NAME, DEEPER, PREFIX, Entry, NetworkSettings, account_name

ACCOUNT = "<NAME>"
"""Stands in a variable's name for an account's."""

DEFAULT_FILE = Path(".env")

_LONGEST_VALUE = 4_096
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


_X_OAUTH_1 = ("api_key", "api_secret", "access_token_secret")
_X_OAUTH_2 = ("client_id", "client_secret", "refresh_token")

WebAddress = Annotated[str, AfterValidator(setting_values.web_address)]
ReadAfter = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(setting_values.read_after)]
Hours = Annotated[timedelta | None, BeforeValidator(setting_values.hours)]
NoticeKinds = Annotated[frozenset[NoticeKind], NoDecode, BeforeValidator(setting_values.notice_kinds)]
MicroUsd = Annotated[int, BeforeValidator(setting_values.micro_usd)]
"""An amount written in US dollars, as millionths of one."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Web(_Part):
    """``keep_raw_days``: how long what SendGrid posted is kept as it came. ``actions_secret`` signs what the action
    page posts; None takes nothing from it."""

    keep_raw_days: Annotated[int, BeforeValidator(setting_values.days)] = 90
    actions_secret: Annotated[SecretStr, AfterValidator(setting_values.secret_key)] | None = None


class Run(_Part):
    """What the running program shows beside its report. ``metrics`` is HOST:PORT; None serves none."""

    metrics: Annotated[str, AfterValidator(setting_values.listening)] | None = None
    log_format: Annotated[Literal["text", "json"], BeforeValidator(setting_values.lower)] = "text"
    log_file: Path | None = None


class Notify(_Part):
    """Whom to tell what happens: ``urls`` are apprise's, with spaces between, and none tell nobody."""

    urls: Annotated[SecretStr, AfterValidator(setting_values.notify_urls)] | None = None
    on: NoticeKinds = ALL

    def addresses(self) -> tuple[str, ...]:
        return tuple(self.urls.get_secret_value().split()) if self.urls is not None else ()


class SendGrid(_Part):
    api_key: SecretStr | None = None
    base_url: WebAddress = "https://api.sendgrid.com"
    webhook_public_key: Annotated[str, AfterValidator(setting_values.webhook_key)] | None = None


class Smtp(_Part):
    """``port`` where none is given: 587 for starttls, 465 for tls, 25 for none. E-mail is signed by DKIM where the
    three variables for it are set.
    """

    host: Annotated[str, AfterValidator(setting_values.host)] | None = None
    port: Annotated[int, AfterValidator(setting_values.port)] = _PORTS["starttls"]
    username: str | None = None
    password: SecretStr | None = None
    security: Annotated[Literal["starttls", "tls", "none"], BeforeValidator(setting_values.lower)] = "starttls"
    connections: Annotated[int, BeforeValidator(setting_values.connections)] = 4
    dkim_domain: Annotated[str, AfterValidator(setting_values.host)] | None = None
    dkim_selector: Annotated[str, AfterValidator(setting_values.selector)] | None = None
    dkim_key_file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, written: object) -> object:
        if not isinstance(written, dict) or "port" in written:
            return written
        return {"port": _PORTS.get(str(written.get("security", "starttls")).lower(), _PORTS["starttls"]), **written}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            raise setting_values.wrong("is missing", "a user name and a password go together", variable=missing)
        signing = ("dkim_domain", "dkim_selector", "dkim_key_file")
        unset = [name for name in signing if getattr(self, name) is None]
        if unset and len(unset) < len(signing):
            remedy = "to sign by DKIM, a domain, a selector and a key go together"
            raise setting_values.wrong("is missing", remedy, variable=unset[0])
        return self


class XAccount(_Part):
    """By OAuth 1.0a, with ``api_key``, ``api_secret`` and ``access_token_secret``, or by OAuth 2, with ``client_id``,
    ``refresh_token`` and, for a confidential client, ``client_secret``; ``access_token`` belongs to either."""

    api_key: SecretStr | None = None
    api_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    access_token_secret: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    refresh_token: SecretStr | None = None

    @property
    def by_oauth_2(self) -> bool:
        return any(getattr(self, name) is not None for name in _X_OAUTH_2)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        needed = ("client_id", "access_token", "refresh_token") if self.by_oauth_2 else ("access_token", *_X_OAUTH_1)
        if self.by_oauth_2:
            for name in _X_OAUTH_1:
                if getattr(self, name) is not None:
                    remedy = "an account signs in with OAuth 1.0a or with OAuth 2: keep the variables of one of them"
                    raise setting_values.wrong("is of OAuth 1.0a, beside others of OAuth 2", remedy, variable=name)
        missing = [name.upper() for name in needed if getattr(self, name) is None]
        if missing:
            also = f" and {', '.join(missing[1:])}" if missing[1:] else ""
            way = "OAuth 2" if self.by_oauth_2 else "OAuth 1.0a"
            remedy = f"to sign in with {way}, an account needs this{also}"
            raise setting_values.wrong("is missing", remedy, variable=missing[0].lower())
        return self


class BlueskyAccount(_Part):
    handle: Annotated[str, AfterValidator(setting_values.handle)]
    app_password: SecretStr


class MastodonAccount(_Part):
    """``base_url`` is its server, where that is not the one that all the accounts without are on."""

    access_token: SecretStr
    base_url: WebAddress | None = None


class XPrices(_Part):
    """What X charges, pay per use. https://docs.x.com/x-api/getting-started/pricing"""

    post_usd: MicroUsd = 15_000
    post_with_url_usd: MicroUsd = 200_000
    media_usd: MicroUsd = 5_000
    own_read_usd: MicroUsd = 1_000


class X(_Part):
    """Accounts here and below go by their canonical name, see ``account_name``. No ``budget_usd`` is no limit."""

    base_url: WebAddress = "https://api.x.com"
    prices: XPrices = XPrices()
    budget_usd: MicroUsd | None = None
    accounts: Mapping[str, XAccount] = Field(default_factory=dict)


class Bluesky(_Part):
    base_url: WebAddress = "https://bsky.social"
    accounts: Mapping[str, BlueskyAccount] = Field(default_factory=dict)


class Mastodon(_Part):
    base_url: WebAddress = "https://mastodon.social"
    accounts: Mapping[str, MastodonAccount] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _server_named(self) -> Self:
        # There are thousands of servers: a default would hand an account's token to one that is not its own.
        without = any(account.base_url is None for account in self.accounts.values())
        if without and "base_url" not in self.model_fields_set:
            raise setting_values.wrong("is missing", "name the server that the accounts are on", variable="base_url")
        return self


class Settings(BaseSettings):
    """What a person has set, checked. ``Settings(...)`` takes what it is given; only ``load`` reads the world."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter=DEEPER, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    database_url: Annotated[SecretStr, AfterValidator(setting_values.database)] = SecretStr("sqlite:///campaign.db")
    secret_key: Annotated[SecretStr, AfterValidator(setting_values.secret_key)] | None = None
    public_url: WebAddress = "https://campaign.example.org"
    read_metrics_after: ReadAfter = READ_AFTER
    confirm_within: Hours = None
    notify: Notify = Notify()
    web: Web = Web()
    run: Run = Run()
    sendgrid: SendGrid = SendGrid()
    smtp: Smtp = Smtp()
    x: X = X()
    bluesky: Bluesky = Bluesky()
    mastodon: Mastodon = Mastodon()
    _of_networks: tuple[Entry, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings  # for load() to read, with their lines
        return (init_settings,)

    def secret(self) -> bytes:
        """The secret key, of at least 16 bytes. Raises NotConfigured where none is set."""
        if self.secret_key is None:
            raise NotConfigured(f"{PREFIX}SECRET_KEY is not set; {setting_values.MAKE_ONE} and put it into .env")
        return self.secret_key.get_secret_value().encode()

    def network(self, network: Added) -> NetworkSettings:
        """What is set for a network of another package. BadInput with all that is wrong with it."""
        own = [entry for entry in self._of_networks if setting_networks.network_of(entry.key) == network.name]
        return setting_networks.read(network, own)


AccountT = TypeVar("AccountT", XAccount, BlueskyAccount, MastodonAccount)


def find_account(accounts: Mapping[str, AccountT], channel: str, name: str) -> AccountT:
    """The account that a plan calls ``name``. Raises NotConfigured, with the variables to set, where there is none."""
    found = accounts.get(account_name(name))
    if found is not None:
        return found
    head, written = f"{PREFIX}{channel.upper()}{DEEPER}", name.upper().replace("-", "_")
    needed = [each.replace(ACCOUNT, written) for each in VARIABLES if each.startswith(head) and ACCOUNT in each]
    if channel == "x":  # there are two ways to sign in; the older one needs nothing renewed
        needed = [each for each in needed if each.rpartition(DEEPER)[2].lower() not in _X_OAUTH_2]
    close = get_close_matches(account_name(name), accounts, n=1)
    remedy = f'did you mean "{close[0]}"? Else set ' if close else "set "
    raise NotConfigured(f'the {channel} account "{name}" is not in the settings; {remedy}{", ".join(needed)}')


def _variables(model: type[BaseModel], head: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        variable = head + name.upper()
        inner = [each for each in (info.annotation, *get_args(info.annotation)) if _is_model(each)]
        if not inner:
            yield variable
        else:
            below = variable + DEEPER + ("" if inner[0] is info.annotation else ACCOUNT + DEEPER)
            yield from _variables(inner[0], below)


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


VARIABLES = tuple(_variables(Settings, PREFIX))
"""The name of every variable there is, with ``<NAME>`` for an account's."""


def load(env_file: Path = DEFAULT_FILE) -> Settings:
    """The settings from ``env_file`` and the environment, which wins.

    A ``.env`` that is not there is no error, any other missing file is one. Raises BadInput with everything that is
    wrong, each with its file and line or "environment"; no error repeats a value.
    """
    problems: list[Problem] = []
    written = {entry.key: entry for entry in _usable(_written(env_file, problems), problems)}
    others = tuple(entry for entry in written.values() if setting_networks.network_of(entry.key))
    entries = {key: entry for key, entry in written.items() if entry not in others}
    source = EnvSettingsSource(Settings)
    source.env_vars = {entry.key.lower(): entry.value for entry in entries.values()}
    try:
        settings = Settings.model_validate(source())
    except ValidationError as error:
        problems += [_problem(each, entries, str(env_file)) for each in error.errors(include_url=False)]
    if problems:
        raise BadInput(problems)
    settings._of_networks = others  # noqa: SLF001 - kept by whoever reads the world, and by nobody else
    return settings


def _written(env_file: Path, problems: list[Problem]) -> Iterator[Entry]:
    """Everything in the file, then everything of ours in the environment."""
    if env_file != DEFAULT_FILE or env_file.exists():
        try:
            assignments, unreadable = env_files.read(env_file)
        except BadInput as error:
            assignments, unreadable = [], list(error.problems)
        problems += unreadable
        for name, value, line in assignments:
            yield Entry(key=_canonical(name), name=name, value=value.strip(), file=str(env_file), line=line)
    for name, value in os.environ.items():
        if name.upper().startswith(PREFIX):
            yield Entry(key=_canonical(name), name=name, value=value.strip(), file="environment", line=0)


def _usable(written: Iterable[Entry], problems: list[Problem]) -> Iterator[Entry]:
    """What is ours, well formed and not empty; what is wrong with the rest goes to ``problems``."""
    seen: dict[tuple[str, str], Entry] = {}
    for entry in written:
        if not entry.key:
            problems += _unknown(entry)
            continue
        first = seen.setdefault((entry.file, entry.key), entry)
        if first is not entry:
            where = f"in line {first.line}" if first.line else f"as {first.name}"
            problems.append(entry.wrong("is set twice", f"it stands {where} already; keep one"))
        elif re.search(r"[\x00-\x1f\x7f]", entry.value):
            problems.append(entry.wrong("holds a line break or another control character", "write it on one line"))
        elif len(entry.value) > _LONGEST_VALUE:
            problems.append(entry.wrong(f"is longer than {_LONGEST_VALUE:,} characters"))
        elif entry.value:
            yield entry


def _canonical(name: str) -> str:
    """A known variable's name in capitals, with ``-`` within an account's name; "" where it is not known."""
    upper = name.upper()
    for variable in VARIABLES:
        head, account, tail = variable.partition(ACCOUNT)
        if not account and upper == variable:
            return variable
        if account and (match := re.fullmatch(re.escape(head) + f"({ACCOUNT_NAME})" + re.escape(tail), upper)):
            return head + match[1].replace("_", "-") + tail
    return setting_networks.canonical(upper) if setting_networks.network_of(upper) else ""


def _unknown(entry: Entry) -> list[Problem]:
    """What to say of a variable that is not ours: nothing where it is another program's."""
    head, _, rest = entry.name.upper().partition("_")
    if head + "_" != PREFIX:
        slip = get_close_matches(head, [PREFIX[:-1]], cutoff=0.8) and _canonical(PREFIX + rest)
        return [entry.wrong("is not known", f"did you mean {PREFIX}{rest}?")] if slip else []
    account = re.match(rf"[A-Z]+_+ACCOUNTS_+({ACCOUNT_NAME}){DEEPER}", rest)
    known = [variable.replace(ACCOUNT, account[1]) if account else variable for variable in VARIABLES]
    squeezed = {re.sub("_+", "_", variable.removeprefix(PREFIX)): variable for variable in known}
    close = get_close_matches(re.sub("_+", "_", rest), squeezed, n=1)
    remedy = f"did you mean {squeezed[close[0]]}?" if close else ".env.example lists every variable"
    return [entry.wrong("is not known", remedy)]


def _problem(error: ErrorDetails, entries: Mapping[str, Entry], file: str) -> Problem:
    context = error.get("ctx", {})
    path = [str(part) for part in error["loc"]] + [name for name in [context.get("variable")] if name]
    key = PREFIX + DEEPER.join(path).upper()
    entry = entries.get(key)
    if entry is None:  # it is not there at all: point at its nearest relation that is
        above = key.rpartition(DEEPER)[0] + DEEPER
        line = next((each for each in entries.values() if each.key.startswith(above)), None)
        name = key.replace("-", "_")
        entry = Entry(key=key, name=name, value="", file=line.file if line else file, line=line.line if line else 0)
    match error["type"]:
        case "wrong":
            return entry.wrong(context["what"], context["remedy"])
        case "missing":
            return entry.wrong("is missing", "an account needs all of its variables")
        case "int_parsing":
            return entry.wrong("must be a whole number from 1 to 65535")
        case "literal_error":
            choices = re.findall(r"'([^']*)'", context["expected"])
            close = get_close_matches(entry.value.lower(), choices, n=1)
            remedy = f"did you mean {close[0]}?" if close else ""
            return entry.wrong(f"must be {', '.join(choices[:-1])} or {choices[-1]}", remedy)
        case _:
            return entry.wrong("cannot be used as it is", ".env.example shows what it must look like")
