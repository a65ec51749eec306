"""The documents: what they say of the code is held to the code, as far as a machine can."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

import campaign.storage.tables  # noqa: F401 - the tables put themselves into the metadata
from campaign.flow import review
from campaign.model.claim import Tally
from campaign.model.delivery import State
from campaign.model.wave import WaveState
from campaign.storage.columns import metadata

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
OF_TEMPLATES = frozenset({"rendering.md", "README.md"})
"""Pages whose dotted names are what a message's writer can say, and not names in the code."""

ONE_PAGE_WORDS = 1_200
ROOMS = frozenset({"campaign", "docs", "tests", "messages", "benchmarks", ".ci"})
NO_FILES_OF_OURS = frozenset({"letter.md"})
NOWHERE = "\N{EN DASH}"
KNOWN_SUFFIXES = (".py", ".toml", ".lock", ".yaml", ".md", ".example")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# ── what there is ──


@dataclass
class Names:
    """What can be named after a dot: of modules by their last name, of classes by their own, of tables."""

    modules: dict[str, set[str]] = field(default_factory=dict)
    classes: dict[str, set[str]] = field(default_factory=dict)
    tables: dict[str, set[str]] = field(default_factory=dict)

    def has(self, owner: str, name: str) -> bool:
        known = (self.modules, self.classes, self.tables)
        return any(name in where.get(owner, ()) for where in known) or name in self.classes.get(owner.capitalize(), ())

    def knows(self, owner: str) -> bool:
        return owner in self.modules or owner in self.classes or owner in self.tables


@cache
def names() -> Names:
    """Read from the source, so that no document needs a provider's SDK to be loaded."""
    found = Names(tables={name: set(table.columns.keys()) for name, table in metadata.tables.items()})
    for path in (ROOT / "campaign").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        module = path.parent.name if path.stem == "__init__" else path.stem
        found.modules.setdefault(module, set()).update(defined(tree.body))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.classes.setdefault(node.name, set()).update(defined(node.body) | of_self(node))
    return found


def defined(body: list[ast.stmt]) -> set[str]:
    found: set[str] = set()
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=targets):
                found.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                found.update(each.asname or each.name for each in imported)
            case _:
                pass
    return found


def of_self(node: ast.ClassDef) -> set[str]:
    return {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }


# ── what is written ──


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def code(page: Path) -> Iterator[str]:
    """What stands between single backquotes."""
    yield from re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(page))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def rows(page: Path, head: str) -> list[list[str]]:
    """The cells of every table under the heading ``head``, without the tables' own heads."""
    sections = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [one for one in sections if one.startswith(f"{head}\n")]
    lines = section.splitlines()
    dividers = {number for number, line in enumerate(lines) if re.fullmatch(r"[|\- ]+", line) and "-" in line}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if line.startswith("|") and number not in dividers and number + 1 not in dividers
    ]


def states_in(head: str) -> dict[str, list[str]]:
    """The table of states under ``head``: what is written of each."""
    return {cells[0].strip("`"): cells[1:] for cells in rows(DOCS / "states.md", head) if cells[0].startswith("`")}


# ── links, files, names ──


@each_page
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", prose(page), flags=re.MULTILINE):
        link = target[0] or target[1]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.is_relative_to(ROOT), f"{page.name} leads out of the repository: {link}"
        assert there.exists(), f"{page.name} leads nowhere: {link}"
        assert not anchor or anchor in anchors(there), f"{page.name}: {path} has no heading for #{anchor}"


@each_page
def test_every_file_that_is_named_is_there(page: Path) -> None:
    rooms = ROOMS | {path.name for path in (ROOT / "campaign").iterdir() if path.is_dir()}
    for said in code(page):
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)+/?", said) and said.partition("/")[0] in rooms:
            if re.match(r"(messages/)?[\w-]+/[A-Z]", said) or "NNNN" in said or "NAME" in said:
                continue  # a place for a name
            found = [base for base in (ROOT, ROOT / "campaign", ROOT / "docs") if list(base.glob(said.rstrip("/")))]
            assert found, f"{page.name} names {said}, which is not there"
        elif re.fullmatch(r"[\w.-]+", said) and said.endswith(KNOWN_SUFFIXES) and said not in NO_FILES_OF_OURS:
            assert (
                list(ROOT.glob(said)) or list(ROOT.glob(f"campaign/**/{said}")) or list(ROOT.glob(f"[dt]*s/**/{said}"))
            ), f"{page.name} names {said}, which is not there"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OF_TEMPLATES], ids=lambda page: page.stem)
