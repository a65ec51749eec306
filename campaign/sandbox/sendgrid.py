"""SendGrid's stand-in (being built)."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from campaign.sandbox.world import World


def routes(world: World) -> list[Route]:  # noqa: ARG001 - being built
    return []


class Crowd:
    def __init__(self, world: World) -> None:
        self.world = world

    def events(self, after: int) -> tuple[list[dict[str, Any]], int]:
        return [], after
