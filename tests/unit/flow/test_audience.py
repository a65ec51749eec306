"""audience: who a wave goes to, as the rule that the ledger carries out."""

from __future__ import annotations

import pytest

from campaign.flow import audience
from campaign.model.segment import Audience
from tests.builders import EVERYBODY, bundle, mail_message, step


def test_the_plans_language_is_the_one_for_people_of_another() -> None:
    message = mail_message(languages=("ar", "es", "en"))
    assert audience.of(bundle(step(), message)).variants == ("en", "ar", "es")


def test_whoever_has_no_zone_is_at_home_with_the_campaign() -> None:
    made = audience.of(bundle(), zones=("Asia/Tokyo",))
    assert (made.home_zone, made.zones) == ("America/New_York", ("Asia/Tokyo",))


def test_an_audience_knows_whose_e_mail_it_gets() -> None:
    assert audience.of(bundle()) == Audience(EVERYBODY, "America/New_York", variants=("en",), campaign="example")


def test_an_audience_is_asked_of_e_mail_alone() -> None:
    with pytest.raises(ValueError, match="step launch goes to accounts"):
        audience.of(bundle(step("launch", "x")))
