"""bootstrap: the same program, with the providers or with their stand-ins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaign import bootstrap
from campaign.bootstrap import channels
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.errors import NotConfigured
from campaign.flow import approve
from campaign.model.delivery import State
from campaign.ports.ledger import Filters
from campaign.settings import Settings
from campaign.settings import load as load_settings
from tests.builders import T0, people
from tests.unit.bootstrap.conftest import Load


def quiet(_at: object, _what: str) -> None: ...


def test_in_the_sandbox_the_whole_plan_goes_out_through_the_real_channels_and_is_proved(
    load: Load, settings: Settings, tmp_path: Path
) -> None:
    sources, clock = load(), VirtualClock(T0 - timedelta(minutes=1))
    made = bootstrap.sandboxed(settings, sources, clock=clock, report=quiet, journal=tmp_path / "sandbox.jsonl")
    with made as program:
        program.supporters.add(people(3), at=clock.now())
        approve.approve(sources, program.ledger, steps=sources.plan.steps, by="Jo Example", at=clock.now())
        Inline(clock).run(program.turns())
        sent = list(program.ledger.log(Filters()))
        assert {one.state for one in sent} == {State.ACCEPTED}
        assert len(sent) == 4
        assert program.sandbox is not None
        assert program.sandbox.world.now() == clock.now(), "the stand-ins' clocks follow the program's"
        told = program.prove()
        assert told.holds
        assert (told.mails, told.posts) == (3, 1)
        secret = program.desk.keys.key(1, 0)
    with bootstrap.sandboxed(settings, sources, clock=clock, report=quiet) as again:
        assert again.desk.keys.key(1, 0) == secret, "a program that goes on after a crash knows its own keys"
        assert again.desk.owner != made.desk.owner
        assert len(list(again.ledger.log(Filters()))) == 4


def test_live_names_every_setting_that_is_missing_for_this_plan_and_no_other(
    load: Load, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(T0)
    with pytest.raises(NotConfigured, match="CAMPAIGN_SECRET_KEY"):
        bootstrap.live(settings, load(), clock=clock, report=quiet)
    monkeypatch.setenv("CAMPAIGN_SECRET_KEY", "0123456789abcdefghijklmnop")
    with pytest.raises(NotConfigured, match="CAMPAIGN_PUBLIC_URL"):
        bootstrap.live(load_settings(), load(), clock=clock, report=quiet)
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", "https://campaign.example.net")
    with pytest.raises(NotConfigured) as missing:
        bootstrap.live(load_settings(), load(), clock=clock, report=quiet)
    said = str(missing.value)
    assert "CAMPAIGN_SENDGRID__API_KEY" in said
    assert "CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN" in said
    assert "BLUESKY" not in said
    assert "CAMPAIGN_X_" not in said


def test_live_names_the_variable_of_a_dkim_key_that_cannot_be_read(
    load: Load, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = load().plan
    assert plan.sender is not None
    plan = replace(plan, sender=replace(plan.sender, via="smtp"))
    made = dict(channels.makers(settings, plan))
    with pytest.raises(NotConfigured, match="CAMPAIGN_SMTP__HOST is not set"):
        made["smtp"]()
    variables = {"HOST": "mail.example.org", "DKIM_DOMAIN": "example.org", "DKIM_SELECTOR": "s1"}
    for name, value in {**variables, "DKIM_KEY_FILE": str(tmp_path / "none.pem")}.items():
        monkeypatch.setenv(f"CAMPAIGN_SMTP__{name}", value)
    with pytest.raises(NotConfigured, match=r"CAMPAIGN_SMTP__DKIM_KEY_FILE: .* cannot be read"):
        dict(channels.makers(load_settings(), plan))["smtp"]()


def test_only_a_program_with_a_sandbox_of_its_own_can_prove(
    load: Load, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "SECRET_KEY": "0123456789abcdefghijklmnop",
        "PUBLIC_URL": "https://campaign.example.net",
        "SENDGRID__API_KEY": "none",
        "SENDGRID__BASE_URL": "http://127.0.0.1:9",
        "MASTODON__BASE_URL": "http://127.0.0.1:9",
        "MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN": "none",
    }.items():
        monkeypatch.setenv(f"CAMPAIGN_{name}", value)
    made = bootstrap.live(load_settings(), load(), clock=VirtualClock(T0), report=quiet)
    with made as program, pytest.raises(ValueError, match="only the sandbox"):
        program.prove()
    assert set(made.desk.mails) == {"sendgrid"}
    assert set(made.desk.posts) == {"mastodon"}


def test_the_accounts_are_those_that_the_plan_posts_from(load: Load) -> None:
    assert channels.accounts_of(load().plan) == {"mastodon": ("national",)}


@pytest.mark.parametrize("provider", ["sendgrid", "smtp", "x", "bluesky", "mastodon"])
def test_what_was_handed_over_can_be_read_back_without_any_credentials(provider: str) -> None:
    assert channels.reader(provider).name == provider
