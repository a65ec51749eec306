"""What the whole suite shares."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.specified import Heard, specification

# Examples are bounded in number, never in time: a loaded machine must not fail a test.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


HEARD = Heard()


def pytest_configure() -> None:
    # CPython before 3.11.8 may raise SystemError where the collector runs while a module's tree is built
    # (https://github.com/python/cpython/issues/106905), which pytest does for each test file it rewrites.
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the original letter and the providers' specifications, where it is present."""
    if not SHARED.is_dir():
        pytest.skip("the shared folder with the original letter and the providers' specifications is not here")
    return SHARED


@pytest.fixture(autouse=True)
def specified() -> Iterator[None]:
    """Where SendGrid's specification is present, each request to it that a test makes is held to it."""
    yield
    heard, rules = HEARD.take(), specification(SHARED)
    if rules is not None:
        assert [wrong for request in heard for wrong in rules.wrong(request)] == []
