"""hand_off: e-mail that its provider holds until its instant, and takes back while it still can.

A staged wave is handed over ahead, in groups that the provider cancels together. Until the provider's margin before
the instant whatever is wrong with a group is put right in the same way: it is cancelled, and once the provider has
confirmed that in time, what was in it is planned again. After that the rules are those of mail handed over directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.bundle import Bundle
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.group import Cancelled, Group, GroupState, NotCancelled, Opened, Unanswered
from campaign.model.stop import Stop
from campaign.model.wave import Wave, WaveState
from campaign.ports.channel import Staging

SLACK = timedelta(minutes=5)
"""Nothing is handed over to be held within this of the margin, so that what goes wrong can still be put right."""
PASSES = (timedelta(minutes=30), timedelta(0))
"""How long before the slack begins the groups are looked through for people who may not be written to any more. Few
times, and for all of them together, because a provider lets only so many groups be cancelled. Whom the last pass takes
back is handed over directly, at the instant."""
_LOOK = timedelta(minutes=5)
"""How often it is seen, while a provider holds something, whether it may still go."""
_AGAIN = timedelta(seconds=30)
"""How soon a cancellation is tried again at first, and then after twice the time."""
_RETRY = timedelta(seconds=10)
"""How soon a group is asked for again that was not to be had, at first."""
_STOPPED = (WaveState.HELD, WaveState.CANCELLED, WaveState.MISSED)


@dataclass(frozen=True, slots=True)
class Waits:
    """It is not handed over before ``until``; where ``wave``, nothing of its wave is."""

    until: datetime
    why: str
    wave: bool = False


def can_hold(desk: Desk, bundle: Bundle) -> bool:
    """True where the step's provider holds what it is handed over ahead of its instant."""
    return _staging(desk, bundle) is not None


def place(desk: Desk, contents: Contents, claim: Claim) -> Group | Waits | None:
    """The group that a claimed batch is handed over in; None where it is handed over directly."""
    wave, now = claim.wave, desk.clock.now()
    if not wave.ahead or now >= wave.due_at:
        return None
    staging = _staging(desk, contents.bundle(wave))
    if staging is None:
        return Waits(wave.due_at, "its provider holds nothing until its instant")
    if now >= _closes_at(staging, wave.due_at):
        return Waits(wave.due_at, "too near its instant to be held by the provider; it goes out at it")
    if now < wave.due_at - staging.most_ahead:
        return Waits(wave.due_at - staging.most_ahead, "its provider does not hold it for so long")
    found = desk.ledger.group_for(claim)
    return found if isinstance(found, Group) else _open(desk, staging, wave, found)


def _open(desk: Desk, staging: Staging, wave: Wave, size: int) -> Group | Waits:
    opened = staging.open()
    now = desk.clock.now()
    if isinstance(opened, Opened):
        return desk.ledger.open_group(wave, opened.ref, size=size, now=now)
    # Only this wave waits: what is handed over directly needs no group.
    until = min(opened.until or now + min(max(_RETRY, (now - wave.begins_at) / 4), _LOOK), wave.due_at)
    desk.ledger.postpone(wave, until=until)
    desk.tell(f"{wave.name} waits until {until:%H:%M:%S} UTC: {opened.reason}", "group.waits", wave=wave)
    return Waits(until, opened.reason, wave=True)


def reach(desk: Desk, contents: Contents | None = None) -> None:
    """Take back what a provider holds and must not send as it is: what was stopped, is in doubt, or is for people who
    may not be written to any more. Again: what could not be done yet is tried again, and else nothing changes."""
    contents = contents or Contents(desk.ledger)
    groups = desk.ledger.groups(open_at=desk.clock.now())
    stops = desk.ledger.stops() if groups else ()
    for group in groups:
        if group.state is not GroupState.CANCELLING:
            _look_at(desk, contents, group, stops)
    for group in desk.ledger.groups(states=(GroupState.CANCELLING,)) if groups else ():
        _cancel(desk, contents, group)


def next_at(desk: Desk, contents: Contents) -> datetime | None:
    """When to see to what providers hold, or could hold by now; None where there is nothing of the kind."""
    now = desk.clock.now()
    instants = []
    for group in desk.ledger.groups(open_at=now):
        staging = _staging(desk, contents.bundle(group.wave))
        if group.state is GroupState.CANCELLING:
            instants.append(now + min(max(_AGAIN, now - group.seen_at), _LOOK))
            continue
        instants.append(group.send_at)
        if staging is not None and now + staging.margin < group.send_at:
            instants += [look_at for look_at in _passes(staging, group) if look_at > now]
            instants.append(now if group.batches.get(State.IN_DOUBT) else now + _LOOK)
    # Its time to be handed over has come, but not its approval.
    waiting = desk.ledger.waves(states=(WaveState.WAITING,))
    instants += [min(now + _LOOK, wave.due_at) for wave in waiting if wave.begins_at <= now < wave.due_at]
    return min(instants, default=None)


