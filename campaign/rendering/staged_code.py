"""Staged templates' code, kept for as long as the process lives: steps share their layouts, and often a message.

A staged template asks its recorder by numbers, under which the rewriting has noted expressions and loops. So its code
goes with what was noted, and is that of another recorder only where as much was noted before.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from types import CodeType
from typing import Final

from jinja2.bccache import Bucket, BytecodeCache

from campaign.rendering.recorder import Noted, Recorder

_MOST: Final = 256
"""Templates; the code of one takes some ten kilobytes, and its expressions some more."""

_lock = threading.Lock()
_kept: OrderedDict[tuple[object, ...], tuple[CodeType, Noted]] = OrderedDict()


class StagedCode(BytecodeCache):
    """What is kept, for one recorder. ``alike`` is all else by which the same text is staged in another way."""

    def __init__(self, recorder: Recorder, *alike: object) -> None:
        self._recorder = recorder
        self._alike = alike
        self._began = recorder.noted()

    def load_bytecode(self, bucket: Bucket) -> None:
        self._began = self._recorder.noted()
        with _lock:
            found = _kept.get(self._key(bucket))
        if found is not None:
            bucket.code, noted = found
            self._recorder.note(noted)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is None:
            return
        with _lock:
            _kept[self._key(bucket)] = bucket.code, self._recorder.noted_since(self._began)
            if len(_kept) > _MOST:
                _kept.popitem(last=False)

    def _key(self, bucket: Bucket) -> tuple[object, ...]:
        return (bucket.key, bucket.checksum, self._began, *self._alike)
