"""The unsubscribe pages as people meet them: in a browser, by keyboard, on a phone, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import AA, AA_SHAPES, CONTRASTS
from tests.leaving import Leaving, leaving

pytestmark = pytest.mark.xdist_group("browser")

PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1280, "height": 800}
TAP_PX = 44


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Leaving]:
    with leaving(tmp_path) as made:
        yield made


@pytest.fixture
def opened(browser: Browser, at: Leaving) -> Iterator[Page]:
    """The first person's page, on a phone, without JavaScript; whatever it asks of another host is an error."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]  # a TypedDict
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(at.site.url + at.path())
    yield page
    context.close()
    assert asked
    assert all(url.startswith(at.site.url + "/u/") for url in asked), "a page asks for nothing but itself"


def test_one_press_of_the_button_unsubscribes(opened: Page, at: Leaving) -> None:
    assert at.suppression() is None, "to open the page changes nothing"
    opened.get_by_role("button", name="Confirm").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    expect(opened).to_have_title("You are unsubscribed")
    assert at.suppression() is not None


@pytest.mark.parametrize(
    ("label", "heading", "now"),
    [
        ("Fewer e-mails", "You will get fewer e-mails", "at most one e-mail in any seven days"),
        ("Only this campaign", "You will hear about this campaign only", "e-mails of one campaign only"),
    ],
)
def test_a_choice_is_made_confirmed_and_changed_again(
    opened: Page, at: Leaving, label: str, heading: str, now: str
) -> None:
    opened.get_by_text(label, exact=True).click()
    expect(opened.get_by_role("radio", name=label)).to_be_checked()
    opened.get_by_role("button", name="Confirm").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text(heading)
    assert at.suppression() is None
    opened.get_by_role("link", name="Choose something else").click()
    expect(opened.get_by_text(f"At the moment you get {now}.")).to_be_visible()
    opened.get_by_role("radio", name="Every e-mail").check()
    opened.get_by_role("button", name="Confirm").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("You will get every e-mail again")


def test_a_mistake_is_undone_on_the_page_that_confirms_it(opened: Page, at: Leaving) -> None:
    opened.get_by_role("button", name="Confirm").click()
    opened.get_by_role("button", name="Undo").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("You are back on the list")
    assert at.suppression() is None


def test_the_keyboard_is_enough_and_shows_where_it_is(opened: Page, at: Leaving) -> None:
    opened.keyboard.press("Tab")
    expect(opened.get_by_role("radio", name="No more e-mails")).to_be_focused()
    opened.keyboard.press("ArrowDown")
    expect(opened.get_by_role("radio", name="Fewer e-mails")).to_be_checked()
    expect(opened.locator(".choice", has=opened.locator(":focus"))).to_have_css("outline-style", "solid")
    opened.keyboard.press("Tab")
    button = opened.get_by_role("button", name="Confirm")
    expect(button).to_be_focused()
    expect(button).to_have_css("outline-width", "3px")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("heading", level=1)).to_have_text("You will get fewer e-mails")


def test_what_a_choice_means_is_said_with_it(opened: Page) -> None:
    radio = opened.get_by_role("radio", name="Fewer e-mails")
    expect(radio).to_have_accessible_description("At most one in any seven days.")
    expect(opened.get_by_role("group", name="From now on I want")).to_be_visible()
    expect(opened.get_by_role("main")).to_be_visible()
    assert opened.locator("html").get_attribute("lang") == "en"


def test_another_language_is_a_link_away_and_stays(opened: Page, at: Leaving) -> None:
    opened.get_by_role("link", name="Español").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("Darme de baja")
    opened.get_by_role("button", name="Confirmar").click()
    expect(opened.get_by_role("heading", level=1)).to_have_text("Te has dado de baja")
    assert at.suppression() is not None


def test_arabic_runs_from_right_to_left(opened: Page) -> None:
    opened.get_by_role("link", name="العربية").click()
    assert opened.locator("html").get_attribute("dir") == "rtl"
    radio, label = opened.get_by_role("radio").first.bounding_box(), opened.locator(".choice b").first.bounding_box()
    assert radio is not None
    assert label is not None
    assert radio["x"] > label["x"] + label["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 640, 1280])
def test_nothing_is_cut_off_hard_to_read_or_hard_to_hit(browser: Browser, at: Leaving, scheme: str, width: int) -> None:
    """320 px is a laptop's page at four times its size (WCAG 2.2, 1.4.10), 640 px at twice (1.4.4)."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    failed: list[str] = []
    page.on("console", lambda message: failed.append(message.text))
    for way in ("choose", "done", "unknown"):
        page.goto(at.site.url + (at.path() if way != "unknown" else "/u/unknown"))
        if way == "done":
            page.get_by_role("button").first.click()
            expect(page).to_have_title("You are unsubscribed")
            page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
        measured = page.evaluate(CONTRASTS)
        assert measured["texts"]
        assert [text for text, ratio in measured["texts"] if ratio < AA] == []
        assert [text for text, ratio in measured["edges"] if ratio < AA_SHAPES] == []
        for target in page.locator(".choice, button").all():
            box = target.bounding_box()
            assert box is not None
            assert box["height"] >= TAP_PX
    context.close()
    # A 404 is told by the browser; anything else would be a rule of the Content-Security-Policy that was broken.
    assert [text for text in failed if not re.search(r"\b404\b", text)] == []
