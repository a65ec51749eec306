"""The flow's stages are tested at a desk of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.desks import Office, office


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Office]:
    """An office at T-0."""
    with office(tmp_path) as made:
        yield made
