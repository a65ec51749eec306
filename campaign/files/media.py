"""Pictures and videos under messages/: told by their bytes, hashed when the campaign is read, read when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Final

from campaign.errors import BadInput, Problem
from campaign.files.yaml_positions import shorten
from campaign.rendering.media_types import (
    HEAD_BYTES,
    VIDEOS,
    WEBM,
    by_ending,
    described,
    is_picture,
    named,
    told,
)
from campaign.rendering.media_types import ending as suffix_of

MOST_PICTURE_BYTES: Final = 30_000_000
MOST_VIDEO_BYTES: Final = 512_000_000
_CHUNK: Final = 1024 * 1024
_MOST_SUGGESTED: Final = 2_000


class Unusable(Exception):
    """A file cannot be shown. The text says why, ``remedy`` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class Files(Mapping[str, bytes]):
    """The bytes of pictures and videos by digest, read from their files when they are asked for.

    Raises BadInput where a file is not what it was when the campaign was read.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)

    def __getitem__(self, digest: str) -> bytes:
        path = self._paths[digest]
        try:
            with path.open("rb") as stream:
                body = stream.read(MOST_VIDEO_BYTES + 1)
        except OSError as error:
            raise _changed(path, f"it cannot be read any more ({error.strerror})") from None
        if sha256(body).hexdigest() != digest:
            raise _changed(path, "it has changed while this command ran")
        return body

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def digest_of(folder: Path, name: str) -> str:
    """The SHA-256, in hex, of the picture or video ``name`` below ``folder``, which is messages/. Raises Unusable."""
    path = _below(folder, name)
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            raise Unusable(f"{shorten(name)} is no file", "name a picture or a video")
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
            media_type = _type(name, head)
            most = MOST_PICTURE_BYTES if is_picture(media_type) else MOST_VIDEO_BYTES
            digest, size = sha256(head), len(head) if stat.st_size <= most else stat.st_size
            while size <= most and (chunk := stream.read(_CHUNK)):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise Unusable(f"{shorten(name)} cannot be read ({error.strerror})", "check its permissions") from None
    if size > most:
        what = "a picture" if is_picture(media_type) else "a video"
        raise Unusable(f"{shorten(name)} is over {most // 1_000_000} MB, too large for {what}", "export it smaller")
    return digest.hexdigest()


def _below(folder: Path, name: str) -> Path:
    """Where ``name`` leads to, which must be below ``folder``, links followed."""
    written = PurePosixPath(name)
    if "\0" in name or "\\" in name:
        raise Unusable(f'"{shorten(name)}" is no path', "write it with / between folders, as in media/crowd.jpg")
    if written.is_absolute() or ".." in written.parts:
        what = f"{shorten(name)} is outside {folder.name}/"
        raise Unusable(what, f"put the file below {folder.name}/ and write its path from there, as in media/crowd.jpg")
    try:
        path = (folder / written).resolve(strict=True)
        top = folder.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: links in a circle, before Python 3.13
        raise _missing(folder, name) from None
    if not path.is_relative_to(top):
        raise Unusable(f"{shorten(name)} is a link that leads out of {folder.name}/", "put the file itself there")
    return path


def _type(name: str, head: bytes) -> str:
    if not head:
        raise Unusable(f"{shorten(name)} is empty", "export it again")
    found = told(head)
    ending = by_ending(name)
    if found is None or found == WEBM:
        what = f"{shorten(name)} is {described(head)}, by its bytes"
        raise Unusable(what, "posts show JPEG, PNG, GIF and WebP, and videos as MP4 or QuickTime; export it so")
    if ending is None:
        called = f"call it {shorten(PurePosixPath(name).name)}.{suffix_of(found)}"
        raise Unusable(f"{shorten(name)} does not say what it is", called)
    if ending != found and not (ending in VIDEOS and found in VIDEOS):
        what = f"{shorten(name)} is {named(found)} by its bytes, not {named(ending)}"
        raise Unusable(what, "give it the ending of what it is, or export it again")
    return found


def _missing(folder: Path, name: str) -> Unusable:
    there: list[str] = []
    for path in folder.rglob("*"):
        if by_ending(path.name) is not None:
            there.append(path.relative_to(folder).as_posix())
        if len(there) >= _MOST_SUGGESTED:
            break
    near = get_close_matches(name, there, n=1)
    remedy = f'did you mean "{near[0]}"?' if near else f"put it there, or write its path from {folder.name}/"
    return Unusable(f"there is no {shorten(name)} below {folder.name}/", remedy)


def _changed(path: Path, what: str) -> BadInput:
    return BadInput([Problem(str(path), 0, "", what, "run the command again")])
