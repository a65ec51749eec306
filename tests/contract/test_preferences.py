"""What people ask for by their link, and what comes of it, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from campaign.errors import LedgerError
from campaign.flow import audience
from campaign.model.bundle import Bundle
from campaign.model.claim import Claim
from campaign.model.delivery import DeliveryId, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Refused
from campaign.model.preference import ASKED_FOR_LESS, ASKED_FOR_ONE, UNDO_WITHIN, Preference, Recipient, Wish
from campaign.model.segment import Headcount
from campaign.model.supporter import NewSupporter, Reason, Suppression
from campaign.model.wave import Wave
from campaign.ports.ledger import Filters
from campaign.ports.preferences import House
from campaign.storage import claims
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.preferences import SqlPreferences
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, manifest, people, step, wave
from tests.builders import payload as payload_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LEASE = timedelta(minutes=5)
ACCEPTED = Accepted()


class World:
    """A ledger with people in it, and a hand that takes waves through it."""

    def __init__(self, database: Database, people_in: int = 2) -> None:
        self.database = database
        self.ledger = SqlLedger(database, world="live")
        self.supporters = SqlSupporters(database)
        self.preferences = SqlPreferences(database, world="live")
        self.supporters.add(people(people_in), at=T0 - 100 * DAY)
        self.bundles: dict[str, Bundle] = {}

    def plan(self, step_id: str, due_at: datetime = T0, *, campaign: str = "example") -> Wave:
        made = bundle(step(step_id))
        made = replace(made, plan=replace(made.plan, campaign=campaign))
        self.bundles[step_id] = made
        told = manifest(made.step, digest=f"{step_id} {campaign}")
        self.ledger.approve(made, told, [wave(step_id, due_at=due_at)], by="Jo Example", at=T0 - 90 * DAY)
        return self.ledger.waves(step=step_id)[0]

    def prepare(self, planned: Wave, *, at: datetime | None = None) -> None:
        who = audience.of(self.bundles[planned.step])
        self.ledger.prepare_mail(planned, who, batch_size=10, at=at or planned.due_at)

    def claim(self, now: datetime, most: int = 10) -> Sequence[Claim]:
        return self.ledger.claim(owner="me", now=now, lease=LEASE, most=most)

    def send(self, claim: Claim, now: datetime, outcome: Accepted | InDoubt | Refused | Deferred = ACCEPTED) -> None:
        assert self.ledger.begin(claim, payload_of(len(claim.seqs)), now=now) == ()
        told = dict.fromkeys(claim.seqs, outcome)
        self.ledger.record(claim, told, now=now + timedelta(seconds=5), retry_at=now + HOUR)

    def mail(
        self, step_id: str, due_at: datetime, *, at: datetime | None = None, campaign: str = "example"
    ) -> list[str]:
        """Who gets a step's only wave, prepared and sent at ``at`` (else when it is due)."""
        planned = self.plan(step_id, due_at, campaign=campaign)
        self.prepare(planned, at=at)
        for claim in self.claim(at or due_at):
            self.send(claim, at or due_at)
        return self.got(step_id)

    def got(self, step_id: str) -> list[str]:
        taken = self.ledger.log(Filters(step=step_id, state=State.ACCEPTED))
        return [sent.recipient.split("@")[0] for sent in taken]

    def why(self, step_id: str) -> list[str]:
        return [sent.why for sent in self.ledger.log(Filters(step=step_id, state=State.SUPPRESSED))]

    def choose(self, wish: Wish, *, of: Wave, seq: int = 0, at: datetime = T0) -> Recipient:
        after = self.preferences.choose(DeliveryId(of.id, seq), wish, at=at)
        assert after is not None
        return after


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
def alert(world: World) -> Wave:
    """A first e-mail to both people, thirty days before T-0."""
    world.mail("first", T0 - 30 * DAY)
    return world.ledger.waves(step="first")[0]


# --- whose link it is ---


def test_a_delivery_tells_whom_it_went_to_and_whose_it_is(world: World, alert: Wave) -> None:
    assert world.preferences.recipient(DeliveryId(alert.id, 1)) == Recipient(
        link="unsubscribe link of first#1",
        campaign="example",
        title="Example",
        organisation="The Coalition",
        contact="campaign@example.org",
        languages=("en", "en"),
        email="person1@example.org",
    )
    assert world.preferences.house() == House("The Coalition", "campaign@example.org")


