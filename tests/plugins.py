"""Packages that add networks, installed for tests as pip installs them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent / "plugin"
"""The package that docs/adding-a-channel.md quotes."""


def install(source: Path, target: Path) -> Path:
    """Have pip install the package in ``source`` into the folder ``target``, which then belongs on the path."""
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
            "--no-deps", "--no-build-isolation", "--target", str(target), str(source),
        ],
        check=True,
    )  # fmt: skip
    return target


def install_example(target: Path, work: Path) -> Path:
    """The example package; it is built from a copy, which leaves nothing in this repository."""
    shutil.copytree(EXAMPLE, work, ignore=shutil.ignore_patterns("__pycache__"))
    return install(work, target)


def install_written(target: Path, package: str, code: str, *, name: str = "example", value: str = "NETWORK") -> Path:
    """A distribution of one module as pip leaves it: ``code``, and what names it under the entry point."""
    module = re.sub(r"\W", "_", package)
    (target / f"{module}.py").write_text(code)
    about = target / f"{module}-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(f"[campaign.networks]\n{name} = {module}:{value}\n")
    return target
