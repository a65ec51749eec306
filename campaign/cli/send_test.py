"""campaign send-test: a step to a few addresses of our own, before it goes to anybody else."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli import names, screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.bootstrap import Program
    from campaign.errors import Problem
    from campaign.flow.send_test import Variant
    from campaign.model.bundle import Sources
    from campaign.model.outcome import Outcome
    from campaign.model.plan import Step
    from campaign.model.supporter import Supporter


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail of the test: ``outcome`` is accepted, deferred, refused or in doubt, ``why`` what the provider says."""

    address: str
    mail: str
    person: int | None
    outcome: str
    why: str = ""


def send_test(
    step: Annotated[str, typer.Argument(help="The e-mail step, as it is called in the plan.")],
    to: Annotated[str, typer.Option("--to", help="Up to ten addresses, with commas between them.", metavar="ADDRESS")],
    plan: PlanFile = DEFAULT_PLAN,
    live: Annotated[bool, typer.Option("--live", help="Really send it. Without it, it goes to the sandbox.")] = False,
    as_: Annotated[
        str, typer.Option("--as", help="With the data of the supporter at this address.", metavar="ADDRESS")
    ] = "",
    language: Annotated[str, typer.Option("--language", help="In this language only.")] = "",
    examples: Annotated[
        int, typer.Option("--examples", min=1, max=10, help="Of how many supporters the data is taken, each language.")
    ] = 2,
    wave: Annotated[int, typer.Option("--wave", min=1, help="As in which of the step's waves.")] = 1,
    by: Annotated[str, typer.Option("--by", help="Who sends it, by name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send an e-mail step to addresses of your own, with the data of real supporters, marked as a test.

    Each address gets it in every language and every arm, for whom most is known and for whom least is. It goes out at
    once, as the files are now, approved or not, also before an embargo: it is for your own people. It counts nowhere,
    and its link to unsubscribe changes nothing. Exit code 1 if the provider did not take all of it.
    """
    from campaign import settings
    from campaign.bootstrap import trying
    from campaign.engines.clock import SystemClock
    from campaign.files import campaign as campaign_files

    configured = settings.load()
    sources = campaign_files.load(plan)
    chosen = _step(sources, step)
    waves = sources.waves[chosen.id]
    if wave > len(waves):
        raise typer.BadParameter(f"the step has {screen.counted(len(waves), 'wave')}", param_hint="--wave")
    with trying.program(
        configured, sources, chosen, live=live, clock=SystemClock(), report=lambda _at, _what: None
    ) as program:
        if live:
            _not_stopped(program, chosen)
        addresses = _addresses(program, to)
        variants = _variants(program, sources, chosen, wave, as_, language, examples)
        if not as_json:
            _announce(program, sources, chosen, addresses, variants, live=live)
        sent = _send(program, variants, addresses)
        _record(program, sources, chosen, sent, len(addresses), by.strip() or getpass.getuser(), live=live)
    if as_json:
        screen.print_json({"step": chosen.id, "world": "live" if live else "sandbox", "sent": sent})
    else:
        _show(sent)
    if any(one.outcome != "accepted" for one in sent):
        raise typer.Exit(1)


def _step(sources: Sources, name: str) -> Step:
    (found,) = names.steps([name], {one.id: one for one in sources.plan.steps})
    if found.channel != "email":
        raise typer.BadParameter(f'"{name}" is a post; see it with: campaign preview {name}', param_hint="STEP")
    return found


def _not_stopped(program: Program, step: Step) -> None:
    """Raises Stopped where somebody has halted everything, or paused the step."""
    from campaign.errors import Stopped
    from campaign.flow import stop

    for one in program.ledger.stops():
        if one.holds(step.id):
            raise Stopped(f"{one}; nothing was sent. {stop.remedy(one)}")


def _addresses(program: Program, written: str) -> list[str]:
    """Each address once. Raises BadInput with every one that cannot be used."""
    from campaign.errors import BadInput
    from campaign.files.addresses import Addresses
    from campaign.flow.send_test import MOST_ADDRESSES

    checks, found, problems = Addresses(), {}, []
    for one in filter(None, (part.strip() for part in written.split(","))):
        try:
            address = checks.normalised(one)
        except ValueError as error:
            problems.append(_problem(one, str(error)))
            continue
        suppression = program.supporters.suppression(address)
        if suppression is not None:
            what = f"is suppressed ({suppression.reason.value}), so nothing is sent to it, not even a test"
            problems.append(_problem(one, what))
        found[address.lower()] = address
    if not found and not problems:
        problems.append(_problem("", "there is no address"))
    if len(found) > MOST_ADDRESSES:
        problems.append(_problem("", f"{len(found)} addresses are more than {MOST_ADDRESSES}: a test is no mailing"))
    if problems:
        raise BadInput(problems)
    return list(found.values())


def _problem(where: str, what: str) -> Problem:
    from campaign.errors import Problem

    return Problem(file="--to", line=0, where=where, what=what)


def _variants(
    program: Program, sources: Sources, step: Step, wave: int, as_: str, language: str, examples: int
) -> list[Variant]:
    from campaign.flow import send_test as flow

    bundle = sources.bundle(step)
    written = sorted({one for message in (bundle.message, *bundle.arms.values()) for one in message.mails})
    if language and language not in written:
        raise typer.BadParameter(f"the message is written in {', '.join(written)}", param_hint="--language")
    person: Supporter | None = None
    if as_:
        person = program.supporters.find(as_)
        if person is None:
            raise typer.BadParameter("nobody in the database has this address", param_hint="--as")
    return flow.variants(
        bundle,
        sources.waves[step.id][wave - 1],
        program.supporters,
        person=person,
        language=language,
        examples=examples,
    )


def _announce(
    program: Program, sources: Sources, step: Step, addresses: Sequence[str], variants: Sequence[Variant], *, live: bool
) -> None:
    """What is about to go where, before it does."""
    mails = len(addresses) * len(variants)
    to = f"{screen.counted(mails, 'e-mail')} to {screen.counted(len(addresses), 'address', 'addresses')}"
    screen.out.print(f"Test of {step.id}: {to}, marked [Test].", soft_wrap=True)
    if not live:
        screen.out.print("It goes to the sandbox; nobody gets it. For the real thing: --live", soft_wrap=True)
    now = program.desk.clock.now()
    if step.embargo is not None and now < step.embargo:
        until = screen.local(step.embargo, sources.plan.zone)
        screen.say("Before the embargo: ", f"it holds until {until} for whoever gets this, too.", style="yellow")
    if any(variant.made_up for variant in variants):
        say = "nobody in the audience may be written to in that language, so the data is made up."
        screen.say("Note: ", say, style="yellow")


def _send(program: Program, variants: Sequence[Variant], addresses: Sequence[str]) -> list[Sent]:
    from campaign.flow import send_test as flow

    desk = program.desk
    sent = []
    for variant in variants:
        channel = desk.mails[variant.mailing.content.sender.via]
        outcomes = flow.send(
            variant, addresses, channel=channel, keys=desk.keys, public_url=desk.public_url, at=desk.clock.now()
        )
        person = None if variant.made_up else variant.person.id
        sent += [Sent(address, variant.name, person, *_said(outcome)) for address, outcome in outcomes]
    return sent


def _said(outcome: Outcome) -> tuple[str, str]:  # noqa: RET503 - assert_never does not return
    from typing import assert_never

    from campaign.model.outcome import Accepted, Deferred, InDoubt, Refused

    match outcome:
        case Accepted():
            return "accepted", ""
        case Deferred(reason):
            return "deferred", reason
        case Refused(reason):
            return "refused", reason
        case InDoubt(reason):
            return "in doubt", reason
        case _:
            assert_never(outcome)


def _record(
    program: Program, sources: Sources, step: Step, sent: Sequence[Sent], addresses: int, who: str, *, live: bool
) -> None:
    from campaign.bootstrap import trying
    from campaign.flow import approve
    from campaign.model.sent_test import SentTest

    trying.record(program.database, live=live).record(
        SentTest(
            step=step.id,
            digest=approve.manifest(sources.bundle(step), sources.waves[step.id]).digest,
            by=who,
            at=program.desk.clock.now(),
            addresses=addresses,
            mails=len(sent),
            accepted=sum(one.outcome == "accepted" for one in sent),
        )
    )


_COLOURS: dict[str, str] = {"accepted": "green", "deferred": "yellow", "in doubt": "yellow", "refused": "red"}


def _show(sent: Sequence[Sent]) -> None:
    from rich.text import Text

    table = screen.table("to", "mail", "as supporter", "outcome")
    for one in sent:
        outcome: Any = Text(one.outcome, style=_COLOURS[one.outcome])
        if one.why:
            outcome.append(f": {screen.plain(one.why)}", style="not bold")
        table.add_row(one.address, one.mail, "(made up)" if one.person is None else str(one.person), outcome)
    screen.out.print(table)
    if any(one.outcome != "accepted" for one in sent):
        screen.out.print("What was not accepted was tried once; the same command tries again.", soft_wrap=True)
