"""What a setting's value has to be like; each function returns it as it is used, or says what is wrong with it."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from campaign.model.notice import NoticeKind

MAKE_ONE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"

_SHORTEST_SECRET = 16
_LONGEST_KEPT_DAYS = 3_650
_MOST_CONNECTIONS = 20
_FEWEST_HOURS, _MOST_HOURS = 0.25, 720.0
_MOST_READINGS = 20
_SOONEST_READING = timedelta(minutes=5)
_LATEST_READING = timedelta(days=90)
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)
"""Labels of a domain's name (RFC 6376, section 3.1)."""


def wrong(what: str, remedy: str = "", *, variable: str = "") -> PydanticCustomError:
    """An error in our own words. ``variable`` names the field where the check is on the model above it."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "remedy": remedy, "variable": variable})


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def web_address(value: str) -> str:
    """A base URL without its closing slash; plain http only within this machine, because tokens travel over it."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or re.search(r"\s", value):
        raise wrong("is not a web address", "write it in full, such as https://campaign.example.org")
    if parts.query or parts.fragment or parts.username is not None:
        raise wrong("must be an address alone, without a user, ? or #")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise wrong("must begin with https://", "http:// is only for 127.0.0.1 and localhost")
    return value.rstrip("/")


def database(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url.startswith("postgres://"):
        raise wrong("must begin with postgresql://", "postgres:// is an old spelling")
    if re.fullmatch(r"sqlite:///(?!:memory:).+|postgresql(\+psycopg)?://.+", url) is None:
        raise wrong(
            "is not a database that Campaign can use",
            "write sqlite:///campaign.db, or postgresql://USER:PASSWORD@HOST/NAME",
        )
    return value


def secret_key(value: SecretStr) -> SecretStr:
    if len(value) < _SHORTEST_SECRET:
        raise wrong(f"must have at least {_SHORTEST_SECRET} characters", MAKE_ONE)
    if len(set(value.get_secret_value())) < _SHORTEST_SECRET // 2:
        raise wrong("is too easy to guess", MAKE_ONE)
    return value


def webhook_key(value: str) -> str:
    try:
        der = b64decode(value, validate=True)
    except ValueError:
        der = b""
    if not der.startswith(b"0"):  # a DER SEQUENCE, as SubjectPublicKeyInfo is (RFC 5280, section 4.1)
        raise wrong("is not a public key", "copy the verification key that SendGrid shows with its event webhook")
    return value


def port(value: int) -> int:
    if not 1 <= value <= 65_535:  # noqa: PLR2004 - the ports that there are
        raise wrong("must be a whole number from 1 to 65535")
    return value


def listening(value: str) -> str:
    """``9464`` or ``127.0.0.1:9464``, as HOST:PORT; without a host it is this machine alone."""
    address, _, number = value.rpartition(":")
    address = address.strip("[]") or "127.0.0.1"
    try:
        written = "127.0.0.1" if address == "localhost" else str(ip_address(address))
    except ValueError:
        written = ""
    if not written or not re.fullmatch(r"[0-9]{1,5}", number) or int(number) > 65_535:  # noqa: PLR2004 - of all ports
        raise wrong("must be a port, or an IP address and a port, such as 9464 or 127.0.0.1:9464")
    return f"[{written}]:{int(number)}" if ":" in written else f"{written}:{int(number)}"


def host(value: str) -> str:
    if re.search(r"[\s/@:]", value):
        raise wrong("must be a host name alone, such as mail.example.org", "the port has a variable of its own")
    return value


def connections(value: object) -> object:
    return _whole(value, "number", _MOST_CONNECTIONS)


def selector(value: str) -> str:
    if _SELECTOR.fullmatch(value) is None:
        raise wrong("is no DKIM selector", "it is what stands before ._domainkey in DNS, such as s1 for s1._domainkey")
    return value


def handle(value: str) -> str:
    handle = value.removeprefix("@").lower()
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", handle) is None:
        raise wrong("is not a Bluesky handle", "write it in full, such as coalition.bsky.social")
    return handle


def days(value: object) -> object:
    return _whole(value, "number of days", _LONGEST_KEPT_DAYS)


def hours(value: object) -> object:
    """Hours as people write them (6, 0.5), as a length of time; none where nobody has set it, and for ``off``."""
    if value is None or str(value).lower() == "off":
        return None
    text = str(value).removesuffix("h")
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,2})?", text) is None or not _FEWEST_HOURS <= float(text) <= _MOST_HOURS:
        raise wrong(f"must be a number of hours from {_FEWEST_HOURS:g} to {_MOST_HOURS:g}, or off")
    return timedelta(hours=float(text))


def notify_urls(value: SecretStr) -> SecretStr:
    """Addresses as apprise writes them, with spaces between. Whether it knows them is seen when they are used."""
    for number, one in enumerate(value.get_secret_value().split(), start=1):
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://\S", one) is None:
            raise wrong(
                f"holds as its address {number} what is none",
                "write mailto://…, https://hooks.slack.com/services/… or another of apprise's, with spaces between",
            )
    return value


def notice_kinds(value: object) -> object:
    """Words from the list of kinds; all of them for ``all``."""
    if isinstance(value, frozenset):
        return value  # as it is where nobody has set it
    kinds = [kind.value for kind in NoticeKind]
    words = str(value).replace(",", " ").lower().split()
    if words == ["all"]:
        return frozenset(NoticeKind)
    for word in words:
        if word not in kinds:
            near = get_close_matches(word, kinds, n=1)
            remedy = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(kinds)}; or all"
            raise wrong(f'holds "{word[:20]}", which is no kind of notice', remedy)
    return frozenset(NoticeKind(word) for word in words)


def _whole(value: object, what: str, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", str(value)) or not 1 <= int(str(value)) <= most:
        raise wrong(f"must be a whole {what} from 1 to {most}")
    return int(str(value))


def micro_usd(value: object) -> object:
    """US dollars as people write them (0.015), in millionths of one."""
    text = str(value).strip().removeprefix("$")
    if re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", text) is None:
        raise wrong("is no amount in US dollars", "write it with a point and at most six decimals, such as 0.015")
    return int(Decimal(text) * 1_000_000)


def read_after(value: object) -> object:
    """Lengths of time in rising order, as a plan writes them; none for ``off``."""
    if isinstance(value, tuple):
        return value  # as it is where nobody has set it
    from campaign.files.plan_times import NotATime, read_length  # noqa: PLC0415 - only where somebody has set it

    words = str(value).replace(",", " ").lower().split()
    if words == ["off"]:
        return ()
    if len(words) > _MOST_READINGS:
        raise wrong(f"holds more than {_MOST_READINGS} lengths of time", "each is a call to the network")
    try:
        lengths = tuple(read_length(word) for word in words)
    except NotATime as error:
        raise wrong("holds what is no length of time", f"{error.remedy}; or off") from None
    if list(lengths) != sorted(set(lengths)) or lengths[0] < _SOONEST_READING or lengths[-1] > _LATEST_READING:
        raise wrong("must rise from at least 5m to at most 90d", "such as 15m 1h 3h 12h 1d 2d 4d 7d")
    return lengths


def lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
