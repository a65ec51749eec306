"""campaign doctor: what a live run still needs, all of it, before the day."""

from __future__ import annotations

from tests.dns_server import serving
from tests.story.conftest import Campaign


def test_without_settings_it_names_everything_that_is_missing(campaign: Campaign) -> None:
    shown = " ".join(campaign("doctor", expect=4).split())
    for name in (
        "CAMPAIGN_SECRET_KEY",
        "CAMPAIGN_PUBLIC_URL",
        "CAMPAIGN_SENDGRID__API_KEY",
        "CAMPAIGN_X__ACCOUNTS__NATIONAL__ACCESS_TOKEN_SECRET",
        "CAMPAIGN_BLUESKY__ACCOUNTS__NATIONAL__APP_PASSWORD",
        "CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN",
    ):
        assert name in shown
    told = {one["what"]: one["verdict"] for one in campaign.json("doctor", "--json", expect=4)}
    assert told["plan"] == told["database"] == "ok"
    assert told["secret key"] == "error"


def test_no_secret_is_shown_and_an_account_that_cannot_be_reached_is_said(campaign: Campaign) -> None:
    secrets = {
        "CAMPAIGN_SECRET_KEY": "secret-0123456789abcdef",
        "CAMPAIGN_SENDGRID__API_KEY": "SG.secret",
        "CAMPAIGN_X__ACCOUNTS__NATIONAL__API_KEY": "secret-1",
        "CAMPAIGN_X__ACCOUNTS__NATIONAL__API_SECRET": "secret-2",
        "CAMPAIGN_X__ACCOUNTS__NATIONAL__ACCESS_TOKEN": "secret-3",
        "CAMPAIGN_X__ACCOUNTS__NATIONAL__ACCESS_TOKEN_SECRET": "secret-4",
        "CAMPAIGN_BLUESKY__ACCOUNTS__NATIONAL__APP_PASSWORD": "secret-5",
        "CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN": "secret-6",
    }
    nowhere = "http://127.0.0.1:9"
    campaign.environment = {
        **secrets,
        "CAMPAIGN_PUBLIC_URL": "https://campaign.example.net",
        "CAMPAIGN_BLUESKY__ACCOUNTS__NATIONAL__HANDLE": "national.example.org",
        **{f"CAMPAIGN_{name}__BASE_URL": nowhere for name in ("SENDGRID", "X", "BLUESKY", "MASTODON")},
    }
    told = campaign.json("doctor", "--json", expect=4)
    verdicts = {one["what"]: one["verdict"] for one in told}
    assert [name for name, verdict in verdicts.items() if verdict == "error"] == [
        "sendgrid",
        "x",
        "bluesky",
        "mastodon",
        "sender",
    ]
    shown = str(told) + campaign.said
    assert [secret for secret in secrets.values() if secret in shown] == []


def test_a_sender_at_an_example_is_told_and_the_world_is_not_asked_about_it(campaign: Campaign) -> None:
    told = {one["what"]: one for one in campaign.json("doctor", "--json", expect=4)}
    assert told["sender"]["verdict"] == "error"
    assert "campaign@example.org is at a domain for examples" in told["sender"]["detail"]
    assert not any("SPF" in what or "DMARC" in what for what in told)


def test_the_dns_of_the_senders_domain_is_looked_at(campaign: Campaign) -> None:
    zone = {
        ("example.org", "TXT"): ['"v=spf1 include:sendgrid.net -all"'],
        ("sendgrid.net", "TXT"): ['"v=spf1 ip4:198.51.100.0/24 -all"'],
        ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:dmarc@example.org"'],
        ("example.org", "MX"): ["10 mail.example.org."],
    }
    with serving(zone) as server:
        found = campaign.json("doctor", "--json", "--nameserver", server.address, expect=4)
    told = {one["what"]: one for one in found}
    assert told["SPF of example.org"]["verdict"] == "ok"
    assert told["DMARC of example.org"]["verdict"] == "ok"
    assert told["replies to hello@example.org"]["verdict"] == "ok"
    assert told["DKIM at s1._domainkey.example.org"]["verdict"] == "error"
    assert "In SendGrid authenticate example.org" in told["DKIM at s1._domainkey.example.org"]["detail"]


def test_what_is_no_dns_server_is_told(campaign: Campaign) -> None:
    told = {one["what"]: one for one in campaign.json("doctor", "--json", "--nameserver", "ns.example.org", expect=4)}
    assert "is no DNS server" in told["sender"]["detail"]
