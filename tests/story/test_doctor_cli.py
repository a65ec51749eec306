"""campaign doctor: what a live run still needs, all of it, before the day."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.server import Sandbox
from tests.dns_server import serving
from tests.served import served
from tests.story.conftest import Campaign

ACCOUNTS = {
    "sendgrid": {"campaign": "SG.secret"},
    "x": {"national": "secret-x"},
    "bluesky": {"national": "secret-bluesky"},
    "mastodon": {"national": "secret-mastodon", "washington": "secret-washington"},
}
HANDLES = """\
accounts:
  x: {national: national}
  bluesky: {national: national.example.org}
  mastodon: {national: "national@social.example.org", washington: "washington@social.example.org"}

steps:
"""


@pytest.fixture
def reachable(campaign: Campaign) -> Iterator[Campaign]:
    """The campaign with accounts of its own at the stand-ins, two of them on Mastodon; the plan says who they are."""
    plan = (campaign.folder / "schedules.yaml").read_text(encoding="utf-8").replace("steps:\n", HANDLES)
    launch = "- id: launch-mastodon\n    channel: mastodon\n    account: national"
    assert launch in plan
    plan = plan.replace(launch, launch.replace("account: national", "accounts: [national, washington]"))
    (campaign.folder / "schedules.yaml").write_text(plan, encoding="utf-8")
    head = "CAMPAIGN_{}__ACCOUNTS__{}__{}".format
    with Sandbox(accounts=ACCOUNTS) as sandbox:
        campaign.environment = {
            "CAMPAIGN_SECRET_KEY": "secret-0123456789abcdef",
            "CAMPAIGN_PUBLIC_URL": "https://campaign.example.net",
            "CAMPAIGN_SENDGRID__API_KEY": "SG.secret",
            **{f"CAMPAIGN_{name.upper()}__BASE_URL": sandbox.urls[name] for name in ACCOUNTS},
            **{head("X", "NATIONAL", name): "secret" for name in ("API_KEY", "API_SECRET", "ACCESS_TOKEN_SECRET")},
            head("X", "NATIONAL", "ACCESS_TOKEN"): "secret-x",
            head("BLUESKY", "NATIONAL", "HANDLE"): "national.example.org",
            head("BLUESKY", "NATIONAL", "APP_PASSWORD"): "secret-bluesky",
            head("MASTODON", "NATIONAL", "ACCESS_TOKEN"): "secret-mastodon",
            head("MASTODON", "WASHINGTON", "ACCESS_TOKEN"): "secret-washington",
        }
        yield campaign


def looked(campaign: Campaign, *arguments: str) -> dict[str, Any]:
    """What the doctor says by what it looked at; the example's own domains are an error of it."""
    return {one["what"]: one for one in campaign.json("doctor", "--json", *arguments, expect=4)}


def change(campaign: Campaign, file: str, old: str, new: str) -> None:
    path = campaign.folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_each_account_is_shown_with_who_it_is_what_it_may_and_what_is_left(reachable: Campaign) -> None:
    told = looked(reachable)
    assert [told[f"{one} national"]["verdict"] for one in ("x", "bluesky", "mastodon")] == ["ok"] * 3
    account = told["mastodon washington"]["account"]
    assert (account["handle"], account["meant"]) == ("washington@social.example.org",) * 2
    assert account["may"] == ["post", "delete its posts", "read its posts", "show pictures and videos"]
    assert (account["left"]["number"], account["left"]["of"]) == (299, 300)
    assert told["posts"]["verdict"] == "ok"
    shown = reachable("doctor", expect=4)
    assert "@washington@social.example.org" in shown
    assert "of 300 requests left until" in " ".join(shown.split())
    assert "secret" not in shown.replace("secret key", "")


def test_an_account_that_is_not_the_one_that_is_meant_is_an_error_and_hides_no_other(reachable: Campaign) -> None:
    change(reachable, "schedules.yaml", '"washington@social', '"freetowalk_wa@social')
    told = looked(reachable)
    assert told["mastodon washington"]["verdict"] == "error"
    assert (
        "is @washington@social.example.org, and the plan means @freetowalk_wa" in told["mastodon washington"]["detail"]
    )
    assert told["mastodon national"]["verdict"] == "ok"
    assert "Not ready for a live run: 3 errors (sender, mastodon washington, links in posts)" in reachable(
        "doctor", expect=4
    )


def test_an_account_without_its_variables_is_told_which_to_set_and_hides_no_other(reachable: Campaign) -> None:
    del reachable.environment["CAMPAIGN_MASTODON__ACCOUNTS__WASHINGTON__ACCESS_TOKEN"]
    told = looked(reachable)
    assert "CAMPAIGN_MASTODON__ACCOUNTS__WASHINGTON__ACCESS_TOKEN" in told["mastodon washington"]["detail"]
    assert told["mastodon national"]["verdict"] == "ok"


def test_an_account_that_is_refused_hides_no_other(reachable: Campaign) -> None:
    reachable.environment["CAMPAIGN_MASTODON__ACCOUNTS__WASHINGTON__ACCESS_TOKEN"] = "secret-and-wrong"
    told = looked(reachable)
    assert told["mastodon washington"]["verdict"] == "error"
    assert "secret-and-wrong" not in str(told)
    assert told["mastodon national"]["verdict"] == "ok"


def test_a_dead_link_is_an_error_with_the_post_that_has_it(reachable: Campaign) -> None:
    def page(request: Request) -> Response:
        there = request.path_params["path"] == "there"
        if request.method == "HEAD" and there:
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)
        return Response(status_code=HTTPStatus.OK if there else HTTPStatus.NOT_FOUND)

    with served(Starlette(routes=[Route("/{path:path}", page, methods=["GET", "HEAD"])])) as site:
        for name, path in (("action", "there"), ("share", "gone")):
            old = {"action": "https://act.example.org/face-recognition", "share": "https://go.example.org/faces"}[name]
            change(reachable, "schedules.yaml", old, f"{site.url}/{path}")
        found = [one for one in reachable.json("doctor", "--json", expect=4) if site.url in one["detail"]]
        details = {one["verdict"]: one["detail"] for one in found}
        assert list(details) == ["error"]
        assert "the server answers 404 Not Found" in details["error"]
        assert "launch" in details["error"]
        assert "links in posts" not in str(
            [one for one in reachable.json("doctor", "--json", "--no-links", expect=4) if "links" in one["what"]]
        )


def test_whom_nobody_on_bluesky_is_cannot_be_mentioned(reachable: Campaign) -> None:
    post = reachable.folder / "messages" / "post" / "signatories.bluesky.md"
    post.write_text("Ask @nobody.example.org.\n", encoding="utf-8")
    told = looked(reachable)
    assert told["mentions on Bluesky"]["verdict"] == "error"
    assert "nobody on Bluesky is @nobody.example.org (signatories-bluesky)" in told["mentions on Bluesky"]["detail"]


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
        "sender",
        "x national",
        "bluesky national",
        "mastodon national",
        "links in posts",
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