def test_the_languages_are_the_e_mails_then_the_persons_then_the_plans(database: Database) -> None:
    world = World(database, people_in=0)
    world.supporters.add(people(1, language="fr"), at=T0)
    made = bundle(step(), message=None)
    world.bundles["alert"] = replace(made, plan=replace(made.plan, language="es"))
    world.ledger.approve(world.bundles["alert"], manifest(made.step), [wave()], by="Jo", at=T0)
    world.prepare(world.ledger.waves()[0])
    found = world.preferences.recipient(DeliveryId(1, 0))
    assert found is not None
    assert found.languages == ("en", "fr", "es")


def test_what_is_no_e_mail_of_this_world_is_nobodys(world: World, alert: Wave, database: Database) -> None:
    for delivery in (DeliveryId(alert.id, 2), DeliveryId(alert.id + 100, 0)):
        assert world.preferences.recipient(delivery) is None
        assert world.preferences.choose(delivery, Wish.NOTHING, at=T0) is None
    assert SqlPreferences(database, world="rehearsal").recipient(DeliveryId(alert.id, 0)) is None
    assert SqlPreferences(database, world="rehearsal").house() == House()


def test_a_post_is_nobodys(world: World) -> None:
    made = bundle(step("launch", "x"))
    world.ledger.approve(made, manifest(made.step), [wave("launch")], by="Jo", at=T0)
    (planned,) = world.ledger.waves()
    world.ledger.prepare_posts(planned, ["national"], parts=1, at=T0)
    assert world.preferences.recipient(DeliveryId(planned.id, 0)) is None


# --- nothing ---


def test_nothing_suppresses_the_address_and_names_the_link(world: World, alert: Wave) -> None:
    after = world.choose(Wish.NOTHING, of=alert)
    made = Suppression(Reason.UNSUBSCRIBED, "unsubscribe link of first#1", T0)
    assert after.suppression == world.supporters.suppression("person0@example.org") == made
    assert world.supporters.suppression("person1@example.org") is None
    assert world.mail("second", T0) == ["person1"]
    assert world.why("second") == ["unsubscribed"]


def test_nothing_again_changes_nothing(world: World, alert: Wave, database: Database) -> None:
    first = world.choose(Wish.NOTHING, of=alert)
    assert world.choose(Wish.NOTHING, of=alert, at=T0 + 400 * DAY) == first
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.suppression_history)).scalar() == 1


def test_the_first_reason_stays(world: World, alert: Wave) -> None:
    world.supporters.suppress("person0@example.org", reason=Reason.COMPLAINED, source="sendgrid event", at=T0 - DAY)
    after = world.choose(Wish.NOTHING, of=alert)
    assert after.suppression is not None
    assert after.suppression.reason is Reason.COMPLAINED


def test_an_address_that_is_imported_again_stays_unsubscribed(world: World, alert: Wave) -> None:
    world.choose(Wish.NOTHING, of=alert)
    world.supporters.add(people(2), at=T0 + HOUR)
    assert world.supporters.suppression("person0@example.org") is not None
    assert world.mail("second", T0 + DAY) == ["person1"]


def test_an_old_link_of_somebody_forgotten_knows_nobody_and_harms_nobody(world: World, alert: Wave) -> None:
    world.supporters.forget("person0@example.org", at=T0)
    for wish in Wish:
        after = world.choose(wish, of=alert, at=T0 + HOUR)
        assert not after.is_known
        assert after.organisation == "The Coalition"
    kept = world.supporters.suppression("person0@example.org")
    assert kept is not None
    assert kept.reason is Reason.FORGOTTEN


def test_to_unsubscribe_no_readable_bundle_is_needed(world: World, alert: Wave, database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(t.bundles).values(body=b"not a bundle"))
    after = world.choose(Wish.NOTHING, of=alert)
    assert (after.organisation, after.contact, after.campaign) == ("", "", "")
    assert world.supporters.suppression("person0@example.org") is not None
    assert world.preferences.house() == House()


def test_a_database_that_does_not_answer_is_a_ledger_error(world: World, alert: Wave, database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("ALTER TABLE suppressions RENAME TO elsewhere"))
    delivery = DeliveryId(alert.id, 0)
    with pytest.raises(LedgerError, match="the database does not answer"):
        world.preferences.recipient(delivery)
    with pytest.raises(LedgerError, match="the database does not answer"):
        world.preferences.choose(delivery, Wish.NOTHING, at=T0)


