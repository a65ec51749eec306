"""The program's door: what is loaded, what is said when something goes wrong, and the exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from campaign import __version__, cli
from campaign.__main__ import CRASHES, _keep_traceback, main
from campaign.errors import BadInput, CampaignError, NotApproved, NotConfigured, Problem

Captured = pytest.CaptureFixture[str]

HEAVY = {"pydantic", "pydantic_settings", "sqlalchemy", "alembic", "jinja2", "ruamel.yaml", "urllib3", "apscheduler"}
SDKS = {"sendgrid", "tweepy", "atproto", "mastodon", "starlette", "uvicorn", "aiosmtpd", "mrml", "psycopg"}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def app_that(command: Callable[[], None]) -> typer.Typer:
    """A program of our kind with the one further command ``do``."""
    app = typer.Typer(cls=cli.Commands, pretty_exceptions_enable=False)
    app.command("do")(command)
    app.callback()(lambda: None)
    return app


def raising(error: BaseException) -> typer.Typer:
    def command() -> None:
        raise error

    return app_that(command)


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "campaign", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


# --- what there is to call ---


def test_help_shows_every_command_but_the_hidden_in_the_order_of_the_work(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(r"^│ ([a-z][a-z-]+) +(.*?) *│$", shown, flags=re.MULTILINE)
    assert rows == [(listed.name, listed.line) for listed in cli.COMMANDS if not listed.hidden]
    panels = re.findall(r"^╭─ ([A-Z][a-z ]+?) ─", shown, flags=re.MULTILINE)
    assert panels == ["Options", "Prepare", "Rehearse and approve", "Send", "Review"]


def test_help_fits_eighty_columns(capsys: Captured) -> None:
    main(["--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_help_and_the_documentation_list_the_same_exit_codes(capsys: Captured, root: Path) -> None:
    main(["--help"])
    shown = re.findall(r"^ +(\d+)  (.+?) *$", capsys.readouterr().out, flags=re.MULTILINE)
    documented = re.findall(r"^\| (\d+) \| (.+?) \|", (root / "docs/exit-codes.md").read_text(), flags=re.MULTILINE)
    assert shown == documented == [(str(code), meaning) for code, meaning in cli.EXIT_CODES.items()]


def test_the_version_is_shown(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"campaign {__version__}\n"


def test_a_slip_in_a_command_is_answered_with_what_was_meant(capsys: Captured) -> None:
    assert main(["lettre"]) == 2
    assert "Did you mean 'letter'?" in capsys.readouterr().err


def test_help_loads_no_command_and_nothing_heavy() -> None:
    """That is what keeps the start under 0.4 s, whatever the commands come to need."""
    program = (
        "import sys; from campaign.__main__ import main; main(['--help']); import json; "
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr))
    ours = {name for name in loaded if name.startswith("campaign.cli.")}
    assert ours == {"campaign.cli.screen"}
    assert not loaded & (HEAVY | SDKS)


def test_shell_completion_knows_the_commands_without_loading_them() -> None:
    done = in_a_process(_CAMPAIGN_COMPLETE="complete_bash", COMP_WORDS="campaign l", COMP_CWORD="1")
    assert done.stdout.split() == ["letter", "log"]


@pytest.mark.parametrize("listed", cli.COMMANDS, ids=lambda listed: listed.name)
def test_every_command_that_is_listed_can_be_loaded(listed: cli.Listed, capsys: Captured) -> None:
    module, _, name = listed.target.partition(":")
    if find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    assert hasattr(import_module(module), name)
    assert main([listed.name, "--help"]) == 0
    assert f"Usage: campaign {listed.name}" in capsys.readouterr().out


class Grown(cli.Commands):
    """The program with two commands more, whose modules are written by the test."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.add_command(cli.Later(cli.Listed("greet", "one_command:greet", "Say hello.", "Prepare")))
        self.add_command(cli.Later(cli.Listed("people", "two_commands:app", "See to people.", "Prepare")))


