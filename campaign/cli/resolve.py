"""campaign resolve: what is in doubt, and a person's word on it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen
from campaign.cli.options import AsJson
from campaign.cli.worlds import World, ledger

if TYPE_CHECKING:
    from campaign.cli.resolve_screen import Case
    from campaign.model.resolution import Word
    from campaign.storage.ledger import SqlLedger


def resolve(
    which: Annotated[
        str, typer.Argument(help="A step, or the number of a batch; else all.", metavar="[STEP|BATCH]")
    ] = "",
    accepted: Annotated[bool, typer.Option("--accepted", help="It was sent.")] = False,
    not_sent: Annotated[bool, typer.Option("--not-sent", help="It was not: it goes out again.")] = False,
    url: Annotated[
        list[str] | None,
        typer.Option("--url", help="With --accepted, for posts: where each part stands, in order."),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who says so, by name.")] = "",
    why: Annotated[str, typer.Option("--why", help="How you know, for the record.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    world: Annotated[
        World | None, typer.Option("--world", help="Which ledger; else the most real one that has sent anything.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in doubt, with all that is known of it, and take your word on it, batch by batch.

    In doubt is what may or may not have been sent, because the answer was lost. Nothing of it is sent again until that
    is known. Most doubts end by themselves, by an event or by asking the network; this is for the others.

    Only say --not-sent where you are sure: it goes out again, also to people who have it already. What an event shows
    afterwards stands above anybody's word. Without --accepted or --not-sent a terminal is asked for each batch.
    """
    from campaign.cli import resolve_screen

    if accepted and not_sent:
        raise typer.BadParameter("it was sent, or it was not", param_hint="--accepted")
    if (accepted or not_sent) and not which:
        raise typer.BadParameter("say of which step or batch", param_hint="STEP|BATCH")
    with ledger(world, say=not as_json) as book:
        now = resolve_screen.moment(book)
        found = _cases(book, which, now)
        wrong = [one for one in book.resolutions() if one.corrected_at is not None]
        if accepted or not_sent:
            word = _word(accepted)
            _agree(found, word, why=why, yes=yes, now=now, silent=as_json)
            done = [_say(book, case, word, by=_who(by), why=why, urls=url or (), now=now) for case in found]
            _report(done, as_json=as_json)
        elif as_json:
            screen.print_json({"in_doubt": list(map(resolve_screen.as_json, found)), "turned_out_wrong": wrong})
        else:
            _show(found, now, which)
            resolve_screen.show_resolutions(wrong)
            if found and sys.stdin.isatty() and sys.stdout.isatty():
                _ask(book, found, _who(by))


def _cases(book: SqlLedger, which: str, now: datetime) -> Sequence[Case]:
    from campaign.cli import resolve_screen

    steps = list(dict.fromkeys(wave.step for wave in book.waves()))
    number = int(which) if which.isascii() and which.isdigit() and which not in steps else None
    if which and number is None:
        names.one_of(which, steps, "was never approved here, and is no number of a batch", option="STEP|BATCH")
    found = book.questions(now=now, step=which if which and number is None else None, batch_id=number)
    if number is not None and not found:
        raise typer.BadParameter(f"batch {number} is not in doubt; see: campaign resolve", param_hint="STEP|BATCH")
    return resolve_screen.cases(book, found, now)


def _word(accepted: bool) -> Word:
    from campaign.model.resolution import Word

    return Word.ACCEPTED if accepted else Word.NOT_SENT


def _who(by: str) -> str:
    return by.strip() or getpass.getuser()


def _show(found: Sequence[Case], now: datetime, which: str) -> None:
    from campaign.cli import resolve_screen

    if not found:
        screen.out.print(f"Nothing of {which} is in doubt." if which else "Nothing is in doubt.")
        return
    batches = screen.counted(len(found), "batch", "batches")
    messages = sum(len(case.question.seqs) for case in found)
    screen.out.print(
        f"{batches} in doubt: {screen.counted(messages, 'message')} may or may not have been sent. None goes out again "
        "until that is known.",
        soft_wrap=True,
    )
    for case in found:
        resolve_screen.show(case, now)
    first = found[0].question
    posted = " --url https://…" if first.account else ""
    screen.out.print(
        f'\nTo say what you know: campaign resolve {first.batch_id} --accepted{posted} --why "…", or '
        f'campaign resolve {first.batch_id} --not-sent --why "…"; a step\'s name in place of {first.batch_id} is all '
        "of its batches.",
        style="dim",
        soft_wrap=True,
    )


