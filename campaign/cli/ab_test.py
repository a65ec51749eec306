"""campaign ab-test: how the arms of a step's test stand, and which one the rest gets."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen
from campaign.cli.options import AsJson
from campaign.cli.worlds import World, ledger

if TYPE_CHECKING:
    from campaign.flow.ab_test import Finding
    from campaign.flow.intervals import Interval
    from campaign.model.bundle import Bundle
    from campaign.model.decision import Decision
    from campaign.model.wave import Wave
    from campaign.storage.ledger import SqlLedger


def ab_test(
    step: Annotated[str, typer.Argument(help="The step, as it is called in the plan.")],
    choose: Annotated[str, typer.Option("--choose", metavar="ARM", help="Let the rest get this arm.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who chooses, by name.")] = "",
    world: Annotated[
        World | None, typer.Option("--world", help="Which ledger; else the most real one that has sent anything.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how the arms of a step's A/B test stand, with the intervals that the numbers allow.

    With --choose ARM the rest of the audience gets that arm, whatever the numbers say, as long as none of the rest is
    on its way. What has waited for the choice goes out at once, and is not late by it.
    """
    from campaign.engines.clock import SystemClock
    from campaign.flow import ab_test as tests

    with ledger(world, say=not as_json) as book:
        bundle = _bundle(book, step)
        if choose:
            tests.choose(book, step, choose, by=by.strip() or getpass.getuser(), at=SystemClock().now())
        if as_json:
            screen.print_json(_as_json(book, bundle))
        else:
            _show(book, bundle)


def remarks(book: SqlLedger) -> Iterator[str]:
    """One line for each step that is tested: what is decided, or how it stands."""
    for step in dict.fromkeys(wave.step for wave in book.waves() if wave.arm):
        finding, decision = _look(book, _bundle(book, step))
        yield f"{step}: {_outcome(finding, decision)}; more: campaign ab-test {step}"


def _bundle(book: SqlLedger, step: str) -> Bundle:
    waves = book.waves()
    tested = {wave.step: wave.digest for wave in waves if wave.arm}
    if step in tested:
        return book.bundle(tested[step])
    known = step in {wave.step for wave in waves}
    why = "that step has no A/B test" if known else f'no step "{step}" is approved here'
    raise typer.BadParameter(f"{why}; {names.meant(step, tested) or 'no step has one'}", param_hint="STEP")


def _look(book: SqlLedger, bundle: Bundle) -> tuple[Finding, Decision | None]:
    """The figures as they were when it was decided, else as they are now."""
    from campaign.flow import ab_test as tests

    by = bundle.step.ab_test.decide_by if bundle.step.ab_test else "clicks"
    decision = book.decision(bundle.step.id)
    return tests.look(book.arms(bundle.step.id), by), decision


def _outcome(finding: Finding, decision: Decision | None) -> str:
    from campaign.flow import ab_test as tests

    if decision is None:
        return finding.lacks or finding.words()
    then = tests.look(decision.figures, finding.by)
    return f"the rest gets {decision.arm}, decided by {decision.by}; {then.lacks or then.words()}"


def _show(book: SqlLedger, bundle: Bundle) -> None:
    from campaign.flow import ab_test as tests

    test = bundle.step.ab_test
    finding, decision = _look(book, bundle)
    did = "acted" if finding.by == "actions" else "clicked"
    table = screen.table("arm", "subject", "accepted", did, "share", "95%", numbers=("accepted", did, "share", "95%"))
    for arm in finding.arms:
        share = "-" if arm.share is None else f"{arm.share:.1%}"
        table.add_row(
            arm.figures.arm,
            _subject(bundle, arm.figures.arm),
            f"{arm.figures.accepted:,}",
            f"{arm.hits:,}",
            share,
            _within(arm.interval),
        )
    screen.out.print(table)
    if decision is not None:
        then = tests.look(decision.figures, finding.by)
        at = screen.local(decision.at.replace(microsecond=0), bundle.plan.zone)
        chosen = f"The rest gets {decision.arm}, decided by {decision.by} on {at}."
        screen.out.print(chosen, style="bold green", soft_wrap=True)
        screen.out.print(f"Then: {then.lacks or then.words()}.", soft_wrap=True)
    told = [finding.words() if finding.leader else "", finding.lacks]
    for line in dict.fromkeys(line for line in told if line):
        screen.out.print(f"Now: {line}.", soft_wrap=True)
    for line in _rest_lines(book, bundle):
        screen.out.print(line, style="dim", soft_wrap=True)
    if test is not None:
        screen.out.print(f"Drawn by the seed {test.seed}.", style="dim")


def _rest_lines(book: SqlLedger, bundle: Bundle) -> Iterator[str]:
    """How the waves of the rest stand, those that stand alike together; without those that nobody is in."""
    alike: dict[tuple[str, str], list[Wave]] = {}
    for wave in _rest(book, bundle.step.id):
        alike.setdefault((wave.state.value, wave.why), []).append(wave)
    for (state, why), waves in alike.items():
        first = screen.local(min(wave.due_at for wave in waves).replace(microsecond=0), bundle.plan.zone)
        people = sum(wave.planned for wave in waves)
        who = f" to {screen.counted(people, 'person', 'people')}" if people else ""
        due = "the first due" if len(waves) > 1 else "due"
        because = f": {why}" if why else ""
        yield f"The rest{who}, {screen.counted(len(waves), 'wave')}, {due} {first}: {state}{because}."


def _rest(book: SqlLedger, step: str) -> list[Wave]:
    """The waves of the rest that somebody is in, or may be."""
    from campaign.model.wave import WINNER

    return [wave for wave in book.waves(step=step) if wave.arm == WINNER and (wave.planned or not wave.prepared_at)]


def _subject(bundle: Bundle, arm: str) -> str:
    """The arm's subject as it is written, in the plan's language, and its message where it is not the step's own."""
    message = bundle.arms[arm]
    mail = message.mails.get(bundle.plan.language) or next(iter(message.mails.values()))
    return mail.subject.text if message.name == bundle.message.name else f"{mail.subject.text} ({message.name})"


def _within(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.low:.1%} to {interval.high:.1%}"


def _as_json(book: SqlLedger, bundle: Bundle) -> Mapping[str, object]:
    finding, decision = _look(book, bundle)
    test = bundle.step.ab_test
    return {
        "step": bundle.step.id,
        "decide_by": finding.by,
        "after": test.after if test else None,
        "seed": test.seed if test else None,
        "arms": [
            {
                "arm": arm.figures.arm,
                "message": bundle.arms[arm.figures.arm].name,
                "subject": {
                    language: mail.subject.text for language, mail in bundle.arms[arm.figures.arm].mails.items()
                },
                "planned": arm.figures.planned,
                "accepted": arm.figures.accepted,
                "to_send": arm.figures.to_send,
                "clicked": arm.figures.clicked,
                "acted": arm.figures.acted,
                "share": arm.share,
                "interval": arm.interval,
            }
            for arm in finding.arms
        ],
        "leader": finding.leader.figures.arm if finding.leader else None,
        "ahead": finding.ahead,
        "pairs": finding.pairs,
        "tells_apart": finding.tells_apart,
        "lacks": finding.lacks,
        "words": finding.words(),
        "decision": decision,
        "rest": [
            {"wave": wave.name, "due_at": wave.due_at, "state": wave.state, "why": wave.why}
            for wave in _rest(book, bundle.step.id)
        ],
    }
