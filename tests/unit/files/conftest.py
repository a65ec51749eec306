"""A campaign's folder, for tests that write a plan into it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a letter, one e-mail and one post, and room for a plan."""
    (tmp_path / "messages" / "email" / "alert").mkdir(parents=True)
    (tmp_path / "messages" / "post").mkdir()
    (tmp_path / "messages" / "post" / "launch.md").touch()
    (tmp_path / "letter.md").touch()
    return tmp_path
