"""campaign check: everything that is wrong, before anything is sent."""

from __future__ import annotations

from campaign.cli import screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile


def check(plan: PlanFile = DEFAULT_PLAN, as_json: AsJson = False) -> None:
    """Read plan, letter and messages, render every message, and hold it to the letter and to its network.

    Every mistake is shown at once, each with its file, line, step and remedy. Exit code 3 if there is one.
    """
    from campaign import settings
    from campaign.cli import cost
    from campaign.errors import BadInput
    from campaign.files import campaign as campaign_files
    from campaign.flow import check as checks

    try:
        sources = campaign_files.load(plan)
        problems = checks.campaign(sources)
        problems += cost.warnings(settings.load(), sources)
    except BadInput as bad:
        if not as_json:
            raise
        screen.print_json({"problems": bad.problems})
        raise SystemExit(bad.exit_code) from None
    if as_json:
        screen.print_json({"problems": problems})
    if any(problem.severity == "error" for problem in problems):
        if as_json:
            raise SystemExit(BadInput.exit_code)
        raise BadInput(problems)
    if as_json:
        return
    screen.show_problems(problems)
    steps = sources.plan.steps
    words = "its original text" if not sources.letter.restated else "a restatement, so nothing may be quoted from it"
    screen.out.print(
        f"{sources.plan.title}: {screen.counted(len(steps), 'step')}, "
        f"{screen.counted(len(sources.messages), 'message')}, letter of "
        f"{screen.counted(len(sources.letter.signatories), 'signatory', 'signatories')} ({words}). No errors.",
        soft_wrap=True,
    )
