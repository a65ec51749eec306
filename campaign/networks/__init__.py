"""The networks that are installed beside ours: found by entry point, loaded when a plan uses them.

    names     → which are installed, by what their packages say; none is loaded for it
    get       → one of them, loaded, with all that it does wrong told in one way
    known     → ours and theirs, for whoever has to say which there are

A package that cannot be loaded, or that is not what it should be, disturbs nobody who does not use it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from campaign.errors import NotConfigured
from campaign.model.plan import CHANNELS
from campaign.networks.added import Added, offered_by

GROUP = "campaign.networks"
NAME = re.compile(r"[a-z][a-z0-9]{0,29}")
"""What a network may be called: it is a part of file names and of variables' names."""

# A plan's word, a part of a file's name, or one of the settings' own sections: no network of another package.
_TAKEN = frozenset({*CHANNELS, "all", "web", "smtp", "sendgrid", "networks"})

_lock = threading.Lock()
_loaded: dict[str, Added | str] = {}


def names() -> tuple[str, ...]:
    """Every network that another package offers and that can be asked for by its name."""
    return tuple(_offers())


def known() -> tuple[str, ...]:
    """Every channel that a plan can name."""
    return (*CHANNELS, *names())


def is_installed(name: str) -> bool:
    """True where a package offers the network, usable or not."""
    return name not in CHANNELS and name in _offers()


def get(name: str) -> Added:
    """The network of another package. NotConfigured where there is none of that name, or it cannot be used."""
    with _lock:
        if name not in _loaded:
            try:
                _loaded[name] = _load(name)
            except NotConfigured as error:
                _loaded[name] = str(error)
        found = _loaded[name]
    if isinstance(found, str):
        raise NotConfigured(found)
    return found


def look_again() -> None:
    """Forget which there are: packages were installed or taken away since the program began."""
    with _lock:
        _loaded.clear()
        _found.cache_clear()


def misnamed() -> Iterator[str]:
    """What is wrong with entry points that nobody can use, for whoever looks at all there is."""
    for one in _found():
        if NAME.fullmatch(one.name) is None:
            what = "is no name for a network: it must be a lower-case letter, then letters and digits, 30 at most"
        elif one.name in _TAKEN:
            what = "is taken by Campaign itself"
        else:
            continue
        yield f'{offered_by(one)}: the name "{one.name}" {what}; its author has to name it otherwise'


def _load(name: str) -> Added:
    offers = _offers().get(name, ())
    if not offers:
        raise NotConfigured(f'no package that is installed brings the network "{name}"; install the one that does')
    if len(offers) > 1:
        both = " and ".join(sorted(offered_by(one) for one in offers))
        raise NotConfigured(f'{both} both bring a network "{name}"; uninstall one of them')
    return Added.of(offers[0])


def _offers() -> Mapping[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for one in _found():
        if NAME.fullmatch(one.name) is not None and one.name not in _TAKEN:
            found[one.name] = (*found.get(one.name, ()), one)
    return found


@cache
def _found() -> tuple[EntryPoint, ...]:
    try:
        return tuple(entry_points(group=GROUP))
    except Exception:  # noqa: BLE001 - another package's broken file must not end a program that does not need it
        return ()
