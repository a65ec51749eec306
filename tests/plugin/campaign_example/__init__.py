"""Example, a network that does not exist: what a package must hold to add one."""

from __future__ import annotations

from collections.abc import Mapping

from campaign.model.media_limits import MediaLimits, PictureLimits
from campaign.ports.channel import PostChannel
from campaign.ports.network import StandIn, Variable


class Example:
    name = "example"
    title = "Example"
    longest = 500
    media = MediaLimits(
        name="Example",
        picture=PictureLimits(size=2_000_000, side=4_096),
        moving=None,
        video=None,
        link_image=None,
        alt=1_000,
        video_alt=1_000,
    )
    variables = (Variable("token"), Variable("note", secret=False, needed=False))

    @property
    def stand_in(self) -> StandIn:
        from campaign_example import stand_in

        return StandIn(stand_in.routes, stand_in.taken)

    def length(self, text: str, *, warning: str) -> int:
        return len(text)

    def fits(self, text: str, *, warning: str) -> str | None:
        return "Example has no content warnings, so nobody would see it" if warning else None

    def handle(self, written: str) -> str | None:
        return None if written.isalnum() else "a name on Example is letters and digits"

    def open(self, accounts: Mapping[str, Mapping[str, str]], *, base_url: str | None) -> PostChannel:
        from campaign_example.channel import ExampleChannel

        tokens = {account: variables["token"] for account, variables in accounts.items()}
        return ExampleChannel(tokens, base_url=base_url or "https://api.example.org")

    def reader(self) -> PostChannel:
        return self.open({}, base_url=None)


NETWORK = Example()
