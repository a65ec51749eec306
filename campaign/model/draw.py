"""The draw of an A/B test: a number from 0 to 9,999 for everybody, fixed by their id and the test's seed alone.

The same formula runs on Python's numbers and on a database's columns, so that one cannot differ from the other: it has
only ``+``, ``*`` and ``%``, and nothing in it outgrows 64 bits.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

DRAWS = 10_000
PRIME = 2_147_483_579
"""The largest prime below 2³¹ that leaves 2 when divided by 3: then no two numbers have the same cube modulo it."""


def drawn(number: Any, seed: int) -> Any:
    """The draw of the supporter with the id ``number``; an int for an int, an SQL expression for a column.

    Two rounds of multiplying, adding and cubing modulo a prime, with factors made from ``seed``. Each round gives
    every id a number of its own, so the draws are spread evenly; the cubes keep neighbours apart, and one seed's
    draws from another's. It is no secret and need not be one: nobody gains by knowing their arm.
    """
    first, second, third, fourth = _factors(seed)
    once = _cube((number % PRIME * first + second) % PRIME)
    return _cube((once * third + fourth) % PRIME) % DRAWS


def _cube(number: Any) -> Any:
    return number * number % PRIME * number % PRIME


def _factors(seed: int) -> tuple[int, int, int, int]:
    """Four numbers from 1 to PRIME - 1."""
    raw = blake2b(seed.to_bytes(8, "big"), digest_size=32, person=b"draw").digest()
    first, second, third, fourth = (
        int.from_bytes(raw[at : at + 8], "big") % (PRIME - 1) + 1 for at in range(0, len(raw), 8)
    )
    return first, second, third, fourth
