"""What is set for networks of other packages: kept as it was written, and understood when such a network is used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from campaign import networks, setting_values
from campaign.errors import BadInput, NotConfigured, Problem
from campaign.networks.added import Added

PREFIX = "CAMPAIGN_"
DEEPER = "__"
ACCOUNT_NAME = r"[A-Z0-9]+(?:[-_][A-Z0-9]+)*"

_BASE_URL = "BASE_URL"


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable as somebody wrote it; ``key`` is its name in canonical form. ``line`` is 0 in the environment."""

    key: str
    name: str
    value: str = field(repr=False)
    file: str
    line: int

    def wrong(self, what: str, remedy: str = "") -> Problem:
        return Problem(file=self.file, line=self.line, where=self.name, what=what, remedy=remedy)


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What is set for one network: its accounts' variables, by the account's canonical name."""

    base_url: str | None
    accounts: Mapping[str, Mapping[str, SecretStr]]


def account_name(written: str) -> str:
    """An account's canonical name. US_National, us-national and US-NATIONAL are one account, ``us-national``."""
    return written.lower().replace("_", "-")


def network_of(name: str) -> str:
    """The network of another package that a variable is for, "" where it is for none that is installed."""
    match = re.match(rf"{PREFIX}([A-Z][A-Z0-9]*){DEEPER}", name.upper())
    return match[1].lower() if match and networks.is_installed(match[1].lower()) else ""


def canonical(name: str) -> str:
    """A variable of such a network in capitals, with ``-`` within an account's name."""
    head, match = _taken_apart(name.upper())
    return f"{head}ACCOUNTS{DEEPER}{match[1].replace('_', '-')}{DEEPER}{match[2]}" if match else name.upper()


def read(network: Added, entries: Sequence[Entry]) -> NetworkSettings:
    """Understand ``entries``, which are all of the network's. BadInput with everything that is wrong."""
    known = tuple(one.name for one in network.variables)
    problems: list[Problem] = []
    accounts: dict[str, dict[str, Entry]] = {}
    base_url: str | None = None
    for entry in entries:
        head, match = _taken_apart(entry.key)
        if entry.key == f"{head}{_BASE_URL}":
            try:
                base_url = setting_values.web_address(entry.value)
            except PydanticCustomError as error:
                context = error.context or {}
                problems.append(entry.wrong(str(context["what"]), str(context["remedy"])))
        elif match and match[2].lower() in known:
            accounts.setdefault(account_name(match[1]), {})[match[2].lower()] = entry
        else:
            problems.append(_unknown(entry, network))
    problems += [one for found in accounts.values() for one in _missing(network, found)]
    if problems:
        raise BadInput(problems)
    return NetworkSettings(
        base_url,
        {
            account: {variable: SecretStr(entry.value) for variable, entry in found.items()}
            for account, found in accounts.items()
        },
    )


def find(found: NetworkSettings, network: Added, name: str) -> Mapping[str, str]:
    """The variables of the account that a plan calls ``name``. NotConfigured, with what to set, where there is none."""
    account = found.accounts.get(account_name(name))
    if account is not None:
        return {variable: value.get_secret_value() for variable, value in account.items()}
    needed = ", ".join(_variable(network, name, one.name) for one in network.variables if one.needed)
    close = get_close_matches(account_name(name), found.accounts, n=1)
    remedy = f'did you mean "{close[0]}"? Else set {needed}' if close else f"set {needed}"
    raise NotConfigured(f'the {network.name} account "{name}" is not in the settings; {remedy}')


def _taken_apart(upper: str) -> tuple[str, re.Match[str] | None]:
    """What a network's variables begin with, and this one's account and own name, where it is an account's."""
    head = upper[: upper.index(DEEPER)] + DEEPER
    return head, re.fullmatch(rf"{head}ACCOUNTS{DEEPER}({ACCOUNT_NAME}){DEEPER}([A-Z0-9_]+)", upper)


def _variable(network: Added, account: str, variable: str) -> str:
    written = account.upper().replace("-", "_")
    return f"{PREFIX}{network.name.upper()}{DEEPER}ACCOUNTS{DEEPER}{written}{DEEPER}{variable.upper()}"


def _unknown(entry: Entry, network: Added) -> Problem:
    head = f"{PREFIX}{network.name.upper()}{DEEPER}"
    account = re.match(rf"A[A-Z]*_+({ACCOUNT_NAME}?){DEEPER}", entry.key.removeprefix(head))
    named = account[1] if account else "NAME"
    known = [f"{head}{_BASE_URL}", *(_variable(network, named, one.name) for one in network.variables)]
    close = get_close_matches(entry.name.upper(), known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"{network.title} has {', '.join(known)}"
    return entry.wrong("is not known", remedy)


def _missing(network: Added, found: Mapping[str, Entry]) -> Iterator[Problem]:
    first = next(iter(found.values()))
    match = _taken_apart(first.key)[1]
    for one in network.variables:
        if one.needed and one.name not in found and match is not None:
            name = _variable(network, match[1], one.name)
            yield Problem(first.file, first.line, name, "is missing", "an account needs all of its variables")
