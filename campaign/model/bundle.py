"""A bundle: everything that sending a step needs, as it was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from campaign.model.letter import Letter
from campaign.model.message import Message
from campaign.model.plan import Arm, Plan, Step
from campaign.model.wave import PlannedWave


@dataclass(frozen=True, slots=True)
class Bundle:
    """``plan`` holds this one step. What is sent is rendered from the bundle that was approved, never from the files
    as they are by then. ``arms`` are the messages of its A/B test by the arms' names, whole: none where there is none.
    """

    plan: Plan
    letter: Letter
    message: Message
    arms: Mapping[str, Message] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        return self.plan.steps[0]

    def digests(self) -> tuple[str, ...]:
        """The pictures and videos that its post shows from files, by the SHA-256 of their bytes."""
        post = self.message.post_for(self.step.channel)
        return tuple(dict.fromkeys(one.digest for one in post.files())) if post else ()

    def message_of(self, arm: str = "") -> Message:
        """What that arm's people get; the step's own message where it has no A/B test. KeyError for another name."""
        return self.arms[arm] if arm else self.message


@dataclass(frozen=True, slots=True)
class Sources:
    """A campaign as its files are now. ``waves`` are each step's, at the instants the plan resolves to; ``media`` the
    bytes of the messages' pictures and videos by digest, read when they are asked for."""

    plan: Plan
    letter: Letter
    messages: Mapping[str, Message]
    waves: Mapping[str, tuple[PlannedWave, ...]]
    media: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def bundle(self, step: Step) -> Bundle:
        return Bundle(
            plan=replace(self.plan, steps=(step,)),
            letter=self.letter,
            message=self.messages[step.message],
            arms={arm.name: self._written(arm) for arm in step.ab_test.arms} if step.ab_test else {},
        )

    def _written(self, arm: Arm) -> Message:
        """The arm's message, with its own subject where it has one."""
        message = self.messages[arm.message]
        mails = {
            language: replace(mail, subject=arm.subject.get(language) or arm.subject.get("") or mail.subject)
            for language, mail in message.mails.items()
        }
        return replace(message, mails=mails)
