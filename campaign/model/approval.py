"""Approval: a person's word that exactly this may be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything of a step that an approval binds, as named parts in plain text; ``digest`` is SHA-256 over them."""

    step: str
    parts: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Word:
    """One person's approval. ``author`` is who had written it, as the plan said then; "" is not said."""

    by: str
    at: datetime
    author: str = ""

    @property
    def is_authors(self) -> bool:
        return bool(self.author) and person(self.by) == person(self.author)


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has approved a step under one digest, first to last: since another version of it was approved. ``needed`` is
    how many different people that takes, of whom one at least must not be its author."""

    step: str
    digest: str
    words: tuple[Word, ...]
    needed: int = 1

    @property
    def by(self) -> str:
        """Whose word was the last."""
        return self.words[-1].by

    @property
    def at(self) -> datetime:
        return self.words[-1].at

    @property
    def people(self) -> Sequence[str]:
        """Each once, as they wrote their name first."""
        return tuple({person(word.by): word.by for word in reversed(self.words)}.values())[::-1]

    @property
    def is_enough(self) -> bool:
        return len(self.people) >= self.needed and not all(word.is_authors for word in self.words)

    @property
    def lacks(self) -> str:
        """``1 of 2, waits for another``; "" where it is enough."""
        if self.is_enough:
            return ""
        if all(word.is_authors for word in self.words):
            alone = f"by its author alone, {self.words[-1].by}"
            return (
                f"{alone}: 1 of {self.needed}, waits for another" if self.needed > 1 else f"{alone}: waits for another"
            )
        return f"{len(self.people)} of {self.needed}, waits for another"

    def has(self, name: str) -> bool:
        """Whether that person's word is among them."""
        return person(name) in {person(word.by) for word in self.words}


def person(name: str) -> str:
    """A name as people are told apart: without regard to case and spaces."""
    return " ".join(name.split()).casefold()
