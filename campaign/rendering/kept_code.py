"""Templates' code, kept for as long as the process lives: a text is compiled once, however many messages use it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from types import CodeType
from typing import Final, Generic, TypeVar

from jinja2.bccache import Bucket, BytecodeCache

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

_MOST: Final = 512
"""Templates; the code of one takes some ten kilobytes."""


class Kept(Generic[KeyT, ValueT]):
    """Values by key, ``most`` at a time: what came first goes first. Several threads may ask at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[KeyT, ValueT] = OrderedDict()

    def get(self, key: KeyT) -> ValueT | None:
        with self._lock:
            return self._values.get(key)

    def put(self, key: KeyT, value: ValueT) -> None:
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._most:
                self._values.popitem(last=False)


class KeptCode(BytecodeCache):
    """Code by a template's name, file and text. It may be shared by environments that compile alike, and by threads."""

    def __init__(self) -> None:
        self._codes: Kept[tuple[str, str], CodeType] = Kept(_MOST)

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes.put((bucket.key, bucket.checksum), bucket.code)
