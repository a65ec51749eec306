"""campaign preview: a step's message as one supporter, or one network, would get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen
from campaign.cli.options import DEFAULT_PLAN, PlanFile

if TYPE_CHECKING:
    from campaign.model.bundle import Sources
    from campaign.model.plan import Step
    from campaign.model.supporter import Supporter
    from campaign.model.wave import PlannedWave


def preview(
    step: Annotated[str, typer.Argument(help="The step, as it is called in the plan.")],
    plan: PlanFile = DEFAULT_PLAN,
    supporter: Annotated[
        str | None, typer.Option("--supporter", help="The address of the supporter to show it for.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the message's parts to files in this folder.")
    ] = None,
    wave: Annotated[int, typer.Option("--wave", min=1, help="Which of the step's waves.")] = 1,
) -> None:
    """Show what one supporter would see, or what one network would show.

    Without --supporter somebody made up is taken. With --out DIR the e-mail is written as HTML and text, for a browser.
    """
    from difflib import get_close_matches

    from campaign.files import campaign as campaign_files

    sources = campaign_files.load(plan)
    known = {one.id: one for one in sources.plan.steps}
    if step not in known:
        close = get_close_matches(step, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        raise typer.BadParameter(f'the plan has no step "{step}"; {hint}', param_hint="STEP")
    waves = sources.waves[step]
    if wave > len(waves):
        raise typer.BadParameter(f"the step has {screen.counted(len(waves), 'wave')}", param_hint="--wave")
    if known[step].channel == "email":
        _mail(sources, known[step], waves[wave - 1], _person(supporter), out)
    else:
        _post(sources, known[step], waves[wave - 1], out)


def _person(address: str | None) -> Supporter:
    from campaign import bootstrap, settings
    from campaign.flow.check import EXAMPLES
    from campaign.storage.supporters import SqlSupporters

    if address is None:
        return EXAMPLES[0]
    database = bootstrap.open_database(settings.load())
    try:
        found = SqlSupporters(database).find(address)
    finally:
        database.close()
    if found is None:
        raise typer.BadParameter("nobody in the database has this address", param_hint="--supporter")
    return found


def _mail(sources: Sources, step: Step, wave: PlannedWave, person: Supporter, out: Path | None) -> None:
    from campaign.flow.check import UNSUBSCRIBE_URL
    from campaign.flow.content import mailing

    languages = sources.messages[step.message].mails
    language = person.language if person.language in languages else sources.plan.language
    compiled = mailing(sources.bundle(step), number=wave.number, due_at=wave.due_at, language=language).compiled
    mail = compiled.whole(person, UNSUBSCRIBE_URL)
    sender = sources.plan.sender
    if sender is not None:
        screen.out.print(f"From:    {sender.name} <{sender.address}>", soft_wrap=True)
    screen.out.print(f"To:      {person.first_name} {person.last_name}".rstrip() + f" <{person.email}>", soft_wrap=True)
    screen.out.print(f"Subject: {mail.subject}", style="bold", soft_wrap=True)
    screen.out.print(f"\n{mail.text}", soft_wrap=True)
    screen.out.print(
        f"{len(compiled.tokens)} merge fields; {len(mail.html.encode()):,} bytes of HTML, in {language}.", style="dim"
    )
    for part, why in compiled.fallbacks.items():
        screen.say("Slow: ", f"the {part} is rendered whole for each person: {why}", style="yellow")
    if out is not None:
        _write(out, {f"{step.id}.{language}.html": mail.html, f"{step.id}.{language}.txt": mail.text})


def _post(sources: Sources, step: Step, wave: PlannedWave, out: Path | None) -> None:
    from campaign.flow import fit
    from campaign.flow.content import posting

    measures = {"x": fit.weighted_length, "bluesky": fit.grapheme_length, "mastodon": fit.mastodon_length}
    made = posting(sources.bundle(step), number=wave.number, due_at=wave.due_at)
    for number, part in enumerate(made.parts, start=1):
        heading = f"{step.channel}, part {number} of {len(made.parts)}" if len(made.parts) > 1 else step.channel
        screen.out.rule(f"{heading}: {measures[step.channel](part)} characters as it counts them", style="dim")
        screen.out.print(part, soft_wrap=True)
        wrong = fit.fits(part, step.channel, warning=made.source.warning)
        if wrong is not None:
            screen.say("Does not fit: ", wrong)
    if out is not None:
        _write(out, {f"{step.id}.{number}.txt": part for number, part in enumerate(made.parts, start=1)})


def _write(folder: Path, files: dict[str, str]) -> None:
    from campaign.errors import NotConfigured

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            screen.out.print(f"Written: {folder / name}", soft_wrap=True)
    except OSError as error:
        raise NotConfigured(f"{folder} cannot be written: {error.strerror}; choose another folder") from None
