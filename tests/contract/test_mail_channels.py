"""What every mail channel does: one suite, run on each of them against its stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from campaign.channels.sendgrid import SendGrid
from campaign.channels.smtp import Smtp
from campaign.errors import ChannelUnusable
from campaign.model.batch import MailBatch, MailContent, MailRow
from campaign.model.delivery import Keys
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.plan import Sender
from campaign.ports.channel import MailChannel
from campaign.sandbox import sendgrid as sendgrid_stand_in
from campaign.sandbox import smtp as smtp_stand_in
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox

SECRET = "made-up-secret-0123456789"
ACCOUNTS = {"sendgrid": {"campaign": SECRET}, "smtp": {"campaign": SECRET}}
KEYS = Keys(b"a secret of the tests")
TOKENS = ("zqFIRSTzq", "zqPLACEzq")
CONTENT = MailContent(
    sender=Sender(via="sendgrid", address="hello@example.org", name="Fair Streets", postal_address="1 Elm Street"),
    subject="zqFIRSTzq, your council votes tomorrow: será en zqPLACEzq",
    html="<p>Dear zqFIRSTzq,</p>\n<p>they vote in zqPLACEzq.</p>\n",
    text="Dear zqFIRSTzq,\n\nthey vote in zqPLACEzq.\n.\nThat is all.\n",
    tokens=TOKENS,
    language="en",
    categories=("alert",),
)


@dataclass
class Bench:
    """A channel, the sandbox it talks to, and what is particular to it."""

    sandbox: Sandbox
    provider: str

    def channel(self, secret: str = SECRET) -> MailChannel:
        if self.provider == "sendgrid":
            return SendGrid(api_key=secret, base_url=self.sandbox.urls["sendgrid"], timeout_s=20)
        return Smtp(
            host="127.0.0.1",
            port=self.sandbox.smtp_port,
            username="campaign",
            password=secret,
            security="none",
            timeout_s=20,
            hostname="localhost",
        )

    def strike(self, fault: Fault, *, times: int = 1) -> None:
        self.sandbox.world.faults.ask(self.provider, fault, times=times)

    def taken(self) -> list[str]:
        """The keys of what was taken."""
        return [mail["key"] for mail in self.sandbox.taken()]

    def mail(self, key: str) -> dict[str, Any]:
        read = sendgrid_stand_in.mail if self.provider == "sendgrid" else smtp_stand_in.mail
        found = read(self.sandbox.world, key)
        assert found is not None
        return found


@pytest.fixture(params=["sendgrid", "smtp"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with Sandbox(accounts=ACCOUNTS) as sandbox:
        yield Bench(sandbox, request.param)


@pytest.fixture
def channel(bench: Bench) -> Iterator[MailChannel]:
    channel = bench.channel()
    yield channel
    channel.close()


def batch_to(*addresses: str, content: MailContent = CONTENT) -> MailBatch:
    rows = [
        MailRow(
            seq=seq,
            key=KEYS.key(7, seq),
            address=address,
            name=f"Person {seq}, MP" if seq % 2 else "",
            values=(f"Zoë {seq}", 'São "Paulo" <West>'),
            unsubscribe_url=f"https://example.org/u/{KEYS.key(7, seq)}",
        )
        for seq, address in enumerate(addresses)
    ]
    return MailBatch(id=1, content=content, rows=rows, made_at=datetime(2026, 5, 22, 9, tzinfo=UTC))


def people(count: int) -> list[str]:
    return [f"person{number}@deliver.example.org" for number in range(count)]


def send(channel: MailChannel, batch: MailBatch) -> Sequence[Outcome]:
    return channel.deliver(batch, channel.compose(batch))


def test_everybody_in_the_batch_is_accepted_and_taken_once(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(20))
    outcomes = send(channel, batch)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 20
    assert all(isinstance(outcome, Accepted) and outcome.ref for outcome in outcomes)
    assert bench.taken() == [row.key for row in batch.rows]


def test_what_is_shown_is_what_the_provider_took(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(3))
    payload = channel.compose(batch)
    channel.deliver(batch, payload)
    for index, row in enumerate(batch.rows):
        shown = channel.shows(payload, index)
        assert shown.subject == f"Zoë {index}, your council votes tomorrow: será en {row.values[1]}"
        assert shown.text == f"Dear Zoë {index},\n\nthey vote in {row.values[1]}.\n.\nThat is all.\n"
        assert shown.html == f"<p>Dear Zoë {index},</p>\n<p>they vote in {row.values[1]}.</p>\n"
        assert shown.headers["From"] == "Fair Streets <hello@example.org>"
        assert row.address in shown.headers["To"]
        got = bench.mail(row.key)
        assert got["subject"] == shown.subject
        assert got["text"].replace("\r\n", "\n") == shown.text
        assert got["html"].replace("\r\n", "\n") == shown.html


def test_everybody_can_unsubscribe_by_one_click(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(1))
    payload = channel.compose(batch)
    channel.deliver(batch, payload)
    for headers in (channel.shows(payload, 0).headers, bench.mail(batch.rows[0].key)["headers"]):
        assert headers["List-Unsubscribe"] == f"<https://example.org/u/{batch.rows[0].key}>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_composing_again_gives_the_same_bytes(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(3))
    assert channel.compose(batch) == channel.compose(batch) == bench.channel().compose(batch)
    assert len(channel.compose(batch).chunks) == len(batch)


def test_answers_go_where_the_sender_wants_them(channel: MailChannel) -> None:
    sender = replace(CONTENT.sender, reply_to="answers@example.org")
    payload = channel.compose(batch_to(*people(1), content=replace(CONTENT, sender=sender)))
    assert channel.shows(payload, 0).headers["Reply-To"] == "answers@example.org"


def test_nobody_gets_a_header_out_of_somebodys_data(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(1))
    evil = "Ann\r\nBcc: everybody@example.net\r\n\r\nbody"
    batch = replace(batch, rows=[batch.rows[0]._replace(name=evil, values=(evil, ""))])
    payload = channel.compose(batch)
    channel.deliver(batch, payload)
    assert "Bcc" not in channel.shows(payload, 0).headers
    assert [mail["recipient"] for mail in bench.sandbox.taken()] == ["person0@deliver.example.org"]


def test_half_a_character_in_somebodys_data_stops_nobody(bench: Bench, channel: MailChannel) -> None:
    batch = batch_to(*people(2))
    batch = replace(batch, rows=[batch.rows[0]._replace(values=("A\ud800", ""), name="B\udfff"), batch.rows[1]])
    assert [type(outcome) for outcome in send(channel, batch)] == [Accepted, Accepted]


def test_an_empty_batch_is_delivered_without_a_call(bench: Bench, channel: MailChannel) -> None:
    assert list(send(channel, batch_to())) == []
    assert bench.taken() == []


def test_one_who_is_refused_is_refused_for_good_with_the_reason(bench: Bench, channel: MailChannel) -> None:
    (outcome,) = send(channel, batch_to("nobody@malformed.example.org"))
    assert isinstance(outcome, Refused)
    assert not outcome.whole
    assert outcome.reason
    assert "nobody" not in outcome.reason
    assert bench.taken() == []


def test_a_bad_row_costs_one_row_once_halving_has_found_it(bench: Bench, channel: MailChannel) -> None:
    addresses = people(8)
    addresses[5] = "nobody@malformed.example.org"

    def halve(batch: MailBatch) -> dict[str, Outcome]:
        outcomes = send(channel, batch)
        if any(isinstance(outcome, Refused) and outcome.whole for outcome in outcomes):
            middle = len(batch) // 2
            return halve(replace(batch, rows=batch.rows[:middle])) | halve(replace(batch, rows=batch.rows[middle:]))
        return {row.address: outcome for row, outcome in zip(batch.rows, outcomes, strict=True)}

    found = halve(batch_to(*addresses))
    assert [address for address, outcome in found.items() if not isinstance(outcome, Accepted)] == [addresses[5]]
    assert isinstance(found[addresses[5]], Refused)
    assert len(bench.taken()) == 7


@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.UNAVAILABLE])
def test_what_was_certainly_not_taken_is_deferred(bench: Bench, channel: MailChannel, fault: Fault) -> None:
    bench.strike(fault)
    batch = batch_to(*people(1))
    (outcome,) = send(channel, batch)
    assert isinstance(outcome, Deferred)
    assert bench.taken() == []
    (outcome,) = send(channel, batch)
    assert isinstance(outcome, Accepted)


def test_a_lost_reply_leaves_in_doubt_what_was_taken(bench: Bench, channel: MailChannel) -> None:
    bench.strike(Fault.DROP_REPLY)
    batch = batch_to(*people(1))
    payload = channel.compose(batch)
    (outcome,) = channel.deliver(batch, payload)
    assert isinstance(outcome, InDoubt)
    assert bench.taken() == [batch.rows[0].key]
    (settled,) = channel.settle(batch, payload)
    assert isinstance(settled, InDoubt)


def test_an_error_that_does_not_tell_leaves_in_doubt_what_was_not_taken(bench: Bench, channel: MailChannel) -> None:
    bench.strike(Fault.ERROR)
    (outcome,) = send(channel, batch_to(*people(1)))
    assert isinstance(outcome, InDoubt)
    assert bench.taken() == []


def test_a_slow_reply_is_waited_for(bench: Bench, channel: MailChannel) -> None:
    bench.sandbox.world.faults.ask(bench.provider, Fault.SLOW, times=1, delay_s=0.1)
    (outcome,) = send(channel, batch_to(*people(1)))
    assert isinstance(outcome, Accepted)


def test_a_lost_reply_does_not_spoil_the_next_batch(bench: Bench, channel: MailChannel) -> None:
    bench.strike(Fault.DROP_REPLY)
    send(channel, batch_to(*people(1)))
    assert all(isinstance(outcome, Accepted) for outcome in send(channel, batch_to(*people(3))))


@pytest.mark.parametrize("fault", list(Fault))
def test_there_is_one_outcome_for_each_delivery_whatever_happens(
    bench: Bench, channel: MailChannel, fault: Fault
) -> None:
    bench.strike(fault)
    batch = batch_to(*people(5))
    outcomes = send(channel, batch)
    assert len(outcomes) == 5
    accepted = {row.key for row, outcome in zip(batch.rows, outcomes, strict=True) if isinstance(outcome, Accepted)}
    doubted = {row.key for row, outcome in zip(batch.rows, outcomes, strict=True) if isinstance(outcome, InDoubt)}
    assert accepted <= set(bench.taken()) <= accepted | doubted


def test_where_nothing_listens_nothing_was_attempted(bench: Bench) -> None:
    channel = bench.channel()
    bench.sandbox.stop()
    outcomes = send(channel, batch_to(*people(3)))
    assert [type(outcome) for outcome in outcomes] == [Deferred] * 3
    assert all(isinstance(outcome, Deferred) and outcome.scope == "channel" for outcome in outcomes)
    with pytest.raises(ChannelUnusable):
        channel.check()
    channel.close()


def test_the_channel_finds_a_provider_that_was_started_again(bench: Bench, channel: MailChannel) -> None:
    assert all(isinstance(outcome, Accepted) for outcome in send(channel, batch_to(*people(2))))
    http, mail = int(bench.sandbox.url.rpartition(":")[2]), bench.sandbox.smtp_port
    bench.sandbox.stop()
    with Sandbox(accounts=ACCOUNTS, port=http, smtp_port=mail):
        assert all(isinstance(outcome, Accepted) for outcome in send(channel, batch_to(*people(2))))


def test_good_credentials_pass_the_check(bench: Bench, channel: MailChannel) -> None:
    (standing,) = channel.check()
    assert standing.account == bench.provider
    assert SECRET not in repr(standing)


def test_bad_credentials_fail_the_check_with_what_to_do(bench: Bench) -> None:
    channel = bench.channel(secret="another-made-up-secret")
    with pytest.raises(ChannelUnusable, match="CAMPAIGN_") as failed:
        channel.check()
    assert "another-made-up-secret" not in str(failed.value)
    channel.close()


def test_bad_credentials_defer_the_batch_and_stop_the_channel(bench: Bench) -> None:
    channel = bench.channel(secret="another-made-up-secret")
    for outcome in send(channel, batch_to(*people(2))):
        assert isinstance(outcome, Deferred)
        assert outcome.scope == "channel"
    assert bench.taken() == []
    channel.close()


def test_no_secret_shows_in_a_repr(bench: Bench, channel: MailChannel) -> None:
    channel.check()
    assert SECRET not in repr(channel)
    assert SECRET not in repr(bench.sandbox.world)


def test_the_payload_holds_no_secret(channel: MailChannel) -> None:
    assert SECRET.encode() not in channel.compose(batch_to(*people(1))).body()


def test_the_channel_says_what_it_can_take(bench: Bench, channel: MailChannel) -> None:
    assert channel.name == bench.provider
    assert channel.limits.batch >= 1
    assert channel.limits.in_flight >= 1
    assert channel.settles.by in ("events", "nobody")


def test_an_address_in_another_script_arrives(bench: Bench, channel: MailChannel) -> None:
    (outcome,) = send(channel, batch_to("ana@correo-español.example.org"))
    if bench.provider == "smtp":
        assert isinstance(outcome, Accepted)
        assert [mail["recipient"] for mail in bench.sandbox.taken()] == ["ana@xn--correo-espaol-skb.example.org"]


def test_closing_twice_is_harmless(channel: MailChannel) -> None:
    send(channel, batch_to(*people(1)))
    channel.close()
    channel.close()
