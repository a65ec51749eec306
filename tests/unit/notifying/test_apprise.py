"""Notices go out by webhooks and e-mail, to real servers on loopback; nothing of an address is ever shown."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from io import StringIO
from queue import Queue
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from campaign.errors import NotConfigured
from campaign.notifying.apprise import Apprise
from tests.listening import Listener, listening

TITLE = "a-letter: alert is complete"
TEXT = "9 accepted, of 9 planned.\nEverything about it: campaign log --step alert"
TOKEN = "8dmkt49rypfzzjgbwz9wnxqr1c"


@pytest.fixture
def everything_logged() -> Iterator[StringIO]:
    """What a program that logs all there is would write down; ``caplog`` also listens where nobody else does."""
    root, written = logging.getLogger(), StringIO()
    handler, before = logging.StreamHandler(written), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_webhook_gets_title_and_text() -> None:
    with listening() as listener:
        notifier = Apprise([f"json://127.0.0.1:{listener.port}/hook"])
        assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=True) == ""
        path, body = listener.next()
    assert path.startswith("/hook")
    assert (body["title"], body["message"], body["type"]) == (TITLE, TEXT, "warning")


def test_a_webhook_of_slacks_kind_gets_a_text_at_its_token() -> None:
    with listening() as listener:
        notifier = Apprise([f"mmost://127.0.0.1:{listener.port}/{TOKEN}"])
        assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=False) == ""
        path, body = listener.next()
    assert path == f"/hooks/{TOKEN}"
    assert TITLE in str(body)
    assert "campaign log --step alert" in str(body)


class _Mailbox:
    def __init__(self) -> None:
        self.got: Queue[tuple[list[str], Message]] = Queue()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.got.put((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default)))
        return "250 OK"


def test_an_email_arrives_at_a_mail_server() -> None:
    mailbox = _Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:  # aiosmtpd looks for itself at the port it was given
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        notifier = Apprise(
            [f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&mode=insecure&from=campaign@example.org&to=team@example.org"]
        )
        assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=False) == ""
        recipients, mail = mailbox.got.get(timeout=60)
    finally:
        server.stop()
    assert recipients == ["team@example.org"]
    assert mail["Subject"] == TITLE
    assert "campaign log --step alert" in mail.as_string().replace("=\n", "").replace("&nbsp;", " ")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_told_by_its_status_and_nothing_of_the_address(
    status: int, everything_logged: StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with listening() as listener:
        listener.answers.append(status)
        notifier = Apprise([f"mmost://127.0.0.1:{listener.port}/{TOKEN}"])
        why = notifier.send(notifier.places[0], TITLE, TEXT, urgent=False)
    assert why == f"it answered {status}"
    assert TOKEN not in everything_logged.getvalue()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_a_place_that_answers_nobody_is_left_in_time() -> None:
    with listening() as listener:
        listener.hangs.set()
        notifier = Apprise([f"json://127.0.0.1:{listener.port}/hook?rto=60"], timeout_s=0.2)
        assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=False) == "no answer in time"


def test_a_place_where_nobody_is_could_not_be_reached() -> None:
    with listening() as listener:
        port = listener.port
    notifier = Apprise([f"json://127.0.0.1:{port}/{TOKEN}"])
    assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=False) == "it could not be reached, or did not take it"


def test_a_redirect_is_not_followed_with_the_token() -> None:
    with listening() as listener:
        listener.answers.append(302)
        notifier = Apprise([f"json://127.0.0.1:{listener.port}/hook"])
        assert notifier.send(notifier.places[0], TITLE, TEXT, urgent=False) != ""


@pytest.mark.parametrize(
    "address", [f"no-such-thing://{TOKEN}", f"mmost://{TOKEN}", "https://hooks.slack.com/services/x"]
)
def test_an_address_that_is_not_known_is_told_by_its_number_alone(
    address: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotConfigured) as raised:
        Apprise(["json://127.0.0.1/first", address])
    assert "address 2 in CAMPAIGN_NOTIFY__URLS" in str(raised.value)
    assert TOKEN not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_places_are_called_by_number_and_service() -> None:
    notifier = Apprise(["json://127.0.0.1/a", f"mmost://127.0.0.1/{TOKEN}", "json://127.0.0.1/b"])
    assert notifier.places == ("address 1 (JSON)", "address 2 (Mattermost)", "address 3 (JSON)")


def test_the_servers_own_words_are_not_repeated() -> None:
    def nothing(listener: Listener) -> str:
        listener.answers.append(418)
        notifier = Apprise([f"json://user:{TOKEN}@127.0.0.1:{listener.port}/hook"])
        return notifier.send(notifier.places[0], TITLE, TEXT, urgent=False)

    with listening() as listener:
        assert nothing(listener) == "it answered 418"
