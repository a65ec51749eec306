"""Options that several commands share, and what they open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PlanFile = Annotated[Path, typer.Option("--plan", help="The plan.", show_default=True)]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")]

DEFAULT_PLAN = Path("schedules.yaml")
