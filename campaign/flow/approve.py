"""approve: a person's word on the digest of exactly this. Any change voids it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from campaign.flow import zone_rules
from campaign.model.approval import Approval, Manifest
from campaign.model.bundle import Bundle, Sources
from campaign.model.letter import Letter
from campaign.model.message import MediaSource, Message, PostSource
from campaign.model.plan import AbTest, Step
from campaign.model.wave import PlannedWave
from campaign.rendering import splitting

if TYPE_CHECKING:
    from campaign.ports.approved import Approved
    from campaign.ports.ledger import Ledger


def manifest(bundle: Bundle, waves: Sequence[PlannedWave], *, letter: str = "") -> Manifest:
    """Everything that decides what is sent, to whom and when, as text that a person can compare.

    ``letter`` is what ``letter_text`` made of the bundle's letter, for whoever asks for many steps of one campaign.
    """
    plan, step = bundle.plan, bundle.step
    parts = {
        "step": f"{step.id}, {step.message}, in {plan.language} where nothing else fits",
        "to": repr(step.segment) if step.segment else f"{step.channel}: {', '.join(step.accounts)}",
        "when": "\n".join(_instant(wave) for wave in waves),
        "late": f"within {step.late.within}, then {step.late.then}",
        "embargo": step.embargo.isoformat() if step.embargo else "none",
        "as": f"{step.channel}, {step.visibility}, text may repeat: {step.repeat_text}",
        "sender": repr(plan.sender) if step.channel == "email" else "",
        "names": f"{plan.campaign}\n{plan.title}\n{plan.organisation}\n{plan.zone}\n{plan.launch.isoformat()}",
        "links": "\n".join(f"{name}: {url}" for name, url in sorted(plan.links.items()))
        + f"\nuntagged: {', '.join(plan.untagged)}\nhashtags: {', '.join(plan.hashtags)}\ntarget: {plan.target_email}",
        "facts": "\n".join(f"{fact.name}: {fact.value} ({fact.source})" for fact in plan.facts.values()),
        "letter": letter or letter_text(bundle.letter),
        **_message_parts(bundle.message, step.channel),
    }
    # Only where a step has them: what was approved before there were any stays approved.
    if step.hand_off == "staged":
        parts["hand-off"] = f"staged, {step.ahead} ahead"
    handles = {name: plan.handles.get(step.channel, {}).get(name) for name in step.accounts}
    if any(handles.values()):
        parts["who"] = "\n".join(f"{name}: {handle}" for name, handle in handles.items() if handle)
    longest = plan.longest.get(step.channel, {})
    if any(name in longest for name in step.accounts):
        parts["longest post"] = "\n".join(f"{name}: {longest[name]}" for name in step.accounts if name in longest)
    if step.thread == "first":
        parts["thread"] = "the first part alone"
    if step.ab_test is not None:
        parts |= _test_parts(bundle, step.ab_test)
    parts |= _pace_parts(bundle)
    if step.approvers > 1:
        parts["approvers"] = f"{step.approvers} different people"
    if step.conditions:
        parts["waits until"] = "\n".join(map(str, step.conditions))
    return Manifest(step=step.id, parts=parts, digest=_digest(parts))


def _digest(parts: Mapping[str, str]) -> str:
    """SHA-256 of the parts as JSON with sorted names: what ``json.dumps`` would write, but that each text is written
    once. The letter is twenty kilobytes, and the same in each of a thousand steps."""
    return sha256(b"{%b}" % b", ".join([_written(name, parts[name]) for name in sorted(parts)])).hexdigest()


@lru_cache(maxsize=256)
def _written(name: str, text: str) -> bytes:
    return f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(text, ensure_ascii=False)}".encode()


def _instant(wave: PlannedWave) -> str:
    where = "" if wave.zones is None else " " + " ".join(wave.zones)
    arm = f" {wave.arm}" if wave.arm else ""
    drawn = f" draws from {wave.share.start} up to {wave.share.end}" if wave.share and not wave.arm else ""
    most = f" at most {wave.most}" if wave.most is not None else ""
    return f"{wave.number}: {wave.due_at.isoformat()}{arm}{drawn}{most}{where}"


def _pace_parts(bundle: Bundle) -> dict[str, str]:
    """How the audience is divided, and how fast it goes out; parts only where the plan says so."""
    step, parts = bundle.step, {}
    if step.portions:
        parts["waves"] = f"{step.portions}, drawn by the seed {step.portions.seed}"
    if step.ramp:
        ramp = step.ramp
        parts["ramp"] = f"{ramp.first} first, then {ramp.grow:g} times as many every {ramp.every}, seed {ramp.seed}"
    paces = bundle.plan.paces(step)
    if paces:
        parts["rate"] = "\n".join(map(str, paces))
    frequency = bundle.plan.frequency
    if frequency is not None and step.channel == "email":
        parts["frequency"] = f"{frequency}, but not this step" if step.exempt else str(frequency)
    return parts


def letter_text(letter: Letter) -> str:
    """All of it but the name of its file."""
    return json.dumps({k: v for k, v in letter.as_json().items() if k != "source"}, ensure_ascii=False, indent=1)


def _test_parts(bundle: Bundle, test: AbTest) -> dict[str, str]:
    """Who gets which arm, how it is decided, and what the arms say otherwise than the step's own message."""
    shares = test.shares()
    arms = [f"{name}: draws from {share.start} up to {share.end}" for name, share in shares.items()]
    parts = {
        "A/B test": "\n".join(
            [*arms, f"of 10,000, by the seed {test.seed}", f"the rest {test.after} later, decided by {test.decide_by}"]
        )
    }
    own = _message_parts(bundle.message, bundle.step.channel)
    for name, message in bundle.arms.items():
        other = _message_parts(message, bundle.step.channel)
        parts[f"arm {name}"] = message.name
        parts |= {f"arm {name}: {part}": text for part, text in other.items() if own.get(part) != text}
    return parts


