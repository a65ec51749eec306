"""campaign retract: what a step has posted is deleted, and what of it is not out yet does not go out."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen

if TYPE_CHECKING:
    from campaign.flow.content import Contents
    from campaign.flow.desk import Desk
    from campaign.model.plan import Plan
    from campaign.model.posted import Posted
    from campaign.model.wave import Wave
    from campaign.settings import Settings
    from campaign.storage.database import Database
    from campaign.storage.ledger import SqlLedger

_PATIENCE = timedelta(minutes=3)
"""How long this command tries itself; `campaign run` goes on with what is left."""
_LOOK = timedelta(seconds=2)


def retract(
    step: Annotated[str, typer.Argument(help="The step.")],
    account: Annotated[str | None, typer.Option("--account", help="Only what this account has posted.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who retracts, by name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
) -> None:
    """Delete what a step has posted, for good, the newest part of a thread first; what is not out yet is cancelled.

    It needs neither the plan nor the messages. The number of posts has to be typed, unless --yes is given. What cannot
    be deleted at once is tried again for three minutes, then by `campaign run`, or by the same command. Whoever has
    seen a post, or has a copy, keeps it: to retract is not to unsay.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.storage.ledger import SqlLedger

    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world="sandbox" if sandbox else "live")
        waves = _waves(ledger, step, account)
        plan = ledger.bundle(waves[-1].digest).plan
        standing = _standing(ledger, step, account)
        unsent = _unsent(ledger, waves, step, account)
        if not standing and not unsent:
            screen.out.print(f"Nothing of {step} stands, and nothing of it is to go out.")
            return
        _show(standing, plan, unsent)
        who = by.strip() or getpass.getuser()
        if not yes:
            _confirm(len(standing), who)
        told = ledger.retract(step, account=account, by=who, at=SystemClock().now())
        cancelled = [screen.counted(told.cancelled, "post")] if told.cancelled else []
        cancelled += [screen.counted(len(unsent.to_come), "wave") + " still to come"] if unsent.to_come else []
        if cancelled:
            screen.out.print(f"{step}: {' and '.join(cancelled)} cancelled.")
        _carry_out(configured, database, ledger, step, account)
        _report(ledger, step, account, waves, sandbox=sandbox)
    finally:
        database.close()


def _waves(ledger: SqlLedger, step: str, account: str | None) -> Sequence[Wave]:
    """The waves of the step. Raises CampaignError where there are none, or it is none that posts."""
    from campaign.errors import CampaignError

    waves = ledger.waves(step=step)
    if not waves:
        known = list(dict.fromkeys(wave.step for wave in ledger.waves() if wave.channel != "email"))
        hint = names.meant(step, known) or "nothing was"
        raise CampaignError(f'no step "{step}" was ever approved here; {hint}')
    if waves[0].channel == "email":
        raise CampaignError(
            f"{step} is e-mail, and what people have got cannot be taken back; "
            f"stop what is still to go out with: campaign cancel {step}"
        )
    accounts = {name for wave in waves for name in ledger.bundle(wave.digest).step.accounts}
    if account is not None and account not in accounts:
        hint = names.meant(account, sorted(accounts))
        raise CampaignError(f'{step} does not post from "{account}"; {hint}')
    return waves


def _standing(ledger: SqlLedger, step: str, account: str | None) -> Sequence[Posted]:
    """What stands, or may stand."""
    return [post for post in ledger.posts(step=step) if post.account == (account or post.account) and _may_stand(post)]


def _may_stand(post: Posted) -> bool:
    return post.is_up or post.to_retract


@dataclass(frozen=True, slots=True)
class _Unsent:
    """What of a step is not out: posts that are ``planned`` or on their way, those ``in_doubt``, and whole waves that
    are ``to_come``."""

    planned: int
    in_doubt: int
    to_come: Sequence[Wave]

    def __bool__(self) -> bool:
        return bool(self.planned or self.in_doubt or self.to_come)


def _unsent(ledger: SqlLedger, waves: Sequence[Wave], step: str, account: str | None) -> _Unsent:
    from campaign.model.delivery import OPEN, State
    from campaign.model.wave import WaveState
    from campaign.ports.ledger import Filters

    states = [sent.state for sent in ledger.log(Filters(step=step, recipient=account))]
    return _Unsent(
        planned=sum(state in OPEN for state in states),
        in_doubt=states.count(State.IN_DOUBT),
        to_come=[
            wave
            for wave in waves
            if account is None and wave.prepared_at is None and wave.state in (WaveState.WAITING, WaveState.HELD)
        ],
    )


