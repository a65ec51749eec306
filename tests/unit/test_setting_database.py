"""The database's URL, read alone, is what all settings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign import setting_database, settings

URL = "sqlite:///other.db"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(setting_database.NAME, raising=False)


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        (None, None),
        (None, ""),
        (None, f"{setting_database.NAME}={URL}\n"),
        (None, f"campaign_database_url = '{URL}'\nOTHER=1\n"),
        (None, f"{setting_database.NAME}=\n"),
        (URL, None),
        (f" {URL} ", f"{setting_database.NAME}=sqlite:///campaign.db\n"),
        ("", f"{setting_database.NAME}={URL}\n"),
    ],
)
def test_it_is_read_as_all_settings_read_it(
    environment: str | None, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment is not None:
        monkeypatch.setenv(setting_database.NAME, environment)
    if file is not None:
        Path(".env").write_text(file)
    assert setting_database.url() == settings.load().database_url.get_secret_value()


@pytest.mark.parametrize("file", [f"{setting_database.NAME}={URL}\n" * 2, "\udcff"])
def test_what_is_not_plain_is_left_to_all_settings(file: str) -> None:
    Path(".env").write_text(file, errors="surrogateescape")
    assert setting_database.url() is None


def test_the_usual_database_is_the_settings_own() -> None:
    assert settings.Settings().database_url.get_secret_value() == setting_database.DEFAULT
