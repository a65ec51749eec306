"""Names that somebody typed: those that are known, or what they may have meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import typer

NamedT = TypeVar("NamedT")


def meant(written: str, known: Collection[str]) -> str:
    """What to say of a name that is not known: the closest one, or all there are; "" where there are none."""
    from difflib import get_close_matches

    close = get_close_matches(written, list(known), n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are {', '.join(known)}" if known else ""


def one_of(written: str, known: Collection[str], what: str, *, option: str) -> str:
    """``written`` where it is known. Raises BadParameter, which says ``what`` it is not ('"a" is no channel')."""
    if written not in known:
        raise typer.BadParameter(_unknown(f'"{written}" {what}', written, known), param_hint=option)
    return written


def steps(written: Sequence[str], known: Mapping[str, NamedT]) -> list[NamedT]:
    """The steps of these names, each once. Raises BadParameter for the first that the plan does not have."""
    for name in written:
        if name not in known:
            raise typer.BadParameter(_unknown(f'the plan has no step "{name}"', name, known), param_hint="STEP")
    return [known[name] for name in dict.fromkeys(written)]


def _unknown(what: str, written: str, known: Collection[str]) -> str:
    return "; ".join(filter(None, (what, meant(written, known))))
