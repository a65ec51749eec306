"""A post that waits for a page: it goes out once the page is live, and is held and shown where that is not in time.

The page is a real one on loopback, asked as the live program asks. Sandbox and rehearsal ask nobody, so their program
is given the live one's eyes here; the rest is as in the story of two weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from campaign.engines.clock import VirtualClock
from campaign.lookups.conditions import Answers
from campaign.model.wave import WaveState
from tests.plans import LETTER, example
from tests.served import Site, served
from tests.story.conftest import Campaign
from tests.virtual import Rollout, at

T0 = at("2026-03-08", "14:00")
MINUTE = timedelta(minutes=1)
STEP = """\
steps:
  - {{id: launch, channel: mastodon, account: national, message: post/launch, at: T-0,
     when: [{{url: "{url}/page", contains: "Add your name"}}], late: {{within: 10m, then: hold}}}}
"""
SOON = "<h1>Coming soon</h1>"
LIVE = "<h1>Add  your&#32;name</h1>"


@dataclass
class Page:
    """What the page shows; it answers 404 where that is nothing."""

    shows: str = ""
    site: Site = field(init=False)

    def answer(self, _request: Request) -> HTMLResponse:
        return HTMLResponse(self.shows, 200 if self.shows else 404)


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    with served(Starlette(routes=[Route("/page", made.answer)])) as made.site:
        yield made


@pytest.fixture
def waiting(tmp_path: Path, page: Page) -> Iterator[Rollout]:
    """The launch is approved, its instant has come, and the page is not there."""
    with Rollout(tmp_path, VirtualClock(T0 - MINUTE)) as rollout:
        rollout.write(
            {
                "schedules.yaml": example(T0) + STEP.format(url=page.site.url),
                "messages/letter.md": LETTER,
                "messages/post/launch.md": "Add your name to ours.\n",
            }
        )
        rollout.start()
        eyes = Answers(rollout.clock)
        rollout.program.stack.callback(eyes.close)
        rollout.program.desk.looker = eyes
        rollout.approve()
        rollout.clock.sleep_until(T0)
        turn_until(rollout, lambda: told(rollout, "launch#1 waits until", ": 404"))
        yield rollout


def told(rollout: Rollout, *words: str) -> bool:
    return bool(rollout.heard(*words))


def turn_until(rollout: Rollout, reached: Callable[[], bool]) -> None:
    """At one instant: what was asked for beside a turn is answered by a later one."""
    while not reached():
        rollout.turn()


def test_it_goes_out_once_the_page_is_live(waiting: Rollout, page: Page) -> None:
    page.shows = SOON
    waiting.clock.sleep_until(T0 + MINUTE)
    turn_until(waiting, lambda: told(waiting, "launch#1 waits until", "200, but the words are not on the page"))
    assert waiting.posts("mastodon") == []
    page.shows = LIVE
    waiting.clock.sleep_until(T0 + 3 * MINUTE)
    turn_until(waiting, lambda: bool(waiting.posts("mastodon")))
    assert waiting.posts("mastodon") == [("Add your name to ours.", T0 + 3 * MINUTE)]
    page.shows = ""
    waiting.run_until(T0 + 60 * MINUTE)
    assert len(waiting.posts("mastodon")) == 1


def test_it_is_held_and_shown_where_the_page_is_not_live_in_time(waiting: Rollout, page: Page) -> None:
    page.shows = SOON
    waiting.clock.sleep_until(T0 + 9 * MINUTE)
    turn_until(waiting, lambda: told(waiting, "launch#1 waits until", "200, but the words are not on the page"))
    waiting.clock.sleep_until(T0 + 11 * MINUTE)
    page.shows = LIVE
    turn_until(waiting, lambda: told(waiting, "launch#1 is held"))
    waiting.run_until(T0 + 60 * MINUTE)
    assert waiting.posts("mastodon") == []
    [wave] = waiting.program.ledger.waves()
    why = (
        f'waited until {page.site.url}/page answers 200 and contains "Add your name": '
        "200, but the words are not on the page; the step waits for 0:10:00 at most"
    )
    assert (wave.state, wave.why) == (WaveState.HELD, why)
    assert f"1  launch, held: {why}" in Campaign(waiting.folder)("log", "--world", "rehearsal")


def test_a_person_lets_it_wait_once_more_and_it_goes_with_the_page(waiting: Rollout, page: Page) -> None:
    waiting.clock.sleep_until(T0 + 11 * MINUTE)
    turn_until(waiting, lambda: told(waiting, "launch#1 is held"))
    assert waiting.approve(release=True) == {"launch": ("launch#1",)}
    waiting.clock.sleep_until(T0 + 12 * MINUTE)
    page.shows = LIVE
    turn_until(waiting, lambda: bool(waiting.posts("mastodon")))
    assert waiting.posts("mastodon") == [("Add your name to ours.", T0 + 12 * MINUTE)]