def unsettled(desk: Desk) -> bool:
    """True while there is something to be taken back from a provider that still can be."""
    contents, now = Contents(desk.ledger), desk.clock.now()
    for group in desk.ledger.groups(open_at=now):
        staging = _staging(desk, contents.bundle(group.wave))
        in_time = staging is not None and now + staging.margin < group.send_at
        if group.state is GroupState.CANCELLING or (in_time and group.batches.get(State.IN_DOUBT)):
            return True
    return False


def _staging(desk: Desk, bundle: Bundle) -> Staging | None:
    sender = bundle.plan.sender
    mails = desk.mails.get(sender.via) if sender is not None and bundle.step.channel == "email" else None
    return None if mails is None else mails.staging


def _closes_at(staging: Staging, send_at: datetime) -> datetime:
    return send_at - staging.margin - SLACK


def _passes(staging: Staging, group: Group) -> list[datetime]:
    return [_closes_at(staging, group.send_at) - before for before in PASSES]


def _look_at(desk: Desk, contents: Contents, group: Group, stops: Sequence[Stop]) -> None:
    """Have a group called back where something is wrong with it and it can still be put right."""
    wave, now = group.wave, desk.clock.now()
    staging = _staging(desk, contents.bundle(wave))
    if staging is None or now + staging.margin >= group.send_at:
        return
    doubted = group.batches.get(State.IN_DOUBT)
    stopped = next((one for one in stops if one.holds(wave.step)), None)
    why = ""
    if stopped is not None:
        why = str(stopped)
    elif wave.state in _STOPPED:
        why = f"{wave.name} is {wave.state.value}" + (f": {wave.why}" if wave.why else "")
    elif doubted:
        why = (
            "the reply to a request in it was lost" if doubted == 1 else f"the replies to {doubted} requests were lost"
        )
    elif _unconfirmed(desk, staging, group):
        why = "nobody has confirmed for its instant, and soon it could not be taken back any more"
    elif any(group.seen_at < look_at <= now for look_at in _passes(staging, group)):
        barred = desk.ledger.barred(group, now=now)
        if barred:
            why = f"{barred:,} in it are not to be written to any more"
    if why:
        desk.ledger.call_back(group, why=why, now=now)


def _unconfirmed(desk: Desk, staging: Staging, group: Group) -> bool:
    """True where the dead man's switch would stop it by its instant, when it could not be taken back any more."""
    until = desk.confirmed_until if desk.confirm_within is not None else None
    return until is not None and until < group.send_at and desk.clock.now() >= _closes_at(staging, group.send_at)


def _cancel(desk: Desk, contents: Contents, group: Group) -> None:
    """Cancel a group at the provider, unless a request of it is still under way."""
    wave = group.wave
    if group.batches.get(State.CLAIMED):
        return
    staging = _staging(desk, contents.bundle(wave))
    if staging is None:
        why = "its provider is not set up here any more"
        desk.ledger.not_called_back(group, why=why, unsure=True, now=desk.clock.now())
        desk.tell(
            f"{wave.name}: a group of messages cannot be taken back: {why}", "group.stays", level="warning", wave=wave
        )
        return
    begun_in_time = desk.clock.now() + staging.margin < group.send_at
    told = staging.cancel(group.ref) if begun_in_time else staging.look(group.ref)
    now = desk.clock.now()
    in_time = now + staging.margin < group.send_at
    match told:
        case Cancelled() if in_time:
            back = desk.ledger.called_back(group, now=now)
            desk.tell(
                f"{wave.name}: {back:,} taken back from the provider, because {group.why}",
                "group.taken_back",
                noted="a group was taken back from its provider",
                wave=wave,
                deliveries=back,
            )
        case Cancelled():
            why = "cancelled too near its instant to be sure of it"
            desk.ledger.not_called_back(group, why=why, unsure=True, now=now)
            desk.tell(
                f"{wave.name}: a group of messages was {why}; they are in doubt",
                "group.in_doubt",
                level="warning",
                wave=wave,
            )
        case NotCancelled(why) if not in_time:
            desk.ledger.not_called_back(group, why=f"{group.why}, but {why}", unsure=False, now=now)
            desk.tell(
                f"{wave.name}: a group of messages could not be taken back, though {group.why}: {why}",
                "group.stays",
                noted="a group could not be taken back",
                level="warning",
                wave=wave,
            )
        case NotCancelled(why) | Unanswered(why):
            if why not in group.why:
                desk.ledger.call_back(group, why=f"{group.why}; {why}", now=now)
                desk.tell(
                    f"{wave.name}: a group of messages is not taken back yet: {why}",
                    "group.stays",
                    level="warning",
                    wave=wave,
                )
        case _:
            assert_never(told)