def _show(standing: Sequence[Posted], plan: Plan, unsent: _Unsent) -> None:
    from campaign.cli.posts import table
    from campaign.engines.clock import SystemClock

    if standing:
        screen.out.print(f"{standing[0].step} on {standing[0].channel}", style="bold")
        for line in table(standing, plan, SystemClock().now()):
            screen.out.print(line, soft_wrap=True)
    if unsent.planned:
        screen.out.print(f"Not out yet, and cancelled first: {screen.counted(unsent.planned, 'post')}.")
    if unsent.to_come:
        first = screen.local(min(wave.due_at for wave in unsent.to_come), plan.zone)
        number = screen.counted(len(unsent.to_come), "wave")
        screen.out.print(f"Still to come, and cancelled first: {number}, from {first} on.", soft_wrap=True)
    if unsent.in_doubt:
        number = screen.counted(unsent.in_doubt, "post")
        screen.out.print(f"In doubt, and deleted if it turns out to stand: {number}.", soft_wrap=True)


def _confirm(number: int, who: str) -> None:
    """A person types how many posts this is about."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to confirm; say --yes if that is what you mean", param_hint="--yes")
    given = typer.prompt(f"Type the number of posts above, {who}, to delete them for good", type=int)
    if given != number:
        raise typer.BadParameter(
            f"it is {screen.counted(number, 'post')}, not {given:,}; nothing was deleted or cancelled",
            param_hint="the number",
        )


def _carry_out(configured: Settings, database: Database, ledger: SqlLedger, step: str, account: str | None) -> None:
    """Delete what is to be deleted, settle what is in doubt, and try again for a while."""
    from campaign.bootstrap.afterwards import afterwards
    from campaign.engines.clock import SystemClock
    from campaign.flow import retract as retracting
    from campaign.flow.content import Contents

    clock = SystemClock()
    until = clock.now() + _PATIENCE

    def report(_: datetime, what: str) -> None:
        screen.out.print(what, soft_wrap=True)

    accounts = {(post.channel, post.account) for post in ledger.posts(step=step, to_retract=True)}
    accounts = {(channel, name) for channel, name in accounts if account in (None, name)}
    if not accounts:
        return
    with afterwards(configured, database, ledger, accounts, clock=clock, report=report) as desk:
        contents = Contents(ledger)
        _once(desk, contents, step)
        while (again := retracting.next_at(desk, step=step)) is not None and again < until:
            clock.sleep_until(min(again, clock.now() + _LOOK))
            _once(desk, contents, step)


def _once(desk: Desk, contents: Contents, step: str) -> None:
    from campaign.flow import retract as retracting
    from campaign.flow import settle

    settle.lapsed(desk)
    settle.doubts(desk, contents)
    retracting.carry_out(desk, step=step)


def _report(ledger: SqlLedger, step: str, account: str | None, waves: Sequence[Wave], *, sandbox: bool) -> None:
    from campaign.flow import retract as retracting
    from campaign.model.wave import WaveState

    mine = [post for post in ledger.posts(step=step) if account in (None, post.account)]
    left = retracting.left(mine)
    screen.out.print(f"{step}: {screen.counted(left.gone, 'post')} deleted.", style="bold")
    if account is not None and any(wave.state is WaveState.WAITING for wave in waves):
        screen.say(
            "Still to come: ",
            f"{step} will post from {account} again; take the account out of the step, or: campaign cancel {step}",
            style="yellow",
        )
    for post in left.stay:
        why = post.retraction.why if post.retraction else ""
        screen.say("Stands: ", f"{post.url or post.ref}: {post.channel} does not delete it: {why}")
    if left.open:
        run = "campaign run" if sandbox else "campaign run --live"
        for post in left.open:
            why = post.retraction.why if post.retraction and post.retraction.why else "not known yet whether it stands"
            screen.say("Not deleted yet: ", f"{post.url or post.ref or f'{post.account} {post.part}'}: {why}")
        screen.err.print(f"`{run}` tries again, and so does the same command.", soft_wrap=True)
    if left.open or left.stay:
        raise typer.Exit(1)
