"""A list that another process reads: to the same effect, and nothing left of that process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from itertools import count, repeat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaign.errors import BadInput, CampaignError
from campaign.files.apart import MadeApart, apart
from campaign.files.supporters_csv import Reading, Reject, read
from campaign.model.supporter import NewSupporter

HEADER = b"email,first_name,tags,consent_basis,consent_at,unsubscribed,Favourite colour,time_zone\n"
ROWS = b"".join(
    b"p%d@example.org,P%d,a;b%d,opt-in,2018-04-0%dT10:00:00+02:00,%s,%s,Europe/Berlin\n"
    % (number % 900, number, number % 7, number % 9 + 1, b"yes" if number % 50 == 0 else b"", b"red" * (number % 3))
    for number in range(1_000)
)
ODD = (
    b'nobody at example,A,,,,,,\n"q@example.org","Two\nlines",,,,,,Mars/Olympus\nr@example.org,B\n'
    b'"s@example.org,open,,,,,,\nt@example.org,Zo\xeb,,,,,,\n,,,,,,,\nu@example.org,' + b"x" * 300 + b",,,,,,\n"
)
OTHER = """
import os, sys
from itertools import repeat
from campaign.files.apart import apart
pids = apart(map, os.getpgid, repeat(0))
print(next(pids), flush=True)
for pid in pids:
    pass
"""


def all_of(path: Path, apart_from: int) -> tuple[list[NewSupporter], list[Reject], Reading, list[int], str]:
    rejects: list[Reject] = []
    progress: list[int] = []
    people: list[NewSupporter] = []
    reading, refused = Reading(), ""
    try:
        people.extend(
            read(path, rejects=rejects.append, reading=reading, progress=progress.append, apart_from=apart_from)
        )
    except BadInput as error:
        refused = str(error)
    return people, rejects, reading, progress, refused


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(content=ROWS + ODD + ROWS)
@example(content=(ROWS + ODD).replace(b"\n", b"\r\n"))
@example(content=ROWS * 3 + b"\0" + ROWS)
@example(content=b"")
@given(
    content=st.lists(st.sampled_from([*ROWS.splitlines(keepends=True)[:9], *ODD.splitlines(keepends=True)])).map(
        b"".join
    )
)
def test_another_process_reads_a_list_to_the_same_effect(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(HEADER + content)
    assert all_of(path, 0) == all_of(path, len(content) + 1_000)


def test_a_list_in_another_encoding_is_read_to_the_same_effect(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes((HEADER + ROWS).decode().replace("P1", "Žofie").encode("utf-16"))
    people, *rest = all_of(path, 0)
    assert (people, *rest) == all_of(path, 1_000_000)
    assert any(person.first_name == "Žofie" for person in people)


def test_bad_input_deep_in_a_list_arrives_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(HEADER + ROWS * 20 + b"\0\n")
    with pytest.raises(BadInput) as refused:
        list(read(path, rejects=lambda _reject: None, apart_from=0))
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == (str(path), 20_002)


def test_what_is_made_arrives_in_order_and_ends() -> None:
    assert list(apart(range, 1_000)) == list(range(1_000))


def test_an_error_there_is_raised_here_and_says_where_it_came_up() -> None:
    with pytest.raises(ValueError, match="invalid literal") as raised:
        list(apart(map, int, ["1", "x"]))
    assert isinstance(raised.value.__cause__, MadeApart)
    assert "apart.py" in str(raised.value.__cause__)


def test_a_process_that_is_killed_is_no_end_of_the_list() -> None:
    pids = apart(map, os.getpgid, repeat(0))
    os.kill(next(pids), signal.SIGKILL)
    with pytest.raises(CampaignError, match="was ended from outside; nothing was taken"):
        list(pids)


def test_a_process_that_cannot_begin_is_told_as_ended() -> None:
    with pytest.raises(CampaignError, match="was ended from outside"):
        list(apart(os._exit, 1))


def test_whoever_has_enough_ends_the_process() -> None:
    pids = apart(map, os.getpgid, repeat(0))
    pid = next(pids)
    pids.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells of the end of another's process")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_with_the_one_that_started_it(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        ends = os.pidfd_open(int(process.stdout.readline()))
        process.send_signal(how)
        process.wait()
    assert select.select([ends], [], [], 60)[0]
    os.close(ends)


def test_modules_are_not_taken_from_where_somebody_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit", encoding="utf-8")
    (tmp_path / "csv.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert next(apart(count, 5)) == 5
