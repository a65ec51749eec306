"""The digests of a campaign's steps as its files are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from campaign.errors import BadInput
from campaign.files import campaign as campaign_files
from campaign.flow import approve
from campaign.model.approval import Manifest
from campaign.model.breaker import Limits
from campaign.model.bundle import Sources


class Watched:
    """The digests of the steps as the files are now; read again only when a file has changed.

    While the files hold an error no step has a digest, so that nothing new is sent, and it is said once.
    """

    def __init__(self, sources: Sources, tell: Callable[[str], None]) -> None:
        self._path = sources.plan.path
        self._tell = tell
        self._read(sources)

    def _read(self, sources: Sources) -> None:
        self._files = campaign_files.files(sources)
        self._stamps = _stamps(self._files)
        self._manifests = approve.manifests(sources)
        self._digests = {step: made.digest for step, made in self._manifests.items()}
        self._limits = sources.plan.breakers

    def limits(self) -> Limits:
        """What breakers hold everything to. While the files hold an error that is what they last said."""
        self()
        return self._limits

    def __call__(self) -> Mapping[str, str]:
        now = _stamps(self._files)
        if now == self._stamps:
            return self._digests
        before = self._manifests
        try:
            self._read(campaign_files.load(self._path))
            what = _told(before, self._manifests)
            self._tell(f"the campaign's files have changed{what}; steps that differ from what was approved wait")
        except BadInput as bad:
            self._stamps, self._digests = now, {}
            self._tell(f"the campaign's files have changed and hold an error, nothing new is sent: {bad.problems[0]}")
        return self._digests


def _told(before: Mapping[str, Manifest], now: Mapping[str, Manifest]) -> str:
    """``: launch-x (when), demand-x and 3 more steps (links)``: which parts of which steps; "" for none."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for step, made in now.items():
        was = before.get(step)
        if was is None or was.digest != made.digest:
            names = dict.fromkeys([*made.parts, *(was.parts if was else ())])
            parts = [name for name in names if was is not None and was.parts.get(name) != made.parts.get(name)]
            alike.setdefault(tuple(parts or ["it is new"]), []).append(step)
    said = [f"{_some(steps, 'steps')} ({_some(parts, 'parts')})" for parts, steps in alike.items()]
    return f": {_some(said, 'changes', separator='; ')}" if said else ""


def _some(words: Sequence[str], what: str, *, separator: str = ", ") -> str:
    most = 3
    more = f" and {len(words) - most} more {what}" if len(words) > most else ""
    return separator.join(words[:most]) + more


def _stamps(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in files:
        try:
            stat = path.stat()
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((str(path), 0, 0))
    return tuple(found)