@pytest.fixture
def grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    (tmp_path / "one_command.py").write_text(
        "def greet(name: str, loud: bool = False) -> None:\n"
        "    'Greet somebody by name.'\n"
        "    print(f'hello {name}'.upper() if loud else f'hello {name}')\n"
    )
    (tmp_path / "two_commands.py").write_text(
        "import typer\n"
        "app = typer.Typer(help='See to people.')\n"
        "@app.command()\n"
        "def show(name: str) -> None:\n"
        "    print(f'this is {name}')\n"
        "@app.command()\n"
        "def forget() -> None: ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("one_command", "two_commands"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    app = typer.Typer(cls=Grown)
    app.callback()(lambda: None)
    return app


def test_a_command_is_loaded_when_it_is_called_and_the_others_are_not(grown: typer.Typer, capsys: Captured) -> None:
    assert main(["greet", "Jo", "--loud"], grown) == 0
    assert capsys.readouterr().out == "HELLO JO\n"
    assert "one_command" in sys.modules
    assert "two_commands" not in sys.modules


def test_a_commands_own_help_is_its_docstring(grown: typer.Typer, capsys: Captured) -> None:
    assert main(["greet", "--help"], grown) == 0
    shown = capsys.readouterr().out
    assert "Usage: campaign greet [OPTIONS]" in shown
    assert "Greet somebody by name." in shown


def test_a_command_may_have_commands_below_it(grown: typer.Typer, capsys: Captured) -> None:
    assert main(["people", "show", "Jo"], grown) == 0
    assert main(["people", "--help"], grown) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("this is Jo\n")
    assert "forget" in shown
    assert "completion" not in shown


def test_a_mistake_in_a_commands_options_is_a_usage_error(grown: typer.Typer, capsys: Captured) -> None:
    assert main(["greet", "Jo", "--lowd"], grown) == 2
    assert "No such option: --lowd" in capsys.readouterr().err


# --- what is said when something goes wrong ---


def test_bad_input_shows_each_problem_on_its_own_line_and_counts_them(capsys: Captured) -> None:
    problems = [
        Problem("schedules.yaml", 41, 'step "second-week"', 'channel "twitter" is not known', 'did you mean "x"?'),
        Problem("schedules.yaml", 3, "", "x" * 200),
        Problem("messages/a.md", 0, "", "nobody reads this", severity="warning"),
    ]
    assert main(["do"], raising(BadInput(problems))) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "warning: messages/a.md: nobody reads this",
        "error: schedules.yaml:3: " + "x" * 200,
        'error: schedules.yaml:41 step "second-week": channel "twitter" is not known; did you mean "x"?',
        "2 errors and 1 warning; nothing was sent, nothing was changed",
    ]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (NotConfigured("CAMPAIGN_SECRET_KEY is not set"), 4, "error: CAMPAIGN_SECRET_KEY is not set\n"),
        (NotApproved("step [b]launch[/b] changed"), 5, "error: step [b]launch[/b] changed\n"),
        (CampaignError(), 1, "error: Something went wrong that the campaign manager can read about and act on.\n"),
    ],
)
def test_an_error_on_purpose_is_said_as_it_is(capsys: Captured, error: CampaignError, code: int, said: str) -> None:
    assert main(["do"], raising(error)) == code
    assert capsys.readouterr().err == said


def test_control_characters_in_an_error_are_shown_and_not_obeyed(capsys: Captured) -> None:
    main(["do"], raising(CampaignError("a\x1b[2Jb\u202ec")))
    assert capsys.readouterr().err == "error: a\\x1b[2Jb\\u202ec\n"


def test_an_interruption_is_one_line_and_130(capsys: Captured) -> None:
    assert main(["do"], raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "Interrupted. The same command again carries on from what is recorded.\n"


def test_a_command_chooses_its_own_exit_code_by_typer_exit() -> None:
    assert main(["do"], raising(typer.Exit(6))) == 6


def test_a_fault_shows_no_traceback_and_keeps_it_in_a_private_file(capsys: Captured) -> None:
    def command() -> None:
        hidden_local = "a value"
        raise LookupError(f"no such thing in {len(hidden_local)}")

    assert main(["do"], app_that(command)) == 70
    said = capsys.readouterr()
    [kept] = CRASHES.iterdir()
    assert said.out == ""
    assert said.err == (
        f"fault in Campaign itself: LookupError. What was recorded before is kept. For whoever mends it: {kept}\n"
    )
    text = kept.read_text(encoding="utf-8")
    assert text.startswith(f"campaign {__version__}, Python ")
    assert "LookupError: no such thing in 7" in text
    assert "hidden_local = 'a value'" not in text
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_kept_traceback_holds_neither_addresses_nor_secrets() -> None:
    said = (
        "('jane.doe@example.org', 1) postgresql://u:pa55@db.example.org/c Authorization: Bearer abc.def "
        "api_key=SG.xyz 'token': 'tok123'"
    )
    assert main(["do"], raising(RuntimeError(said))) == 70
    [kept] = CRASHES.iterdir()
    text = kept.read_text(encoding="utf-8")
    for secret in ("jane", "pa55", "abc.def", "SG.xyz", "tok123"):
        assert secret not in text


def test_a_traceback_goes_to_the_first_folder_that_takes_it(tmp_path: Path) -> None:
    not_a_folder, folder = tmp_path / "file", tmp_path / "folder"
    not_a_folder.write_text("")
    kept = _keep_traceback("the trace", [not_a_folder, tmp_path / "no" / "such", folder])
    assert kept
    assert kept.parent == folder
    assert _keep_traceback("the trace", [not_a_folder]) is None


def test_the_systems_own_reason_is_told_without_what_it_was_about(capsys: Captured) -> None:
    assert main(["do"], raising(OSError(28, "No space left on device", "/home/jane"))) == 70
    said = capsys.readouterr().err
    assert said.startswith("fault in Campaign itself: OSError, No space left on device. ")
    assert "jane" not in said


# --- streams ---


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "campaign", "--help"]
    with os.fdopen(writing, "w") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_terminal_that_cannot_show_a_letter_gets_its_number() -> None:
    done = in_a_process("--help", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert "Prepare" in done.stdout


def test_ctrl_c_ends_a_running_command_with_130() -> None:
    program = (
        "import sys, time, typer\n"
        "from campaign import cli\n"
        "from campaign.__main__ import main\n"
        "app = typer.Typer(cls=cli.Commands)\n"
        "app.callback()(lambda: None)\n"
        "@app.command()\n"
        "def wait():\n"
        "    print('waiting', flush=True)\n"
        "    time.sleep(600)\n"
        "sys.exit(main(['wait'], app))\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (
        130,
        "Interrupted. The same command again carries on from what is recorded.\n",
    )
