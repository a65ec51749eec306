"""What a test e-mail is sent with: the program for one step, and the record of tests."""

from __future__ import annotations

from dataclasses import replace

from campaign import bootstrap
from campaign.bootstrap import Program, Report
from campaign.model.bundle import Sources
from campaign.model.plan import Step
from campaign.ports.clock import Clock
from campaign.ports.sent_tests import SentTests
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.sent_tests import SqlSentTests


def program(settings: Settings, sources: Sources, step: Step, *, live: bool, clock: Clock, report: Report) -> Program:
    """The program for ``step`` alone: to try an e-mail nobody needs the credentials of a network.

    Raises NotConfigured as ``bootstrap.live`` does.
    """
    alone = replace(sources, plan=replace(sources.plan, steps=(step,)))
    if live:
        return bootstrap.live(settings, alone, clock=clock, report=report)
    return bootstrap.sandboxed(settings, alone, clock=clock, report=report)


def record(database: Database, *, live: bool) -> SentTests:
    return SqlSentTests(database, world="live" if live else "sandbox")