def _agree(found: Sequence[Case], word: Word, *, why: str, yes: bool, now: datetime, silent: bool) -> None:
    """A word needs a reason; what goes out again because of it needs a second look."""
    from campaign.cli import resolve_screen
    from campaign.model.resolution import Word

    if not found:
        return
    if not why.strip():
        raise typer.BadParameter("say how you know, for the record", param_hint="--why")
    if yes:
        return
    if not sys.stdin.isatty() or silent:
        raise typer.BadParameter("nobody is there to confirm; say --yes if that is what you mean", param_hint="--yes")
    for case in found:
        resolve_screen.show(case, now)
    number = sum(len(case.question.seqs) for case in found)
    if word is Word.NOT_SENT:
        _typed(number)
    elif not typer.confirm(f"\n{screen.counted(number, 'message')} were sent?"):
        screen.out.print("Nothing was changed.")
        raise typer.Exit(1)


def _typed(number: int) -> None:
    given = typer.prompt("Type the number of messages to send them again", type=int)
    if given != number:
        raise typer.BadParameter(
            f"it is {screen.counted(number, 'message')}, not {given:,}; nothing was changed", param_hint="the number"
        )


def _say(
    book: SqlLedger, case: Case, word: Word, *, by: str, why: str, urls: Sequence[str], now: datetime
) -> Mapping[str, object]:
    """Take a person's word on one batch; what came of it."""
    from campaign.errors import LedgerError
    from campaign.flow import resolve as resolving

    question = case.question
    results = resolving.results(question, word, by=by, urls=urls)
    told: dict[str, object] = {
        "batch": question.batch_id,
        "step": question.wave.step,
        "word": word.value,
        "messages": len(question.seqs),
        "by": by,
        "why": why.strip(),
        "again": case.again,
    }
    try:
        return {**told, "taken": book.resolve(question, results, by=by, why=why.strip(), now=now), "refused": ""}
    except LedgerError as error:
        return {**told, "taken": False, "refused": str(error)}


def _report(done: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    if as_json:
        screen.print_json({"resolved": done})
    elif not done:
        screen.out.print("Nothing of it is in doubt.")
    for one in done if not as_json else ():
        _tell(one)
    if any(one["refused"] for one in done):
        raise typer.Exit(1)


_AGAIN = {
    "at once": "goes out again at once, if `campaign run` is running",
    "held": "is held, since it is too late by its step: let it go with `campaign approve --release`",
    "missed": "is missed, since it is too late by its step; `campaign top-up` sends it all the same",
    "cancelled": "stays unsent, since its wave was cancelled",
}


def _tell(one: Mapping[str, object]) -> None:
    head = f"batch {one['batch']} of {one['step']}: "
    if one["refused"]:
        screen.say(head, f"not changed: {one['refused']}.")
    elif not one["taken"]:
        screen.say(head, "it has settled itself meanwhile; your word was not needed. See: campaign log", style="yellow")
    else:
        what = "accepted" if one["word"] == "accepted" else _AGAIN[str(one["again"])]
        screen.out.print(f"{head}{one['messages']:,} {what}; said by {one['by']}: {one['why']}", soft_wrap=True)


def _ask(book: SqlLedger, found: Sequence[Case], by: str) -> None:
    """Ask about each batch; whoever does not know says so, and nothing changes."""
    from campaign.cli import resolve_screen
    from campaign.errors import BadInput

    for case in found:
        resolve_screen.show(case, resolve_screen.moment(book))
        answer = typer.prompt(f"\nWas {case.name} sent? yes, no, or later", default="later").strip().lower()
        if answer not in ("yes", "y", "no", "n"):
            continue
        word = _word(answer in ("yes", "y"))
        urls: list[str] = []
        if case.question.account and answer in ("yes", "y"):
            given = typer.prompt("Where does it stand? The address of each part, in order, with spaces between")
            urls = given.split()
        why = typer.prompt(f"How do you know, {by}?")
        if answer in ("no", "n"):
            _typed(len(case.question.seqs))
        try:
            _tell(_say(book, case, word, by=by, why=why, urls=urls, now=resolve_screen.moment(book)))
        except BadInput as error:
            screen.say("Not changed: ", str(error))
