"""The SMTP stand-in (being built)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP

from campaign.sandbox.world import World


@dataclass(frozen=True)
class Security:
    pass


def protocol(world: World, security: Security) -> Callable[[], SMTP]:  # noqa: ARG001 - being built
    return lambda: SMTP(object(), hostname="sandbox.example.org", loop=asyncio.get_running_loop())
