"""SPF: who may send for a domain (RFC 7208), as far as it can be told without sending."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Literal

from campaign.ports.dns import Dns

MOST_LOOKUPS = 10
"""Terms that ask the DNS, in all records together; with more, receivers hold the record for broken (section 4.6.4)."""

Result = Literal["pass", "fail", "softfail", "neutral", "unknown"]

_RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
_TERM = re.compile(r"([+\-~?]?)([a-z0-9]+)(?:[:=]([^/]*))?((?:/\d+){0,2}|//\d+)", re.IGNORECASE)
_ASKING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_KNOWN = _ASKING | {"all", "ip4", "ip6", "exp"}
_DEEPEST = 10


def records(dns: Dns, domain: str) -> list[str]:
    return [text for text in dns.txt(domain) if re.match(r"v=spf1(?:\s|$)", text, re.IGNORECASE)]


@dataclass(slots=True)
class Spf:
    """What stands in the record of a domain and in all that it includes. ``wrong`` is what receivers stumble over."""

    lookups: int = 0
    includes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    ends: str = ""


def read(dns: Dns, domain: str) -> Spf:
    """Everything in the one record of ``domain``. ``ends`` is its ``all``, or its redirect."""
    found = Spf()
    _read(dns, domain, found, depth=0)
    return found


def _read(dns: Dns, domain: str, found: Spf, depth: int) -> None:
    written = records(dns, domain)
    if len(written) != 1:
        found.wrong.append(f"{domain} has {'no SPF record' if not written else f'{len(written)} SPF records'}")
        return
    for term in written[0].split()[1:]:
        parsed = _TERM.fullmatch(term)
        name = parsed[2].lower() if parsed else ""
        if parsed is None or name not in _KNOWN:
            # What is written with = and not known is a modifier, and to be passed over (section 6).
            if not re.fullmatch(r"[a-z][\w.-]*=.*", term, re.IGNORECASE):
                found.wrong.append(f'{domain} says "{term}", which is no term of SPF')
            continue
        if name in _ASKING:
            found.lookups += 1
        if name in ("include", "redirect") and parsed[3]:
            target = parsed[3].lower().rstrip(".")
            if name == "include":
                found.includes.append(target)
            # Above the limit no receiver goes on either, and a record that includes itself has no end.
            if "%" not in target and depth < _DEEPEST and found.lookups <= 2 * MOST_LOOKUPS:
                _read(dns, target, found, depth + 1)
        if depth == 0 and name in ("all", "redirect"):
            found.ends = term.lower()


def allows(dns: Dns, domain: str, address: str, depth: int = 0) -> Result:
    """What a receiver makes of mail from ``address`` in the name of ``domain``; unknown where macros decide."""
    written = records(dns, domain)
    if len(written) != 1 or depth > _DEEPEST:
        return "unknown"
    redirect = ""
    for term in written[0].split()[1:]:
        parsed = _TERM.fullmatch(term)
        if parsed is None:
            continue
        qualifier, name, value = parsed[1] or "+", parsed[2].lower(), (parsed[3] or "").lower().rstrip(".")
        if "%" in value:
            return "unknown"
        if name == "redirect":
            redirect = value
            continue
        if _matches(dns, domain, address, name, value, parsed[4], depth):
            return _RESULTS[qualifier]
    return allows(dns, redirect, address, depth + 1) if redirect else "neutral"


def _matches(  # noqa: PLR0911 - one answer a kind of term
    dns: Dns, domain: str, address: str, name: str, value: str, length: str, depth: int
) -> bool:
    match name:
        case "all":
            return True
        case "ip4":
            return _within(address, value, length)
        case "ip6":
            return _within(address, value, f"/{length}" if length else "")
        case "a":
            return any(_within(address, one, length) for one in dns.addresses(value or domain))
        case "mx":
            hosts = [host for _, host in dns.mx(value or domain)[:10] if host]
            return any(_within(address, one, length) for host in hosts for one in dns.addresses(host))
        case "include":
            return allows(dns, value, address, depth + 1) == "pass"
        case _:
            return False


def _within(address: str, network: str, length: str) -> bool:
    """Whether ``address`` is in ``network``; ``length`` is /24 for IPv4, //64 for IPv6, or both."""
    four, _, six = length.partition("//")
    try:
        one, of = ip_address(address), ip_address(network)
        bits = six if of.version == 6 else four.removeprefix("/")  # noqa: PLR2004 - IPv6
        return one.version == of.version and one in ip_network(f"{of}/{bits or of.max_prefixlen}", strict=False)
    except ValueError:
        return False
