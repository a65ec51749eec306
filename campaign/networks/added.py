"""A network of another package, held to what it promises: whatever it does wrong is told with its package's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, TypeVar

from campaign.errors import BadInput, CampaignError, NotConfigured, Problem, place_of
from campaign.model.media_limits import MediaLimits
from campaign.networks.guarded import Guarded, lacks
from campaign.ports.channel import PostChannel
from campaign.ports.network import Network, StandIn, Variable

ValueT = TypeVar("ValueT")

_VARIABLE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_TITLE = 60
_LONGEST_SAYING = 300
_FUNCTIONS = ("length", "fits", "handle", "open", "reader")
_REMEDY = "install a version of it that works, or uninstall it"


def offered_by(entry_point: EntryPoint) -> str:
    """The package that an entry point is of, and the entry point, as errors name them."""
    package = f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "a package"
    return f'{package}, entry point "{entry_point.name} = {entry_point.value}"'


@dataclass(frozen=True)
class Added:
    """The network as the rest of the program uses it. Built by ``of``, which has looked at all of its attributes."""

    origin: str
    name: str
    title: str
    longest: int
    media: MediaLimits | None
    variables: tuple[Variable, ...]
    stand_in: StandIn | None
    network: Network

    @classmethod
    def of(cls, entry_point: EntryPoint) -> Added:
        """Load it and look at it. NotConfigured where it is not what it should be."""
        origin = offered_by(entry_point)
        try:
            loaded = entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a package does when it is imported
            said = " ".join(str(error).split())[:_LONGEST_SAYING]
            what = f"{type(error).__name__}: {said}" if said else type(error).__name__
            raise _unusable(origin, f"it cannot be imported ({what})") from None
        if isinstance(loaded, type):
            raise _unusable(origin, "it names a class, and an object is needed")
        try:
            return cls._looked_at(origin, entry_point.name, loaded)
        except CampaignError:
            raise
        except Exception as error:  # noqa: BLE001 - its properties are its own code
            what = f"it fails when it is looked at ({type(error).__name__}{place_of(error)})"
            raise _unusable(origin, what) from None

    @classmethod
    def _looked_at(cls, origin: str, name: str, loaded: Any) -> Added:
        for attribute in ("name", "title", "longest", "media", "variables", "stand_in", *_FUNCTIONS):
            if not hasattr(loaded, attribute):
                kind = "the module" if isinstance(loaded, ModuleType) else "its object"
                raise _unusable(origin, f"{kind} has no {attribute}")
        if loaded.name != name:
            raise _unusable(origin, f'it calls itself "{str(loaded.name)[:_LONGEST_TITLE]}", which is another name')
        title, longest, media, stand_in = loaded.title, loaded.longest, loaded.media, loaded.stand_in
        variables = tuple(loaded.variables)
        wrong = (
            *((not callable(getattr(loaded, one)), f"its {one} is no function") for one in _FUNCTIONS),
            (not _is_title(title), f"its title is no line of up to {_LONGEST_TITLE} characters"),
            (not isinstance(longest, int) or longest < 1, "its longest is no whole number from 1"),
            (not isinstance(media, MediaLimits | None), "its media is neither MediaLimits nor None"),
            (not isinstance(stand_in, StandIn | None), "its stand_in is neither a StandIn nor None"),
            (not variables or not all(map(_is_variable, variables)), "its variables are not all good ones"),
        )
        for is_wrong, what in wrong:
            if is_wrong:
                raise _unusable(origin, what)
        if len({one.name for one in variables}) < len(variables):
            raise _unusable(origin, "one of its variables is there twice")
        return cls(origin, name, title, longest, media, variables, stand_in, loaded)

    def length(self, text: str, *, warning: str = "") -> int:
        return self._said("length", int, lambda: self.network.length(text, warning=warning))

    def fits(self, text: str, *, warning: str = "") -> str | None:
        found = self._said("fits", (str, type(None)), lambda: self.network.fits(text, warning=warning))
        return found[:_LONGEST_SAYING] if found else None

    def handle(self, written: str) -> str | None:
        found = self._said("handle", (str, type(None)), lambda: self.network.handle(written))
        return found[:_LONGEST_SAYING] if found else None

    def open(self, accounts: Mapping[str, Mapping[str, str]], *, base_url: str | None) -> PostChannel:
        return self._channel("open", lambda: self.network.open(accounts, base_url=base_url))

    def reader(self) -> PostChannel:
        return self._channel("reader", self.network.reader)

    def _said(self, function: str, kind: Any, call: Callable[[], ValueT]) -> ValueT:
        """What a function returns; BadInput where it raises, or returns something else than ``kind``."""
        try:
            value = call()
        except Exception as error:  # noqa: BLE001 - another package's mistake is told, whatever it is
            raise self._bad(f"its {function} failed ({type(error).__name__}{place_of(error)})") from None
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._bad(f"its {function} returned a {type(value).__name__}")
        return value

    def _bad(self, what: str) -> BadInput:
        return BadInput([Problem(self.origin, 0, "", f"{self.title} cannot be used: {what}", _REMEDY)])

    def _channel(self, function: str, call: Callable[[], PostChannel]) -> PostChannel:
        try:
            channel = call()
            missing = lacks(channel, self.name)
        except CampaignError:
            raise
        except Exception as error:  # noqa: BLE001 - as above; its text may hold a credential
            what = f"its {function} failed ({type(error).__name__}{place_of(error)})"
            raise _unusable(self.origin, what) from None
        if missing:
            raise _unusable(self.origin, f"what its {function} returns {missing}")
        return Guarded(channel, title=self.title, origin=self.origin)


def _unusable(origin: str, what: str) -> NotConfigured:
    return NotConfigured(f"{origin}: {what}; {_REMEDY}")


def _is_title(title: object) -> bool:
    return isinstance(title, str) and bool(title.strip()) and title.isprintable() and len(title) <= _LONGEST_TITLE


def _is_variable(one: object) -> bool:
    return isinstance(one, Variable) and _VARIABLE.fullmatch(one.name) is not None
