"""What a channel of another package does wrong stays with its own posts, as an outcome or an error."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from campaign.errors import BadInput, ChannelUnusable
from campaign.model.batch import Payload
from campaign.model.outcome import Accepted, Deferred, InDoubt
from campaign.networks.guarded import Guarded, lacks
from campaign.ports.channel import Limits, Settling
from tests.networks import batch

POSTS = batch("One", "Two")
PAYLOAD = Payload([b"One", b"Two"])


class Failing:
    """Everything that it is asked fails, with a text that holds a secret."""

    name = "example"
    limits = Limits(batch=1, in_flight=1)
    settles = Settling(by="reading")

    def _fail(self, *_: object, **__: object) -> NoReturn:
        raise RuntimeError("s3cret")

    check = compose = ready = deliver = aim = settle = shows = metrics = retract = close = _fail


class Odd(Failing):
    """Everything that it is asked it answers with ``answer``."""

    def __init__(self, answer: object) -> None:
        def said(*_: object, **__: object) -> object:
            return answer

        for function in ("check", "compose", "deliver", "settle", "shows", "metrics", "retract"):
            setattr(self, function, said)


def guarded(channel: Any) -> Guarded:
    return Guarded(channel, title="Example", origin="campaign-example 1.0")


@pytest.mark.parametrize("channel", [Failing(), Odd(None), Odd([]), Odd([Accepted("1")]), Odd(["yes", "yes"])])
def test_an_attempt_that_does_not_tell_what_became_of_it_is_in_doubt(channel: Failing) -> None:
    for told in (guarded(channel).deliver(POSTS, PAYLOAD), guarded(channel).settle(POSTS, PAYLOAD)):
        assert len(told) == 2
        assert all(isinstance(one, InDoubt) for one in told)
        assert "s3cret" not in str(told)
    assert isinstance(guarded(channel).retract("national", "1"), InDoubt)


@pytest.mark.parametrize("channel", [Failing(), Odd("text"), Odd(Payload(["text"])), Odd(Payload([b"One"]))])  # type: ignore[list-item]  # that is what is wrong with it
def test_what_cannot_be_composed_is_an_error_with_the_package_s_name(channel: Failing) -> None:
    with pytest.raises(BadInput, match=r"campaign-example 1\.0: Example cannot be used: its compose") as caught:
        guarded(channel).compose(POSTS)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("channel", [Failing(), Odd(["national"])])
def test_who_its_accounts_are_is_not_known_where_it_does_not_say(channel: Failing) -> None:
    with pytest.raises(ChannelUnusable, match=r"Example cannot be used: campaign-example 1\.0: its check"):
        guarded(channel).check()


@pytest.mark.parametrize("channel", [Failing(), Odd(7), Odd({"1": 7})])
def test_figures_and_texts_that_cannot_be_read_end_nothing(channel: Failing) -> None:
    assert isinstance(guarded(channel).metrics("national", ["1"]), Deferred)
    assert guarded(channel).shows(PAYLOAD, 0).text.startswith("(Example cannot read it back")


def test_what_need_not_be_done_may_fail() -> None:
    guarded(Failing()).ready(POSTS, PAYLOAD, upload=True)
    guarded(Failing()).close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "other"}, 'is called "other" and not "example"'),
        ({"limits": Limits(batch=1, in_flight=0)}, "has limits that are no Limits, with at least one in_flight"),
        ({"settles": "reading"}, "has settles that is no Settling"),
        ({"deliver": None}, "has a deliver that is no function"),
        ({}, ""),
    ],
)
def test_an_object_that_is_no_channel_is_told_by_what_it_lacks(changed: dict[str, object], said: str) -> None:
    channel: Any = type("Changed", (Failing,), changed)()
    assert lacks(channel, "example") == said
