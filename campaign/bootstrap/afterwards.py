"""A desk for what comes after posting, and for nothing else: it needs no files, only the ledger and credentials."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from campaign.bootstrap import Report, channels, costs, own_secret
from campaign.errors import CampaignError
from campaign.flow.desk import Desk
from campaign.model.delivery import Keys
from campaign.model.plan import Plan, Step
from campaign.model.wave import Wave
from campaign.ports.channel import PostChannel
from campaign.ports.clock import Clock
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger

JOURNAL = Path(".campaign") / "sandbox.jsonl"
"""What the stand-ins of the world "sandbox" took."""


@contextmanager
def afterwards(
    settings: Settings,
    database: Database,
    ledger: SqlLedger,
    accounts: Collection[tuple[str, str]],
    *,
    clock: Clock,
    report: Report,
) -> Iterator[Desk]:
    """The desk, with the channels of these accounts, as they were when they posted: of each, channel and name.

    Raises NotConfigured with all that is missing for one of them, CampaignError where the ledger is a rehearsal's.
    """
    with ExitStack() as stack:
        posts: Mapping[str, PostChannel] = {}
        plan = _plan_of(ledger, accounts)
        if ledger.world == "live":
            secret = settings.secret()
            if plan is not None:
                _, posts = channels.live(settings, plan, clock=clock)
        elif ledger.world == "sandbox":
            secret = own_secret(database)
            if plan is not None:
                posts = _in_sandbox(stack, plan)
        else:
            raise CampaignError("a rehearsal's posts went with its stand-ins; ask for --world live or sandbox")
        for channel in posts.values():
            stack.callback(channel.close)
        yield Desk(
            ledger=ledger,
            mails={},
            posts=posts,
            clock=clock,
            keys=Keys(secret),
            public_url=settings.public_url,
            owner="",
            digests=dict,
            report=report,
            accounts=accounts,
            prices=costs.prices(settings),
            budgets=costs.budgets(settings),
            read_after=settings.read_metrics_after,
        )


def _in_sandbox(stack: ExitStack, plan: Plan) -> Mapping[str, PostChannel]:
    from campaign.sandbox.server import Sandbox

    JOURNAL.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sandbox = Sandbox(JOURNAL, accounts=channels.sandbox_accounts(plan), stand_ins=channels.stand_ins(plan))
    stack.callback(sandbox.stop)
    mails, posts = channels.in_sandbox(sandbox, plan)
    for mail in mails.values():
        stack.callback(mail.close)
    return posts


def _plan_of(ledger: SqlLedger, accounts: Collection[tuple[str, str]]) -> Plan | None:
    """The newest plan by which one of them posted, with the steps of them all, less other accounts; None for none."""
    waves = [wave for wave in ledger.waves() if wave.channel in {channel for channel, _ in accounts}]
    steps: list[Step] = []
    plan: Plan | None = None
    for digest in _digests(waves):
        found = ledger.bundle(digest).plan
        step = found.steps[0]
        named = tuple(name for name in step.accounts if (step.channel, name) in accounts)
        if named:
            plan = found
            steps.append(replace(step, accounts=named))
    return None if plan is None else replace(plan, sender=None, steps=tuple(steps))


def _digests(waves: Sequence[Wave]) -> Sequence[str]:
    return list(dict.fromkeys(wave.digest for wave in waves))
