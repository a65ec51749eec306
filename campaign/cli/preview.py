"""campaign preview: a step's message as one supporter, or one network, would get it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, preview_post, screen
from campaign.cli.options import DEFAULT_PLAN, PlanFile

if TYPE_CHECKING:
    from campaign.flow.content import Mailing
    from campaign.model.bundle import Sources
    from campaign.model.plan import Step
    from campaign.model.supporter import Supporter
    from campaign.model.wave import PlannedWave


def preview(
    step: Annotated[str, typer.Argument(help="The step, as it is called in the plan.")],
    plan: PlanFile = DEFAULT_PLAN,
    supporter: Annotated[
        str | None,
        typer.Option(
            "--to",
            "--supporter",
            metavar="ADDRESS",
            help="The supporter to show it for, or alex@example.org of whom all is known, or nameless@example.org.",
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="As somebody who reads this language gets it.")
    ] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="As this arm of the step's A/B test has it.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the message's parts to files in this folder.")
    ] = None,
    wave: Annotated[int, typer.Option("--wave", min=1, help="Which of the step's waves.")] = 1,
) -> None:
    """Show what one supporter would see, or what one network would show.

    Without --to somebody made up is taken. With --out DIR an e-mail is written three times: as HTML for a browser, as
    text, and as the raw message (.eml), which a mail program opens. By SMTP the raw message is what leaves, but for a
    DKIM signature. SendGrid writes its own from the same parts and headers, and adds what it adds to every message.

    Of a post each part is written as text, with its pictures and videos as its network would get them, and what is read
    out to those who do not see them.
    """
    from campaign.files import campaign as campaign_files

    sources = campaign_files.load(plan)
    known = {one.id: one for one in sources.plan.steps}
    names.steps([step], known)
    waves = sources.waves[step]
    if wave > len(waves):
        raise typer.BadParameter(f"the step has {screen.counted(len(waves), 'wave')}", param_hint="--wave")
    if known[step].channel == "email":
        _mail(_Chosen(sources, known[step], waves[wave - 1], arm, language), _person(supporter), out)
        return
    for option, value in (("--to", supporter), ("--language", language), ("--arm", arm)):
        if value is not None:
            raise typer.BadParameter("a post is the same for everybody", param_hint=option)
    preview_post.show(sources, known[step], waves[wave - 1], out)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An e-mail as it was asked for."""

    sources: Sources
    step: Step
    wave: PlannedWave
    asked_arm: str | None
    asked_language: str | None

    @property
    def arm(self) -> str:
        """The arm of an A/B test: the one asked for, else the wave's; the first where that will be the best one."""
        arms = self.sources.bundle(self.step).arms
        if self.asked_arm is not None and self.asked_arm not in arms:
            hint = names.meant(self.asked_arm, arms) if arms else "the step has no A/B test"
            raise typer.BadParameter(f'there is no arm "{self.asked_arm}"; {hint}', param_hint="--arm")
        return self.asked_arm or (self.wave.arm if self.wave.arm in arms else next(iter(arms), ""))

    def language(self, person: Supporter) -> str:
        there = self.sources.bundle(self.step).message_of(self.arm).mails
        if self.asked_language is not None and self.asked_language not in there:
            raise typer.BadParameter(f"it is written in {', '.join(there)}", param_hint="--language")
        theirs = person.language if person.language in there else self.sources.plan.language
        return self.asked_language or theirs

    def mailing(self, language: str) -> Mailing:
        from campaign.flow.content import mailing

        bundle = self.sources.bundle(self.step)
        return mailing(bundle, number=self.wave.number, due_at=self.wave.due_at, language=language, arm=self.arm)


def _person(address: str | None) -> Supporter:
    from campaign import bootstrap, settings
    from campaign.flow.check import EXAMPLES
    from campaign.storage.supporters import SqlSupporters

    if address is None:
        return EXAMPLES[0]
    made_up = {example.email: example for example in EXAMPLES}
    if address.lower() in made_up:
        return made_up[address.lower()]
    database = bootstrap.open_database(settings.load())
    try:
        found = SqlSupporters(database).find(address)
    finally:
        database.close()
    if found is None:
        raise typer.BadParameter("nobody in the database has this address", param_hint="--to")
    return found


def _mail(chosen: _Chosen, person: Supporter, out: Path | None) -> None:
    from campaign.bootstrap import channels
    from campaign.flow.check import UNSUBSCRIBE_URL
    from campaign.model.batch import MailBatch, MailRow

    language = chosen.language(person)
    mailing = chosen.mailing(language)
    compiled, (values,) = mailing.compiled, mailing.compiled.fill([person], [UNSUBSCRIBE_URL])
    mail = compiled.filled(values)
    name = f"{person.first_name} {person.last_name}".strip()
    row = MailRow(0, "preview", person.email, name, values, UNSUBSCRIBE_URL)
    batch = MailBatch(id=0, content=mailing.content, rows=[row], made_at=chosen.wave.due_at)
    writer = channels.raw_mail()
    payload = writer.compose(batch)
    for header in ("From", "To", "Reply-To"):
        value = writer.shows(payload, 0).headers.get(header)
        if value:
            screen.out.print(f"{header + ': ':<9}{value}", soft_wrap=True, markup=False)
    screen.out.print(f"Subject: {mail.subject}", style="bold", soft_wrap=True, markup=False)
    screen.out.print(f"\n{mail.text}", soft_wrap=True, markup=False)
    made = "" if chosen.sources.bundle(chosen.step).message_of(chosen.arm).mails[language].text else ", made from it"
    screen.out.print(
        f"{len(compiled.tokens)} merge fields; {len(mail.html.encode()):,} bytes of HTML, "
        f"{len(mail.text.encode()):,} of text{made}; in {language}.",
        style="dim",
    )
    for part, why in compiled.fallbacks.items():
        screen.say("Slow: ", f"the {part} is rendered whole for each person: {why}", style="yellow")
    if out is not None:
        stem = ".".join(word for word in (chosen.step.id, chosen.arm, language) if word)
        parts = {"html": mail.html.encode(), "txt": mail.text.encode(), "eml": payload.chunks[0]}
        preview_post.write(out, {f"{stem}.{kind}": part for kind, part in parts.items()})
