"""A campaign as its files are now: plan, letter and messages, read together so that all errors come at once."""

from __future__ import annotations

from pathlib import Path

from campaign.errors import BadInput, Problem
from campaign.files import letter as letters
from campaign.files import media
from campaign.files import messages as message_files
from campaign.files import plan as plans
from campaign.flow import schedule
from campaign.model.bundle import Sources
from campaign.model.letter import Letter
from campaign.model.message import Message

DEFAULT_PLAN = Path("schedules.yaml")


def load(path: Path = DEFAULT_PLAN) -> Sources:
    """The campaign whose plan is at ``path``.

    Raises BadInput with everything that is wrong in the plan, or, where the plan is right, in its letter and messages.
    """
    plan = plans.load(path)
    problems: list[Problem] = []
    letter: Letter | None = None
    messages: dict[str, Message] = {}
    try:
        letter = letters.read(plan.letter)
    except BadInput as bad:
        problems += bad.problems
    try:
        names = dict.fromkeys(name for step in plan.steps for name in step.messages())
        messages = message_files.load_all(plan.messages, tuple(names), language=plan.language)
    except BadInput as bad:
        problems += bad.problems
    if problems or letter is None:
        raise BadInput(problems)
    waves = {step.id: schedule.waves(plan, step) for step in plan.steps}
    shown = (one for message in messages.values() for post in message.posts.values() for one in post.files())
    found = media.Files({one.digest: plan.messages / one.file for one in shown})
    return Sources(plan=plan, letter=letter, messages=messages, waves=waves, media=found)


def files(sources: Sources) -> tuple[Path, ...]:
    """Every file that the campaign was read from: a change to one of them may void an approval."""
    plan = sources.plan
    return (plan.path, plan.letter, *sorted(path for path in plan.messages.rglob("*") if path.is_file()))