# --- undo ---


def test_an_unsubscribing_can_be_undone_by_its_own_link(world: World, alert: Wave, database: Database) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert, at=T0 - DAY)
    world.choose(Wish.NOTHING, of=alert)
    after = world.choose(Wish.UNDO, of=alert, at=T0 + HOUR / 2)
    assert after.suppression is None
    assert after.preference == Preference(Wish.LESS_OFTEN, at=T0 - DAY), "it is as it was before"
    assert world.supporters.suppression("person0@example.org") is None
    with database.read() as connection:
        history = connection.execute(sa.select(t.suppression_history).order_by(t.suppression_history.c.id)).all()
    assert [(row.what, row.source) for row in history] == [
        ("suppressed", "unsubscribe link of first#1"),
        ("lifted", "undone by the unsubscribe link of first#1"),
    ]


def test_after_an_hour_no_link_undoes_it(world: World, alert: Wave) -> None:
    world.choose(Wish.NOTHING, of=alert)
    for wish in (Wish.UNDO, Wish.EVERYTHING, Wish.LESS_OFTEN, Wish.ONLY_THIS):
        after = world.choose(wish, of=alert, at=T0 + UNDO_WITHIN)
        assert after.suppression is not None
        assert after.preference == Preference()
    assert world.supporters.suppression("person0@example.org") is not None


def test_another_link_undoes_nothing(world: World, alert: Wave) -> None:
    world.mail("second", T0 - DAY)
    (second,) = world.ledger.waves(step="second")
    world.choose(Wish.NOTHING, of=alert)
    assert world.choose(Wish.UNDO, of=second, at=T0 + HOUR / 2).suppression is not None


@pytest.mark.parametrize("reason", [Reason.COMPLAINED, Reason.BOUNCED, Reason.BY_HAND, Reason.UNSUBSCRIBED])
def test_what_others_suppressed_no_link_lifts(world: World, alert: Wave, reason: Reason) -> None:
    world.supporters.suppress("person0@example.org", reason=reason, source="command line", at=T0)
    for wish in (Wish.UNDO, Wish.EVERYTHING, Wish.LESS_OFTEN):
        assert world.choose(wish, of=alert).suppression is not None
    assert world.supporters.suppression("person0@example.org") is not None


def test_another_choice_within_the_hour_takes_the_place_of_nothing(world: World, alert: Wave) -> None:
    world.choose(Wish.NOTHING, of=alert)
    after = world.choose(Wish.LESS_OFTEN, of=alert, at=T0 + HOUR / 2)
    assert after.suppression is None
    assert after.preference.wish is Wish.LESS_OFTEN


# --- only one campaign ---


def test_who_wants_one_campaign_gets_that_and_no_other(world: World, alert: Wave) -> None:
    assert world.choose(Wish.ONLY_THIS, of=alert).preference == Preference(Wish.ONLY_THIS, "example", T0)
    assert world.mail("same", T0) == ["person0", "person1"]
    assert world.mail("other", T0, campaign="another") == ["person1"]
    assert world.why("other") == [ASKED_FOR_ONE]


def test_one_campaigns_name_may_begin_like_anothers(world: World, alert: Wave) -> None:
    world.choose(Wish.ONLY_THIS, of=alert)
    assert world.mail("other", T0, campaign="example-2") == ["person1"]
    assert world.mail("another", T0, campaign="exampl_") == ["person1"]


def test_an_audience_counts_who_asked_for_another_campaign(world: World, alert: Wave) -> None:
    world.choose(Wish.ONLY_THIS, of=alert)
    other = replace(audience.of(world.bundles["first"]), campaign="another")
    assert world.supporters.headcount(other) == Headcount(2, 0, 0, elsewhere=1)
    assert world.supporters.headcount(other).reachable == world.supporters.reach([other]) == 1
    assert world.supporters.headcount(audience.of(world.bundles["first"])).reachable == 2
    world.choose(Wish.NOTHING, of=alert)
    assert world.supporters.headcount(other) == Headcount(2, 1, 0, elsewhere=0)


