"""Templates' code, kept for as long as the process lives: a text is compiled once, however many messages use it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from types import CodeType
from typing import Final

from jinja2.bccache import Bucket, BytecodeCache

_MOST: Final = 512
"""Templates; the code of one takes some ten kilobytes."""


class KeptCode(BytecodeCache):
    """Code by a template's name, file and text. It may be shared by environments that compile alike, and by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._code: OrderedDict[tuple[str, str], CodeType] = OrderedDict()

    def load_bytecode(self, bucket: Bucket) -> None:
        with self._lock:
            bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is None:
            return
        with self._lock:
            self._code[bucket.key, bucket.checksum] = bucket.code
            if len(self._code) > _MOST:
                self._code.popitem(last=False)