def _message_parts(message: Message, step_channel: str) -> dict[str, str]:
    """The message's sources by file name, without the folders above messages/."""
    parts: dict[str, str] = {}
    for language, mail in message.mails.items():
        for name in ("subject", "preheader", "html", "text"):
            source = getattr(mail, name)
            parts[f"{message.name} {language} {name}"] = "made from the HTML part" if source is None else source.text
        parts[f"{message.name} {language} facts"] = json.dumps(dict(mail.facts), sort_keys=True)
    for channel, post in message.posts.items():
        if message.post_for(step_channel) is post:
            parts[f"{message.name} {channel or 'every network'}"] = post.body.text
            parts[f"{message.name} {channel or 'every network'} as"] = json.dumps([post.language, post.warning])
            parts |= _shown_parts(f"{message.name} {channel or 'every network'}", post)
    return parts | {f"shared {name}": source.text for name, source in message.shared.items()}


def _shown_parts(name: str, post: PostSource) -> dict[str, str]:
    """How a post is divided and what it shows: parts only where it says so."""
    parts: dict[str, str] = {}
    if post.split or post.numbered:
        divided = [f"split at the ends of sentences, by rules {splitting.RULES}"] * post.split + [
            "numbered"
        ] * post.numbered
        parts[f"{name} parts"] = ", ".join(divided)
    for number, one in enumerate(post.media, start=1):
        parts[f"{name} picture {number}"] = f"in part {one.part}\n{_shown(one)}"
    card = post.link_card
    if card is not None:
        image = f"\n{_shown(card.image)}" if card.image else ""
        words = f"{card.url.text}\n{card.title.text}\n{card.text.text}"
        parts[f"{name} link card"] = f"in part {card.part}\n{words}{image}"
    return parts


def _shown(source: MediaSource) -> str:
    card = source.card
    if card is None:
        return f"{source.file}\nSHA-256 {source.digest}\nalt: {source.alt.text if source.alt else ''}"
    says = f"\nsays: {card.says.text}" if card.says else ""
    return f"a {card.shape} card of a {card.kind}\ntext: {card.text.text}{says}"


def manifests(sources: Sources) -> Mapping[str, Manifest]:
    """What each step would be approved as, as the files are now."""
    letter = letter_text(sources.letter)
    return {
        step.id: manifest(sources.bundle(step), sources.waves[step.id], letter=letter) for step in sources.plan.steps
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a step may go out as it is. ``approval`` is the latest that enough people gave, ``was`` what they
    approved where that is not what it is now. ``begun`` is an approval of exactly this that more people must give.
    ``moved_zones`` are those whose rules have changed, where that and no edit has moved its instants."""

    step: Step
    manifest: Manifest
    approval: Approval | None
    was: Manifest | None = None
    begun: Approval | None = None
    moved_zones: Sequence[str] = ()

    @property
    def is_approved(self) -> bool:
        return self.approval is not None and self.was is None

    @property
    def changed(self) -> tuple[str, ...]:
        """The parts that differ from what was approved, as they are now, then those that are gone."""
        if self.was is None:
            return ()
        now, was = self.manifest.parts, self.was.parts
        return tuple(name for name in dict.fromkeys([*now, *was]) if now.get(name) != was.get(name))

    @property
    def lacks(self) -> str:
        """What the approval lacks that was begun: ``1 of 2, waits for another``; "" where none was."""
        return self.begun.lacks if self.begun else ""


def standings(sources: Sources, ledger: Approved) -> Sequence[Standing]:
    """How each step of the plan stands, in the plan's order."""
    enough, latest = ledger.approvals(), ledger.latest_approvals()
    found = []
    now_as = manifests(sources)
    for step in sources.plan.steps:
        step_id, now = step.id, now_as[step.id]
        approval, begun = enough.get(step_id), latest.get(step_id)
        was = ledger.approved(step_id, approval.digest) if approval and approval.digest != now.digest else None
        if begun is not None and (begun.is_enough or begun.digest != now.digest):
            begun = None
        zones: Sequence[str] = ()
        if was is not None and was.parts.get("when") != now.parts["when"]:
            zones = zone_rules.moved(
                sources.plan, step, sources.waves[step_id], ledger.bundle(was.digest), ledger.waves(step=step_id)
            )
        found.append(Standing(step, now, approval, was, begun, zones))
    return found


def approve(
    sources: Sources, ledger: Ledger, *, steps: Sequence[Step], by: str, at: datetime, release: bool = False
) -> Mapping[str, tuple[str, ...]]:
    """Record ``by``'s approval of ``steps`` as their files are now; the waves placed or moved by it, by step.

    None is where it takes more people, or another than the author: see Approval.
    """
    return {
        step.id: ledger.approve(
            sources.bundle(step),
            manifest(sources.bundle(step), sources.waves[step.id]),
            sources.waves[step.id],
            by=by,
            at=at,
            release=release,
            files=sources.media,
        )
        for step in steps
    }