def test_every_function_class_and_column_that_is_named_by_its_module_is_there(page: Path) -> None:
    for said in code(page):
        dotted = re.match(r"(?:campaign\.)?((?:\w+\.)+\w+)(?:\(.*\))?$", said)
        if dotted is None or said.endswith(KNOWN_SUFFIXES):
            continue
        for owner, name in pairwise(dotted[1].split(".")):
            if names().knows(owner):
                assert names().has(owner, name), f"{page.name} names {said}, and {owner} has no {name}"


@each_page
def test_no_page_needs_anything_from_outside_the_repository(page: Path) -> None:
    assert "../shared" not in page.read_text(encoding="utf-8")


# ── states.md ──


def test_every_state_of_a_delivery_is_described_and_no_other() -> None:
    assert set(states_in("A delivery")) == {state.value for state in State}
    assert all(all(cells) for cells in states_in("A delivery").values())


@pytest.mark.parametrize("state", list(State))
def test_a_state_counts_in_the_figures_as_is_written(state: State) -> None:
    tally = Tally(step="alert", channel="email", planned=1, counts={state: 1})
    counted = review.figures(tally)
    assert counted.adds_up
    figures = ("to_send", "accepted", "delivered", "refused", "suppressed", "in_doubt", "missed")
    shown = [name.replace("_", " ") for name in figures if getattr(counted, name)]
    assert states_in("A delivery")[state.value][1] == ", ".join(shown)


def test_every_state_of_a_wave_is_described_and_no_other() -> None:
    assert set(states_in("A wave")) == {state.value for state in WaveState}


@pytest.mark.parametrize(("head", "known"), [("A delivery", set(State)), ("A wave", set(WaveState))])
def test_the_drawing_and_the_table_show_the_same_passages(head: str, known: set[str]) -> None:
    text = (DOCS / "states.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {head}\n")[1].split("\n## ")[0]
    drawn = {
        (was.replace("[*]", NOWHERE), now) for was, now in re.findall(r"^    (\S+) --> (\w+)", section, re.MULTILINE)
    }
    listed = set()
    for was, now, _, where in (cells for cells in rows(DOCS / "states.md", head) if len(cells) == 4):
        assert where
        begins = ["accepted"] if was == "accepted and after" else was.split(", ")
        listed |= {(one, other) for one in begins for other in now.split(", ")}
    late_answers = {("in_doubt", "deferred"), ("in_doubt", "refused")}
    assert listed - late_answers == drawn
    assert {state for passage in drawn for state in passage} - {NOWHERE} == {str(state) for state in known}


# ── ledger.md, words.md, decisions, changelog, contributing ──


def test_every_table_of_the_database_is_described_and_no_other() -> None:
    described = {cells[0].strip("`") for cells in rows(DOCS / "tables.md", "Tables")}
    assert described == set(metadata.tables)


def test_each_word_is_explained_once() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", (DOCS / "words.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(words) == len(dict(words))
    for state in ("accepted", "delivered", "in doubt"):
        assert state in dict(words)


def test_decisions_are_numbered_without_gaps_and_all_are_listed() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    listed = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", prose(DOCS / "decisions" / "README.md"), re.MULTILINE)
    for path, (number, title, link) in zip(DECISIONS, listed, strict=True):
        assert link == path.name
        assert path.read_text(encoding="utf-8").startswith(f"# {number}. {title}\n")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_what_called_for_it_what_was_rejected_and_what_follows(path: Path) -> None:
    heads = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert heads == ["Context", "Decision", "Rejected", "Consequences"]


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: str(page.relative_to(DOCS)))
def test_no_page_is_longer_than_a_page(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").split()) <= ONE_PAGE_WORDS


def test_every_dependency_has_its_line_and_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted = {re.split(r"[\[<>=;~! ]", one)[0].lower() for one in needed}
    table = rows(DOCS / "decisions" / "0009-libraries.md", "Decision")
    assert {cells[0].lower() for cells in table} == wanted
    assert all(cells[1] for cells in table)


def test_what_is_released_is_told_under_the_kinds_of_change_that_there_are() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[?(\w+)", text, re.MULTILINE)[0] == "Unreleased"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "contributing.md"], ids=lambda page: page.name)
def test_every_make_target_that_is_named_can_be_made(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name} names make {target}"
