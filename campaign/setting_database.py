"""CAMPAIGN_DATABASE_URL alone, for the stop button: all settings take a fifth of a second to load.

It is read as ``campaign.settings`` reads it: the environment wins over .env, an empty value is no value.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = "CAMPAIGN_DATABASE_URL"
DEFAULT = "sqlite:///campaign.db"


def url(env_file: Path = Path(".env")) -> str | None:
    """Where the ledger is; None where that is not plain, so that all settings have to be loaded."""
    written = [value.strip() for name, value in os.environ.items() if name.upper() == NAME]
    if len(written) > 1:
        return None
    if written and written[0]:
        return written[0]
    if not env_file.exists():
        return DEFAULT
    from campaign.errors import BadInput  # noqa: PLC0415 - the reader takes longer to load than all the rest
    from campaign.files import env_file as env_files  # noqa: PLC0415

    try:
        assignments, _ = env_files.read(env_file)
    except BadInput:
        return None
    found = [value.strip() for name, value, _ in assignments if name.upper() == NAME]
    return None if len(found) > 1 else (found or [""])[0] or DEFAULT
