"""What channels charge and may cost, by the settings; all in micro-USD. A channel that charges nothing is not there."""

from __future__ import annotations

from collections.abc import Mapping

from campaign.model.price import Prices
from campaign.settings import Settings


def prices(settings: Settings) -> Mapping[str, Prices]:
    charged = settings.x.prices
    return {
        "x": Prices(
            post=charged.post_usd,
            post_with_url=charged.post_with_url_usd,
            media=charged.media_usd,
            own_read=charged.own_read_usd,
        )
    }


def budgets(settings: Settings) -> Mapping[str, int]:
    """Those that are set."""
    return {} if settings.x.budget_usd is None else {"x": settings.x.budget_usd}
