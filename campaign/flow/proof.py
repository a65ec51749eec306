"""proof: the ledger held against what the providers have taken. Nothing twice, nothing lost, or it is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from campaign.model.delivery import TAKEN, Keys, Sent, State

EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Received:
    """One message that a provider has taken: ``key`` is our own key of it (e-mail), ``ref`` the provider's (posts).

    ``deleted``: it was taken, and does not stand any more.
    """

    channel: str
    account: str
    key: str
    ref: str
    text: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """``twice``, ``lost`` and ``unknown`` name deliveries that are not as they must be; all are empty if all is well.

    ``lost``: accepted by the ledger, but no provider has it. ``unknown``: a provider has it, but the ledger says that
    it was not sent, or is deleted. What is in doubt may be either, and counts as neither. ``posts`` are those that
    stand, ``deleted`` those that did.
    """

    mails: int
    posts: int
    in_doubt: int
    twice: tuple[str, ...]
    lost: tuple[str, ...]
    unknown: tuple[str, ...]
    deleted: int = 0

    @property
    def holds(self) -> bool:
        return not (self.twice or self.lost or self.unknown)


def of(sent: Iterable[Sent], received: Iterable[Received], keys: Keys) -> Proof:
    """Compare delivery by delivery. E-mail is known by our key, a post by the id that the network gave it."""
    mails: Counter[str] = Counter()
    posts: dict[tuple[str, str, str], Received] = {}
    texts: Counter[tuple[str, str, str]] = Counter()
    for one in received:
        if one.channel == EMAIL:
            mails[one.key] += 1
        else:
            posts[one.channel, one.account, one.ref] = one
            texts[one.channel, one.account, one.text] += 1
    twice = [_mail(keys, key) for key, n in mails.items() if n > 1]
    lost, unknown, in_doubt = [], [], 0
    left_mails, left_posts = set(mails), set(posts)
    for delivery in sent:
        name = f"{delivery.step}#{delivery.wave} {delivery.delivery.seq}"
        if delivery.channel == EMAIL:
            key = keys.key(delivery.delivery.wave_id, delivery.delivery.seq)
            there = key in mails
            left_mails.discard(key)
        else:
            place = (delivery.channel, delivery.recipient, delivery.ref)
            # One that is retracted is as it must be where it was there and is not any more.
            there = place in posts and (delivery.state is State.RETRACTED or not posts[place].deleted)
            if there and delivery.state is State.RETRACTED and not posts[place].deleted:
                unknown.append(name)
            left_posts.discard(place)
        if delivery.state is State.IN_DOUBT:
            in_doubt += 1
        elif delivery.state in TAKEN and not there:
            lost.append(name)
        elif delivery.state not in TAKEN and there:
            unknown.append(name)
    # A text that a step says again on purpose is as often there as the ledger has it.
    unasked = {(*place[:2], posts[place].text) for place in left_posts}
    twice += [f"{key[0]} {key[1]}: {key[2][:60]}" for key, n in texts.items() if n > 1 and key in unasked]
    unknown += [_mail(keys, key) for key in left_mails]
    if not in_doubt:
        unknown += [f"{channel} {account} {ref}" for channel, account, ref in left_posts]
    return Proof(
        mails=sum(mails.values()),
        posts=sum(not one.deleted for one in posts.values()),
        in_doubt=in_doubt,
        twice=tuple(twice),
        lost=tuple(lost),
        unknown=tuple(unknown),
        deleted=sum(one.deleted for one in posts.values()),
    )


def _mail(keys: Keys, key: str) -> str:
    delivery = keys.read(key)
    return f"wave {delivery.wave_id} {delivery.seq}" if delivery else f"a message with a foreign key {key!r}"