def test_everything_again_is_everything(world: World, alert: Wave) -> None:
    world.choose(Wish.ONLY_THIS, of=alert)
    assert world.choose(Wish.EVERYTHING, of=alert).preference == Preference(at=T0)
    assert world.mail("other", T0, campaign="another") == ["person0", "person1"]


def test_an_import_lifts_no_preference(world: World, alert: Wave) -> None:
    world.choose(Wish.ONLY_THIS, of=alert)
    world.choose(Wish.LESS_OFTEN, of=alert, seq=1)
    world.supporters.add(people(2, first_name="Renamed", tags=("new",)), at=T0 + HOUR)
    kept = [world.preferences.recipient(DeliveryId(alert.id, seq)) for seq in (0, 1)]
    assert [one.preference.wish for one in kept if one] == [Wish.ONLY_THIS, Wish.LESS_OFTEN]


def test_an_import_brings_what_was_asked_for_elsewhere_and_changes_nothing_asked_for_here(
    world: World, alert: Wave
) -> None:
    world.choose(Wish.EVERYTHING, of=alert)
    asked = [
        NewSupporter("person0@example.org", preference="less-often"),
        NewSupporter("person1@example.org", preference="only:example"),
        NewSupporter("new@example.org", preference="less-often"),
    ]
    world.supporters.add(asked, at=T0 + HOUR)
    world.supporters.add([NewSupporter("new@example.org", preference="only:another")], at=T0 + DAY)
    new = world.supporters.find("new@example.org")
    assert new is not None
    assert world.supporters.preferences([1, 2, new.id]) == {
        2: Preference(Wish.ONLY_THIS, "example", T0 + HOUR),
        new.id: Preference(Wish.LESS_OFTEN, at=T0 + HOUR),
    }


# --- less often ---


def test_who_wants_less_gets_one_e_mail_in_seven_days(world: World, alert: Wave) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    assert world.mail("one", T0) == ["person0", "person1"]
    for days in (0, 1, 6):
        assert world.mail(f"after-{days}", T0 + days * DAY, campaign=f"c{days}") == ["person1"]
        assert world.why(f"after-{days}") == [ASKED_FOR_LESS]
    assert world.mail("a-week-later", T0 + 7 * DAY) == ["person0", "person1"]


def test_what_comes_every_week_comes_every_week_though_the_last_was_late(world: World, alert: Wave) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    assert "person0" in world.mail("one", T0, at=T0 + HOUR)
    assert "person0" in world.mail("two", T0 + 7 * DAY)


def test_an_e_mail_counts_from_when_it_was_sent_and_not_from_when_it_was_due(world: World, alert: Wave) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    assert "person0" in world.mail("one", T0, at=T0 + 3 * DAY)
    assert "person0" not in world.mail("two", T0 + 7 * DAY)
    assert "person0" in world.mail("three", T0 + 10 * DAY)


def test_days_are_counted_where_the_person_lives(database: Database) -> None:
    world = World(database, people_in=0)
    world.supporters.add(people(1, zone="Pacific/Auckland"), at=T0 - 100 * DAY)
    world.mail("first", T0 - 30 * DAY)
    world.choose(Wish.LESS_OFTEN, of=world.ledger.waves()[0])
    before_midnight = datetime(2018, 5, 22, 11, 30, tzinfo=UTC)  # 23:30 in Auckland
    assert world.mail("one", before_midnight) == ["person0"]
    assert world.mail("six", before_midnight + 6 * DAY) == [], "the 28th in Auckland"
    assert world.mail("seven", before_midnight + 6 * DAY + HOUR) == ["person0"], "the 29th in Auckland"


def test_an_e_mail_that_arrives_later_counts_as_well(world: World, alert: Wave) -> None:
    """What is handed over ahead is with the provider already, and arrives at its instant."""
    world.choose(Wish.LESS_OFTEN, of=alert)
    world.mail("ahead", T0 + DAY, at=T0 + DAY)
    assert world.mail("now", T0) == ["person1"]


@pytest.mark.parametrize("outcome", [Refused("no such mailbox"), Deferred("full", until=T0 + 30 * DAY)])
def test_what_was_not_sent_does_not_count(world: World, alert: Wave, outcome: Refused | Deferred) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    world.prepare(world.plan("one"))
    (claim,) = world.claim(T0)
    world.send(claim, T0, outcome)
    assert world.mail("two", T0 + HOUR) == ["person0", "person1"]


