"""What the whole suite shares."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import specified_x
from tests.specified import Heard, specification

# Examples are bounded in number, never in time: a loaded machine must not fail a test.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


HEARD = Heard()
HEARD_BY_X = Heard(specified_x.HEAD)


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
    """Where SendGrid's and X's specifications are present, each request that a test makes to them is held to them."""
    yield
    by_mail, by_x = HEARD.take(), HEARD_BY_X.take()
    rules, of_x = specification(SHARED), specified_x.specification(SHARED)
    wrong = [] if rules is None else [each for request in by_mail for each in rules.wrong(request)]
    wrong += [] if of_x is None else [each for request in by_x for each in of_x.wrong(request)]
    assert wrong == []
