"""Somebody leaves while their e-mail is being made: the real page, the real ledger, the real dispatch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette

from campaign.flow import dispatch, prepare
from campaign.flow.preferences import Door
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.preference import ASKED_FOR_LESS
from campaign.ports.channel import Settling
from campaign.ports.ledger import Filters
from campaign.storage.preferences import SqlPreferences
from campaign.web import unsubscribe
from tests.builders import step, wave
from tests.desks import HOUR, Told, office
from tests.served import Site, served


class Interrupted(Told[MailBatch]):
    """Something happens once, after a batch was claimed and before its attempt begins: while its bytes are made."""

    happens: Callable[[], object] | None = None

    def compose(self, batch: MailBatch | PostBatch) -> Payload:
        payload = super().compose(batch)  # type: ignore[arg-type]  # this channel's batches are e-mails
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return payload


def one_click(site: Site, path: str) -> None:
    body = b"List-Unsubscribe=One-Click"
    assert site.ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"}).status == 200


@pytest.mark.parametrize(
    ("asks", "why"),
    [
        (one_click, "unsubscribed"),
        (lambda site, path: site.post(path, choice="nothing"), "unsubscribed"),
        (lambda site, path: site.post(path, choice="less-often"), ASKED_FOR_LESS),
    ],
    ids=["one-click", "the page", "less often"],
)
def test_who_asks_between_claim_and_send_is_left_out(
    tmp_path: Path, asks: Callable[[Site, str], object], why: str
) -> None:
    mail = Interrupted("sendgrid", settles=Settling(by="events"))
    with office(tmp_path, mail=mail) as at:
        at.add(3)
        doors = [Door(at.desk.keys, SqlPreferences(at.database, world="live"))]
        with served(Starlette(routes=unsubscribe.routes(doors, at.clock))) as site:
            at.approve(step("first"), wave("first"))
            (first,) = at.waves("first")
            prepare.wave(at.desk, at.contents, first)
            dispatch.everything(at.desk, at.contents)
            link = at.desk.unsubscribe_url(at.desk.keys.key(first.id, 1)).removeprefix(at.desk.public_url)

            at.wait(HOUR)
            at.approve(step("second"), wave("second", due_at=at.clock.now()))
            (second,) = at.waves("second")
            prepare.wave(at.desk, at.contents, second)
            mail.happens = lambda: asks(site, link)
            dispatch.everything(at.desk, at.contents)

        (batch, payload) = mail.got[-1]
        assert [row.address for row in batch.rows] == ["person0@example.org", "person2@example.org"]
        assert b"person1" not in payload.body()
        assert at.states("second") == {State.ACCEPTED: 2, State.SUPPRESSED: 1}
        assert [sent.why for sent in at.ledger.log(Filters(step="second", state=State.SUPPRESSED))] == [why]
