"""What posts cost, as commands show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.errors import Problem
    from campaign.flow.spending import Cost, Forecast
    from campaign.model.bundle import Sources
    from campaign.settings import Settings
    from campaign.storage.ledger import SqlLedger


def forecast(configured: Settings, sources: Sources) -> Sequence[Forecast]:
    """The steps that cost something by the settings; nothing is rendered where none does."""
    from campaign.bootstrap import costs
    from campaign.flow import spending

    return spending.forecast(sources, costs.prices(configured), readings=len(configured.read_metrics_after))


def warnings(configured: Settings, sources: Sources, ledger: SqlLedger | None = None) -> list[Problem]:
    """A warning for each network whose budget does not bear what is to come, after what is spent by now."""
    from campaign.bootstrap import costs
    from campaign.flow import spending

    budgets = costs.budgets(configured)
    if not budgets:
        return []
    prepared = {wave.name for wave in ledger.waves() if wave.prepared_at is not None} if ledger else set()
    return spending.over_budget(
        sources,
        forecast(configured, sources),
        budgets,
        spent=ledger.spent() if ledger else {},
        without=prepared,
    )


def show(forecasts: Sequence[Forecast], budgets: Mapping[str, int], spent: Mapping[str, int]) -> None:
    """A table for each network that charges, with the sum, the budget and what is spent of it."""
    from campaign.flow import spending
    from campaign.model.price import in_usd

    for channel in dict.fromkeys(one.channel for one in forecasts):
        mine = [one for one in forecasts if one.channel == channel]
        rows = [(one.step, *(("?",) * 4 if one.why_not else _cells(one.total()))) for one in mine]
        whole = spending.total(forecasts, channel)
        if len(mine) > 1:
            rows.append(("in all", *_cells(whole)))
        screen.out.print()
        screen.out.print(_table((f"on {channel}", "posts", "with a link", "pictures", "cost"), rows))
        said = [f"{in_usd(whole.micro_usd)} for posts"]
        if whole.readings:
            said.append(f"{in_usd(whole.readings)} for reading their figures back")
        if channel in spent:
            said.append(f"{in_usd(spent[channel])} of it spent or reserved")
        budget = budgets.get(channel)
        said.append(f"the budget is {in_usd(budget)}" if budget is not None else "no budget is set")
        screen.out.print(f"\n{channel}: {', '.join(said)}.", soft_wrap=True)
        for one in mine:
            if one.why_not:
                screen.say("Not known: ", f"{one.step}: {one.why_not}", style="yellow")


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    """Written by hand where it fits the screen: for hundreds of rows Rich takes as long as to read the plan."""
    from rich.text import Text

    widths = [max(map(len, cells)) for cells in zip(names, *rows, strict=True)]
    whole = sum(widths) + len(widths) - 1
    if whole > screen.out.width or not all(row[0].isascii() for row in rows):
        table = screen.table(*names, numbers=names[1:])
        table.padding = (0, 0, 0, 0)
        table.show_edge = False
        for row in rows:
            table.add_row(*row)
        return table
    head, *lines = (
        " ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]) for cells in (names, *rows)
    )
    return Text.assemble((head, "bold"), "\n", "\n".join(["─" * whole, *lines]), no_wrap=True)


def _cells(cost: Cost) -> tuple[str, str, str, str]:
    from campaign.model.price import in_usd

    return f"{cost.posts:,}", f"{cost.with_url:,}", f"{cost.media:,}" if cost.media else "-", in_usd(cost.micro_usd)


def as_json(
    forecasts: Sequence[Forecast], budgets: Mapping[str, int], spent: Mapping[str, int]
) -> list[Mapping[str, object]]:
    """Amounts are in micro-USD."""
    from campaign.flow import spending

    return [
        {
            "channel": channel,
            **_as_json(spending.total(forecasts, channel)),
            "spent_micro_usd": spent.get(channel, 0),
            "budget_micro_usd": budgets.get(channel),
            "steps": [
                {
                    "step": one.step,
                    **_as_json(one.total()),
                    "why_not": one.why_not,
                    "waves": [{"wave": name, **_as_json(cost)} for name, cost in one.waves.items()],
                }
                for one in forecasts
                if one.channel == channel
            ],
        }
        for channel in dict.fromkeys(one.channel for one in forecasts)
    ]


def _as_json(cost: Cost) -> Mapping[str, object]:
    return {
        "posts": cost.posts,
        "with_url": cost.with_url,
        "media": cost.media,
        "micro_usd": cost.micro_usd,
        "readings_micro_usd": cost.readings,
    }
