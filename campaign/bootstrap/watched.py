"""The digests of a campaign's steps as its files are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from campaign.errors import BadInput
from campaign.files import campaign as campaign_files
from campaign.flow import approve
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
        self._digests = {step: made.digest for step, made in approve.manifests(sources).items()}
        self._limits = sources.plan.breakers

    def limits(self) -> Limits:
        """What breakers hold everything to. While the files hold an error that is what they last said."""
        self()
        return self._limits

    def __call__(self) -> Mapping[str, str]:
        now = _stamps(self._files)
        if now == self._stamps:
            return self._digests
        try:
            self._read(campaign_files.load(self._path))
            self._tell("the campaign's files have changed; steps that differ from what was approved wait")
        except BadInput as bad:
            self._stamps, self._digests = now, {}
            self._tell(f"the campaign's files have changed and hold an error, nothing new is sent: {bad.problems[0]}")
        return self._digests


def _stamps(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in files:
        try:
            stat = path.stat()
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((str(path), 0, 0))
    return tuple(found)
