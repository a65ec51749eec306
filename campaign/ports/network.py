"""A network that a package adds: all that the rest of the program must know of it.

The package names an object of this kind under the entry point group ``campaign.networks``; see
docs/adding-a-channel.md. Whatever such an object does wrong is told with its package's name and stays with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from campaign.model.media_limits import MediaLimits
from campaign.ports.channel import PostChannel


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing that an account needs in the settings, such as ``access_token``: lower case, digits and single ``_``.

    A ``secret`` is never shown. One that is ``needed`` must be set for every account.
    """

    name: str
    secret: bool = True
    needed: bool = True


@dataclass(frozen=True, slots=True)
class StandIn:
    """What stands in for the network on loopback, in rehearsals and in the contract suite.

    ``routes`` makes its endpoints, Starlette's, for a ``campaign.sandbox.world.World``, whose journal keeps what was
    taken and whose faults strike it. ``taken`` yields what was: provider (the network's name), account, key, recipient,
    text, at, ref, reply_to, deleted and media.
    """

    routes: Callable[[Any], Sequence[Any]]
    taken: Callable[[Any], Iterator[dict[str, Any]]]


class Network(Protocol):
    """One network. Its attributes never change; its functions are called from several threads."""

    @property
    def name(self) -> str:
        """As plans and settings call it, and the entry point too: a letter, then letters and digits, lower case."""
        ...

    @property
    def title(self) -> str:
        """As people call it."""
        ...

    @property
    def longest(self) -> int:
        """The longest post that it takes, in what ``length`` counts."""
        ...

    @property
    def media(self) -> MediaLimits | None:
        """The pictures and videos that it takes, None for none."""
        ...

    @property
    def variables(self) -> Sequence[Variable]:
        """What an account needs in the settings."""
        ...

    @property
    def stand_in(self) -> StandIn | None:
        """None: rehearsals use one that takes everything, and the contract suite cannot be run."""
        ...

    def length(self, text: str, *, warning: str) -> int:
        """How long it takes the post to be. For two texts with white space between them that is no more than for each
        of them and one for each character between."""
        ...

    def fits(self, text: str, *, warning: str) -> str | None:
        """What else than its length keeps the post from being taken, None for nothing. ``warning`` is its content
        warning, "" for none; a network that would not show it says so here."""
        ...

    def handle(self, written: str) -> str | None:
        """What is wrong with an account's name on the network, as the plan has it without ``@``; None for nothing."""
        ...

    def open(self, accounts: Mapping[str, Mapping[str, str]], *, base_url: str | None) -> PostChannel:
        """The channel for these accounts: by name in the settings, their variables. Calls nobody yet.

        ``base_url`` is where its server is, None for where it always is. NotConfigured says what to set otherwise.
        """
        ...

    def reader(self) -> PostChannel:
        """A channel of no accounts, that only composes and reads back what it composed."""
        ...
