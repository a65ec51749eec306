"""The command line: which commands there are. None is imported before it is called, so that each starts at once.

A command is a function in a module of its own here, or a Typer app where it has commands below it. ``COMMANDS`` names
them all, with the one line that ``campaign --help`` shows; the function's docstring is what its own ``--help`` says.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from campaign import __version__

EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "usage: the command was not understood",
    3: "bad input: what you wrote is wrong; nothing was sent or changed",
    4: "not configured: a setting or credential is missing or wrong",
    5: "not approved as it stands now",
    6: "provider: it refused the credentials or cannot be reached",
    7: "ledger: it cannot be read or written",
    8: "stopped: somebody has halted everything, or paused the step",
    70: "internal: a fault in Campaign itself",
    130: "interrupted with Ctrl-C",
}
"""What the program's exit code means; docs/exit-codes.md says more."""

INTERRUPTED = 130


class Listed(NamedTuple):
    """One command. ``target`` is its module and the function or app in it."""

    name: str
    target: str
    line: str
    panel: str
    hidden: bool = False


_PREPARE, _APPROVE, _SEND, _REVIEW = "Prepare", "Rehearse and approve", "Send", "Review"

COMMANDS = (
    Listed("letter", "campaign.cli.letter:letter", "Read an open letter and show what was found in it.", _PREPARE),
    Listed("check", "campaign.cli.check:check", "Check plan, messages and letter; every mistake at once.", _PREPARE),
    Listed("plan", "campaign.cli.plan:plan", "Show what is sent, where and when, counted from T-0.", _PREPARE),
    Listed("preview", "campaign.cli.preview:preview", "Show a step's message as a supporter would see it.", _PREPARE),
    Listed("supporters", "campaign.cli.supporters:app", "Import, sample, show, forget or export people.", _PREPARE),
    Listed("suppress", "campaign.cli.suppress:suppress", "Never write to an address again.", _PREPARE),
    Listed("rehearse", "campaign.cli.rehearse:rehearse", "Run the whole plan against the sandbox, now.", _APPROVE),
    Listed(
        "preflight", "campaign.cli.preflight:preflight", "Render e-mail for everybody; say what is wrong.", _APPROVE
    ),
    Listed("send-test", "campaign.cli.send_test:send_test", "Send a step to your own people, as a test.", _APPROVE),
    Listed("approve", "campaign.cli.approve:approve", "Approve exactly what would be sent now.", _APPROVE),
    Listed("run", "campaign.cli.run:run", "Send what is due, when it is due.", _SEND),
    Listed("halt", "campaign.cli.halt:halt", "Stop everything, now. The stop button.", _SEND),
    Listed("pause", "campaign.cli.pause:pause", "Stop one step for now.", _SEND),
    Listed("resume", "campaign.cli.resume:resume", "Let what was halted or paused go on.", _SEND),
    Listed("confirm", "campaign.cli.confirm:confirm", "Say that somebody is there: the dead man's switch.", _SEND),
    Listed("cancel", "campaign.cli.cancel:cancel", "Stop a step, and what a provider holds of it.", _SEND),
    Listed("resolve", "campaign.cli.resolve:resolve", "Say what became of what is in doubt.", _SEND),
    Listed("top-up", "campaign.cli.top_up:top_up", "Send a step to those who should have got it.", _SEND),
    Listed("retract", "campaign.cli.retract:retract", "Delete what a step has posted.", _SEND),
    Listed("web", "campaign.cli.web:web", "Serve the unsubscribe pages and the webhook.", _SEND),
    Listed("feedback", "campaign.cli.feedback:app", "Apply what SendGrid has posted to the webhook.", _SEND),
    Listed("notify-test", "campaign.cli.notify_test:notify_test", "Try whether people are told.", _SEND),
    Listed("doctor", "campaign.cli.doctor:doctor", "Try settings, accounts and database before the day.", _SEND),
    Listed("log", "campaign.cli.log:log", "Who was sent what, when, and why not.", _REVIEW),
    Listed("report", "campaign.cli.report:report", "Write how it went as one page for the board.", _REVIEW),
    Listed("posts", "campaign.cli.posts:posts", "What was posted: where it stands, and how it fares.", _REVIEW),
    Listed(
        "ab-test", "campaign.cli.ab_test:ab_test", "How a step's A/B test stands; choose what the rest gets.", _REVIEW
    ),
    Listed("sandbox", "campaign.cli.sandbox:sandbox", "Run the stand-in providers by themselves.", _SEND, hidden=True),
)


class Later(TyperCommand):
    """A command that is loaded when it is called. In a list of commands it speaks for itself.

    Typer and its shell completion ask a command for nothing but its name and one line, until they make its context.
    """

    def __init__(self, listed: Listed) -> None:
        super().__init__(
            listed.name, short_help=listed.line, help=listed.line, rich_help_panel=listed.panel, hidden=listed.hidden
        )
        self._listed = listed

    def load(self) -> TyperCommand | TyperGroup:
        module, _, name = self._listed.target.partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            return get_group(found)
        alone = typer.Typer(add_completion=False)
        alone.command(self._listed.name, help=found.__doc__ or self._listed.line)(found)
        command = get_command(alone)
        if not isinstance(command, TyperCommand):
            raise TypeError(f"{self._listed.target} is no command")
        return command

    # Typer keeps the types of this method in a private module.
    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return self.load().make_context(info_name, args, parent, **extra)


class Commands(TyperGroup):
    """All commands, in the order of the work."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for listed in COMMANDS:
            self.add_command(Later(listed))

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from campaign.cli import screen

            screen.interrupted()
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="campaign",
    cls=Commands,
    help="Carry out an advocacy campaign: from an open letter to a reviewed dispatch log.",
    epilog="\n".join(["Exit codes:", *(f"{code:>5}  {meaning}" for code, meaning in EXIT_CODES.items())]),
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # campaign.__main__ says what went wrong
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"campaign {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options before any command."""
