"""Staged templates' code, kept for as long as the process lives: steps share their layouts, and often a message.

A staged template asks its recorder by numbers, under which the rewriting has noted expressions and loops. So its code
goes with what was noted, and is that of another recorder only where as much was noted before.
"""

from __future__ import annotations

from types import CodeType
from typing import Final

from jinja2.bccache import Bucket, BytecodeCache

from campaign.rendering.kept_code import Kept
from campaign.rendering.recorder import Noted, Recorder

_MOST: Final = 256
"""Templates; the code of one takes some ten kilobytes, and its expressions some more."""

_codes: Final[Kept[tuple[object, ...], tuple[CodeType, Noted]]] = Kept(_MOST)


class StagedCode(BytecodeCache):
    """What is kept, for one recorder. ``alike`` is all else by which the same text is staged in another way."""

    def __init__(self, recorder: Recorder, *alike: object) -> None:
        self._recorder = recorder
        self._alike = alike
        self._began = recorder.noted()

    def load_bytecode(self, bucket: Bucket) -> None:
        self._began = self._recorder.noted()
        found = _codes.get(self._key(bucket))
        if found is not None:
            bucket.code, noted = found
            self._recorder.note(noted)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            _codes.put(self._key(bucket), (bucket.code, self._recorder.noted_since(self._began)))

    def _key(self, bucket: Bucket) -> tuple[object, ...]:
        return (bucket.key, bucket.checksum, self._began, *self._alike)
