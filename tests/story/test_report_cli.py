"""campaign report: a rehearsal on one page, in a browser, on a phone, in the dark; and nobody in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser import AA, CONTRASTS
from tests.story.conftest import Campaign, new_campaign

pytestmark = pytest.mark.xdist_group("browser")

MOST_BYTES = 500_000


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[Campaign, dict[str, Any]]:
    """This repository's campaign, rehearsed in bad weather and reported on; and what the rehearsal told."""
    campaign = new_campaign(tmp_path_factory.mktemp("reported"), root)
    told = campaign.json("rehearse", "--sample", "120", "--faults", "storm", "--json")
    said = campaign("report")
    assert "report.html" in said
    assert "nobody was reached" in campaign.said
    return campaign, told


@pytest.fixture(scope="module")
def html(reported: tuple[Campaign, dict[str, Any]]) -> str:
    return (reported[0].folder / "report.html").read_text(encoding="utf-8")


def test_the_report_agrees_with_the_rehearsal_to_the_last_delivery(
    reported: tuple[Campaign, dict[str, Any]], html: str
) -> None:
    steps = reported[1]["steps"]
    table = html[html.index("The deliveries as a table") :]
    for step in steps:
        cells = re.search(rf'<th scope="row">{step["step"]}</th><td class="n">([^<]+)</td>', table)
        assert cells is not None
        assert int(cells[1].replace(",", "").replace("\N{EN DASH}", "0")) == step["planned"]
    accepted = sum(step["accepted"] for step in steps)
    assert f"<b>{accepted:,}</b><small>accepted</small>" in html
    assert "It adds up" in html
    assert "Rehearsal: nobody was reached." in html


def test_no_address_and_no_name_of_a_supporter_is_in_it(reported: tuple[Campaign, dict[str, Any]], html: str) -> None:
    campaign, _ = reported
    lines = json.loads(campaign("log", "--step", "action-alert", "--format", "json"))
    addresses = {line["recipient"] for line in lines if line["recipient"]}
    assert len(addresses) > 100
    assert [one for one in addresses if one in html or one.partition("@")[0] in html] == []
    assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", html) == []


def test_it_is_small_enough_to_mail_and_is_replaced_whole(reported: tuple[Campaign, dict[str, Any]], html: str) -> None:
    campaign, _ = reported
    assert len(html.encode()) < MOST_BYTES
    campaign("report", "--out", "again.html", "--world", "rehearsal")
    assert (campaign.folder / "again.html").read_text(encoding="utf-8") == html
    assert list(campaign.folder.glob(".*.html*")) == []
    campaign("report", "--out", "nowhere/report.html", expect=1)
    assert "cannot be written" in campaign.said


def test_before_anything_was_approved_there_is_nothing_to_report(campaign: Campaign) -> None:
    campaign("report", expect=1)
    assert "campaign rehearse" in campaign.said
    campaign("report", "--world", "live", expect=1)
    assert "nothing was ever approved" in campaign.said
    assert not (campaign.folder / "report.html").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_reads_at_every_width_in_light_and_dark_and_asks_nobody(
    browser: Browser, reported: tuple[Campaign, dict[str, Any]], scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    failed: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: failed.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    address = (reported[0].folder / "report.html").as_uri()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
    measured = page.evaluate(CONTRASTS)
    assert len(measured["texts"]) > 100
    # Words in a plot are filled, not coloured, and what a mark's title says is not painted.
    hidden = set(page.locator("svg text, svg title").all_text_contents())
    assert [text for text, ratio in measured["texts"] if ratio < AA and text not in hidden] == []
    for plot in page.get_by_role("img").all():
        assert plot.get_attribute("aria-label")
        assert plot.locator("svg").count()
    context.close()
    assert asked == [address]
    assert failed == []
