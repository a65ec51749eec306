"""A rehearsal in its own folder: begun anew when it came to its end, taken up again when it did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from campaign import rehearsal
from campaign.files import campaign as campaign_files
from campaign.model.bundle import Sources
from campaign.rehearsal import Request, Result
from campaign.settings import Settings
from campaign.storage.database import Database
from tests.builders import people


class Stopped(Exception):
    """The power went."""


@pytest.fixture
def sources(tmp_path: Path, root: Path) -> Sources:
    """This repository's campaign; only its first post and its first e-mail are rehearsed."""
    made = campaign_files.load(root / "schedules.yaml")
    chosen = tuple(made.plan.step(name) for name in ("partners-heads-up", "launch-mastodon"))
    return replace(made, plan=replace(made.plan, steps=chosen), waves={step.id: made.waves[step.id] for step in chosen})


class Stage:
    """A folder, and a rehearsal in it that can be broken off after so many reports."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self.folder = folder
        self.sources = sources
        self.filled = 0

    def rehearse(self, words: str = "5", *, stop_after: int = 0, fresh: bool = False, faults: str = "none") -> Result:
        reports = 0

        def report(_at: datetime, _what: str) -> None:
            nonlocal reports
            reports += 1
            if reports == stop_after:
                raise Stopped

        def fill(database: Database, at: datetime) -> int:
            self.filled += 1
            return rehearsal.fill(database, people(5, tags=("partner",)), at)

        return rehearsal.rehearse(
            Settings(), self.sources, Request(words, faults=faults), people=fill, report=report, folder=self.folder,
            fresh=fresh,
        )  # fmt: skip


@pytest.fixture
def stage(tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.chdir(tmp_path)
    return Stage(tmp_path / "rehearsal", sources)


def accounted(result: Result) -> dict[str, int]:
    return {tally.step: tally.planned for tally in result.tallies}


def test_everything_goes_out_at_its_instant_and_is_proved(stage: Stage) -> None:
    result = stage.rehearse()
    assert accounted(result) == {"partners-heads-up": 5, "launch-mastodon": 1}
    assert result.proof.holds
    assert (result.proof.mails, result.proof.posts, result.people) == (5, 1, 5)
    assert {wave.first_sent_at == wave.due_at for wave in result.waves} == {True}
    assert not result.resumed
    assert result.ended_at > max(wave.due_at for wave in result.waves)


def test_one_that_was_broken_off_is_taken_up_again_where_it_was(stage: Stage) -> None:
    with pytest.raises(Stopped):
        stage.rehearse(stop_after=1)
    result = stage.rehearse()
    assert result.resumed
    assert stage.filled == 1, "the people are there already"
    assert result.proof.holds
    assert accounted(result) == {"partners-heads-up": 5, "launch-mastodon": 1}


def test_one_that_came_to_its_end_or_is_asked_for_otherwise_is_begun_anew(stage: Stage) -> None:
    stage.rehearse()
    assert not stage.rehearse().resumed
    for changed in ({"words": "other people"}, {"faults": "limits"}, {"fresh": True}):
        with pytest.raises(Stopped):
            stage.rehearse(stop_after=1)
        assert not stage.rehearse(**changed).resumed