def test_what_may_have_been_sent_counts_until_it_is_known(world: World, alert: Wave) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    world.prepare(world.plan("one"))
    (claim,) = world.claim(T0)
    world.send(claim, T0, InDoubt("no answer"))
    assert world.mail("two", T0 + HOUR) == ["person1"]
    (doubt,) = world.ledger.doubts()
    world.ledger.settle(doubt, dict.fromkeys(doubt.seqs, NotSent("it is not there")), now=T0 + 2 * HOUR)
    for again in world.claim(T0 + 2 * HOUR):
        world.send(again, T0 + 2 * HOUR)
    assert world.got("one") == ["person0", "person1"]


@pytest.mark.parametrize("most", [1, 10])
def test_of_two_waves_at_the_same_time_one_reaches_them(world: World, alert: Wave, most: int) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    for step_id in ("one", "two"):
        world.prepare(world.plan(step_id))
    held = [*world.claim(T0, most), *world.claim(T0, most)]
    for claim in held:
        world.send(claim, T0)
    assert sorted(world.got("one") + world.got("two")) == ["person0", "person1", "person1"]


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
def test_two_claims_at_the_same_moment_decide_for_one_of_them(world: World, alert: Wave, database: Database) -> None:
    """On PostgreSQL two processes claim side by side, and neither sees what the other has not committed yet; SQLite has
    one writer at a time."""
    world.choose(Wish.LESS_OFTEN, of=alert)
    for step_id in ("one", "two"):
        world.prepare(world.plan(step_id))
    with database.write() as connection:
        mine = claims.claim(
            connection, "live", owner="one", now=T0, lease=LEASE, most=1, without=(), post_lease=None, ahead=None
        )
        theirs = world.ledger.claim(owner="two", now=T0, lease=LEASE, most=1)
    assert sorted(len(claim.seqs) for claim in (*mine, *theirs)) == [1, 2]


@pytest.mark.parametrize("wish", [Wish.LESS_OFTEN, Wish.NOTHING])
def test_a_wish_takes_effect_between_claim_and_send(world: World, alert: Wave, wish: Wish) -> None:
    world.mail("yesterday", T0 - DAY)
    world.prepare(world.plan("one"))
    (claim,) = world.claim(T0)
    assert claim.seqs == (0, 1)
    world.choose(wish, of=alert)
    assert world.ledger.begin(claim, payload_of(2), now=T0) == (0,)
    assert world.why("one") == [ASKED_FOR_LESS if wish is Wish.LESS_OFTEN else "unsubscribed"]


def test_a_wish_for_another_campaign_takes_effect_between_claim_and_send(world: World, alert: Wave) -> None:
    world.prepare(world.plan("other", campaign="another"))
    (claim,) = world.claim(T0)
    world.choose(Wish.ONLY_THIS, of=alert)
    assert world.ledger.begin(claim, payload_of(2), now=T0) == (0,)
    assert world.why("other") == [ASKED_FOR_ONE]


def test_a_wish_for_less_between_two_claims_leaves_one_of_them(world: World, alert: Wave) -> None:
    for step_id in ("one", "two"):
        world.prepare(world.plan(step_id))
    first, second = world.claim(T0)
    world.choose(Wish.LESS_OFTEN, of=alert)
    assert world.ledger.begin(first, payload_of(2), now=T0) == (0,)
    assert world.ledger.begin(second, payload_of(2), now=T0) == ()


def test_worlds_do_not_count_for_each_other(world: World, alert: Wave, database: Database) -> None:
    world.choose(Wish.LESS_OFTEN, of=alert)
    world.mail("live", T0)
    world.ledger = SqlLedger(database, world="sandbox")
    assert world.mail("trial", T0) == ["person0", "person1"]


def test_those_who_asked_for_less_are_told_with_what_and_since_when(world: World, alert: Wave) -> None:
    assert world.supporters.preferences([1, 2]) == {}
    world.choose(Wish.LESS_OFTEN, of=alert)
    world.choose(Wish.ONLY_THIS, of=alert, seq=1)
    assert world.supporters.preferences([1, 2, 3]) == {
        1: Preference(Wish.LESS_OFTEN, at=T0),
        2: Preference(Wish.ONLY_THIS, "example", T0),
    }
    world.choose(Wish.EVERYTHING, of=alert)
    assert list(world.supporters.preferences([1, 2, 3])) == [2]
