"""Watched: the digests as the files are now, so that nothing goes out that nobody approved."""

from __future__ import annotations

from pathlib import Path

from campaign.bootstrap.watched import Watched
from campaign.flow import approve
from tests.unit.bootstrap.conftest import PLAN, Load


def test_the_digests_follow_the_files_and_an_error_leaves_no_step_one(load: Load, tmp_path: Path) -> None:
    told: list[str] = []
    watched = Watched(load(), told.append)
    before = dict(watched())
    assert before == {step: made.digest for step, made in approve.manifests(load()).items()}
    assert told == []

    post = tmp_path / "messages" / "post" / "hello.md"
    post.write_text("Something else altogether.\n")
    after = dict(watched())
    assert after["launch"] != before["launch"]
    assert after["alert"] == before["alert"]
    assert len(told) == 1

    (tmp_path / "schedules.yaml").write_text(PLAN + "  - {id: third\n")
    assert watched() == {}
    assert watched() == {}
    assert len(told) == 2
    assert "nothing new is sent" in told[1]
    assert "schedules.yaml" in told[1]

    (tmp_path / "schedules.yaml").write_text(PLAN)
    post.write_text("We wrote to {{ letter.addressee.name }}.\n")
    assert dict(watched()) == before


def test_a_file_that_is_gone_leaves_no_step_a_digest(load: Load, tmp_path: Path) -> None:
    watched = Watched(load(), lambda _what: None)
    (tmp_path / "messages" / "email" / "hello" / "en.html").unlink()
    assert watched() == {}
