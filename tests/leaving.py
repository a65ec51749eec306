"""A wave that went out, and the unsubscribe pages behind its links on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaign.flow import dispatch, prepare
from campaign.flow.preferences import Door
from campaign.model.delivery import Keys
from campaign.model.supporter import Suppression
from campaign.storage.database import HEAD
from campaign.storage.preferences import SqlPreferences
from campaign.web import app, unsubscribe
from tests.builders import step
from tests.desks import Office, office
from tests.served import Site, served

TRIAL_KEYS = Keys(b"the sandbox's own secret, not the live one")


@dataclass
class Leaving:
    """Two people got the only wave of the step ``alert``."""

    office: Office
    site: Site
    wave_id: int

    def path(self, seq: int = 0) -> str:
        return f"/u/{self.office.desk.keys.key(self.wave_id, seq)}"

    def suppression(self, seq: int = 0) -> Suppression | None:
        return self.office.supporters.suppression(f"person{seq}@example.org")


@contextmanager
def leaving(folder: Path, *, trial: bool = False, **changes: object) -> Iterator[Leaving]:
    """``changes`` are made to both people. With ``trial`` the links of this wave are a trial's."""
    with office(folder) as at:
        at.add(2, **changes)
        at.approve(step())
        (wave,) = at.waves()
        prepare.wave(at.desk, at.contents, wave)
        dispatch.everything(at.desk, at.contents)
        doors = [
            Door(at.desk.keys, SqlPreferences(at.database, world="live"), trial=trial),
            Door(TRIAL_KEYS, SqlPreferences(at.database, world="sandbox"), trial=True),
        ]
        with served(
            app.create(unsubscribe.routes(doors, at.clock), revision=lambda: HEAD, tell=at.told.append)
        ) as site:
            yield Leaving(at, site, wave.id)
