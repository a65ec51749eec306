"""The typeface of cards: Source Sans Pro (SIL Open Font License 1.1) from a package; no font of the machine is used."""

from __future__ import annotations

import struct
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from font_source_sans_pro import font_files_otf
from PIL import ImageFont, features

Weight = Literal["regular", "semibold", "black"]

_FILES: Final[dict[Weight, str]] = {
    "regular": "SourceSansPro",
    "semibold": "SourceSansProSemibold",
    "black": "SourceSansProBlack",
}
_UNICODE_TABLES: Final = frozenset({(0, 3), (0, 4), (3, 1), (3, 10)})
"""Platform and encoding of the subtables of ``cmap`` that map Unicode (OpenType specification, "cmap")."""


@lru_cache(maxsize=256)
def font(weight: Weight, size: int) -> ImageFont.FreeTypeFont:
    """The face at ``size`` pixels to the em. Raqm sets it with kerning; where Pillow lacks Raqm, it goes without."""
    engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    return ImageFont.truetype(font_files_otf[_FILES[weight]], size, layout_engine=engine)


def width(text: str, weight: Weight, size: int) -> float:
    """How far ``text`` on one line advances, in pixels."""
    return font(weight, size).getlength(text)


def extent(text: str, weight: Weight, size: int) -> tuple[float, float]:
    """How far the ink of ``text`` rises above its baseline and drops below it, in pixels."""
    _left, top, _right, bottom = font(weight, size).getbbox(text, anchor="ls")
    return -top, max(bottom, 0)


def bearing(text: str, weight: Weight, size: int) -> float:
    """How far from its beginning the ink of ``text`` begins, in pixels."""
    return font(weight, size).getbbox(text, anchor="ls")[0]


def missing(text: str, weight: Weight) -> list[str]:
    """The characters of ``text`` that the face has no glyph for, each once, in order."""
    return [character for character in dict.fromkeys(text) if ord(character) not in _covered(weight)]


def named(character: str) -> str:
    """A character as an error names it: itself where it can be seen, and its code point's name."""
    code = f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
    return f"{character} ({code})" if character.isprintable() else code


@lru_cache(maxsize=len(_FILES))
def _covered(weight: Weight) -> frozenset[int]:
    """Every code point that the face's ``cmap`` gives a glyph."""
    data = Path(font_files_otf[_FILES[weight]]).read_bytes()
    count = struct.unpack_from(">H", data, 4)[0]
    tables = {tag: start for tag, _sum, start, _length in struct.iter_unpack(">4sIII", data[12 : 12 + 16 * count])}
    cmap = tables[b"cmap"]
    found: set[int] = set()
    for index in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHI", data, cmap + 4 + 8 * index)
        start = cmap + offset
        if (platform, encoding) in _UNICODE_TABLES and struct.unpack_from(">H", data, start)[0] == 12:  # noqa: PLR2004 - the format with ranges of 32-bit code points
            groups = struct.unpack_from(">I", data, start + 12)[0]
            for first, last, _glyph in struct.iter_unpack(">III", data[start + 16 : start + 16 + 12 * groups]):
                found.update(range(first, last + 1))
    return frozenset(found)
