"""A network that another package adds: checked, approved, rehearsed, posted to; and told of where it is broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign import networks
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.pictures import png
from tests.plugins import EXAMPLE, install_example, install_written
from tests.story.conftest import Campaign

PLAN = """\
campaign: example
title: An example
organisation: The Coalition
letter: messages/letter.md
launch: {launch}
zone: America/New_York
links: {{action: https://act.example.org/, letter: https://example.org/letter}}
late:
  example: {{within: 1h, then: skip}}
accounts:
  example: {{national: freetowalk, west: walkwest}}
steps:
  - {{id: there, channel: example, accounts: [national, west], message: post/hello, at: T-0}}
  - {{id: on-mastodon, channel: mastodon, account: national, message: post/hello, at: T-0}}
"""
POST = "We wrote to {{ letter.addressee.name }}.\n---\nRead it: {{ links.letter }}\n"
# As the example's, but for one thing that each test says.
CODE = """\
from campaign.ports.network import Variable
class Network:
    name, title, longest, media, stand_in = "example", "Example", 500, None, None
    variables = (Variable("token"),)
    def length(self, text, *, warning): return len(text)
    def fits(self, text, *, warning): return None
    def handle(self, written): return None
    def open(self, accounts, *, base_url): raise RuntimeError(str(accounts))
    def reader(self):
        from campaign.channels.mastodon import Mastodon
        class Example(Mastodon):
            name = "example"
        return Example({})
NETWORK = Network()
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has installed the example package."""
    folder = tmp_path_factory.mktemp("example")
    return install_example(folder / "site", folder / "work")


@pytest.fixture
def small(campaign: Campaign) -> Campaign:
    write(campaign)
    return campaign


def write(campaign: Campaign, changed: Mapping[str, str] | None = None) -> None:
    launch = datetime.now(UTC) - timedelta(minutes=1)
    plan = PLAN.format(launch=f"{launch:%Y-%m-%dT%H:%M}Z")
    for old, new in (changed or {}).items():
        assert old in plan
        plan = plan.replace(old, new)
    (campaign.folder / "schedules.yaml").write_text(plan)
    (campaign.folder / "messages" / "post" / "hello.md").write_text(POST)


@pytest.fixture
def with_example(small: Campaign, site: Path) -> Campaign:
    small.environment["PYTHONPATH"] = str(site)
    return small


def broken(campaign: Campaign, code: str, **how: str) -> Campaign:
    """With a package of that code installed in place of the example's."""
    where = campaign.folder / "site"
    where.mkdir(exist_ok=True)
    install_written(where, "campaign-broken", code, **how)
    campaign.environment["PYTHONPATH"] = str(where)
    return campaign


@pytest.fixture
def example_server(site: Path) -> Iterator[Sandbox]:
    """Example's own stand-in as a server of its own, which knows the tokens of two accounts."""
    sys.path.insert(0, str(site))
    networks.look_again()
    stand_in = networks.get("example").stand_in
    assert stand_in is not None
    accounts = {"example": {"freetowalk": "s3cret-of-national", "walkwest": "s3cret-of-west"}}
    with Sandbox(accounts=accounts, stand_ins={"example": stand_in}) as sandbox:
        yield sandbox
    sys.path.remove(str(site))
    networks.look_again()


def live(campaign: Campaign, server: Sandbox) -> None:
    campaign.environment |= {
        "CAMPAIGN_SECRET_KEY": "a secret of sixteen bytes and more",
        "CAMPAIGN_PUBLIC_URL": "https://campaign.example.com",
        "CAMPAIGN_EXAMPLE__BASE_URL": server.urls["example"],
        "CAMPAIGN_EXAMPLE__ACCOUNTS__NATIONAL__TOKEN": "s3cret-of-national",
        "CAMPAIGN_EXAMPLE__ACCOUNTS__WEST__TOKEN": "s3cret-of-west",
    }


def alone(campaign: Campaign) -> None:
    """The plan without the other network."""
    plan = campaign.folder / "schedules.yaml"
    plan.write_text("".join(line for line in plan.read_text().splitlines(keepends=True) if "mastodon" not in line))


def test_a_plan_names_it_and_it_is_checked_approved_and_run_against_its_server(
    with_example: Campaign, example_server: Sandbox
) -> None:
    alone(with_example)
    live(with_example, example_server)
    with_example("check")
    with_example("approve", "--yes", "--by", "Jo Example")
    example_server.world.faults.ask("example", Fault.DROP_REPLY, times=1)
    with_example("run", "--live", "--until-idle", "--yes-send-to", "0")

    taken = list(example_server.taken("example"))
    assert sorted((one["account"], one["text"][:4]) for one in taken) == [
        ("freetowalk", "Read"), ("freetowalk", "We w"), ("walkwest", "Read"), ("walkwest", "We w"),
    ]  # fmt: skip
    posts = with_example.json("posts", "--json")["posts"]
    assert {one["ref"] for one in posts if "ref" in one} <= {one["ref"] for one in taken}
    assert len(posts) == 4
    assert {one["channel"] for one in posts} == {"example"}
    read = with_example.json("log", "--recipient", "west", "--channel", "example", "--format", "json")
    assert [one["text"][:4] for one in read] == ["We w", "Read"]

    with_example("retract", "there", "--yes", "--by", "Jo Example")
    assert [one["deleted"] for one in example_server.taken("example")] == [True] * 4


def test_the_doctor_asks_it_who_its_accounts_are(with_example: Campaign, example_server: Sandbox) -> None:
    alone(with_example)
    live(with_example, example_server)
    assert "Ready for a live run" in with_example("doctor", "--no-links")
    with_example.environment["CAMPAIGN_EXAMPLE__ACCOUNTS__WEST__TOKEN"] = "s3cret-of-national"
    shown = with_example("doctor", "--no-links", expect=4)
    assert "@freetowalk, meant is @walkwest" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize("faults", ["none", "replies", "storm"])
def test_it_is_rehearsed_with_its_own_stand_in_and_nothing_is_lost(with_example: Campaign, faults: str) -> None:
    result = with_example.json("rehearse", "--sample", "3", "--faults", faults, "--json")
    assert result["proof"]["holds"]
    assert result["proof"]["posts"] >= 1
    journal = (with_example.folder / ".campaign" / "rehearsal" / "sandbox.jsonl").read_text()
    assert '"kind":"example.post"' in journal


@pytest.mark.parametrize("faults", ["none", "replies", "storm"])
def test_without_a_stand_in_it_is_rehearsed_with_the_one_for_any(small: Campaign, faults: str) -> None:
    broken(small, CODE)
    result = small.json("rehearse", "--sample", "3", "--faults", faults, "--json")
    assert result["proof"]["holds"]
    if faults == "none":
        assert result["proof"]["posts"] == 6
    journal = (small.folder / ".campaign" / "rehearsal" / "sandbox.jsonl").read_text()
    assert '"network":"example"' in journal


def test_a_text_or_a_picture_that_it_does_not_take_is_an_error(with_example: Campaign, small: Campaign) -> None:
    post = small.folder / "messages" / "post" / "hello.example.md"
    post.write_text("---\nwarning: Faces\n---\n" + "word " * 120)
    with_example("check", expect=3)
    assert "Example has no content warnings" in with_example.said
    assert "X has no content warnings" not in with_example.said
    post.write_text("word " * 120)
    with_example("check", expect=3)
    assert "Example counts 599 characters and takes 500: 99 too many" in with_example.said
    (small.folder / "messages" / "crowd.png").write_bytes(png())
    post.write_text("---\nmedia:\n  - {file: crowd.png, alt: A crowd}\n---\nLook.\n")
    broken(small, CODE)("check", expect=3)
    assert "Example shows text alone; write a variant for example that shows nothing" in small.said


def test_a_long_post_is_split_by_what_it_counts(with_example: Campaign) -> None:
    sentence = "Nobody may be followed by a camera. "
    post = with_example.folder / "messages" / "post" / "hello.example.md"
    post.write_text("---\nsplit: sentences\nnumbered: yes\n---\n" + sentence * 36)
    shown = with_example("preview", "there")
    assert "example, part 3 of 3" in shown
    assert "Does not fit" not in shown


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"channel: example": "channel: exampel"}, 'channel "exampel" is not known; did you mean "example"?'),
        ({"  example: {within": "  exmple: {within"}, 'the key "exmple" is not known here; did you mean "example"?'),
        ({"within: 1h": "withn: 1h"}, 'the key "withn" is not known here; did you mean "within"?'),
        ({"national: freetowalk": 'national: "free to walk"'}, "name"),
        ({"west: walkwest": "west: walk-west"}, 'west "walk-west": a name on Example is letters and digits'),
    ],
)
def test_a_slip_in_the_plan_is_told_as_for_ours(with_example: Campaign, changed: dict[str, str], said: str) -> None:
    write(with_example, changed)
    with_example("check", expect=3)
    assert said in " ".join(with_example.said.split())


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ACCOUNTS__WEST__TOKNE", "t", "did you mean CAMPAIGN_EXAMPLE__ACCOUNTS__WEST__TOKEN?"),
        ("ACOUNTS__WEST__TOKEN", "t", "did you mean CAMPAIGN_EXAMPLE__ACCOUNTS__WEST__TOKEN?"),
        ("ACCOUNTS__WEST__NOTE", "t", "CAMPAIGN_EXAMPLE__ACCOUNTS__WEST__TOKEN: is missing"),
        ("BASE_URL", "http://example.net", "must begin with https://"),
        ("ACCOUNTS__WESTT__TOKEN", "t", 'the example account "west" is not in the settings; did you mean "westt"?'),
    ],
)
def test_a_slip_in_its_settings_is_told_as_for_ours(
    with_example: Campaign, variable: str, value: str, said: str
) -> None:
    with_example.environment[f"CAMPAIGN_EXAMPLE__{variable}"] = value
    assert said in " ".join(with_example("doctor", "--no-links", expect=4).split())


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_of_this_name\n" + CODE, "it cannot be imported (ModuleNotFoundError: No module named"),
        ("raise SystemExit('no')\n", "it cannot be imported (SystemExit: no)"),
        (CODE.replace('"example", "Example"', '"exemplar", "Example"'), 'it calls itself "exemplar"'),
        (CODE.replace("    variables =", "    unknown ="), "its object has no variables"),
        (CODE.replace("NETWORK = Network()", "NETWORK = Network"), "it names a class, and an object is needed"),
        (CODE.replace("500, None, None", "0, None, None"), "its longest is no whole number from 1"),
        (
            CODE.replace("return len(text)", "return text[-9]/0"),
            "its length failed (TypeError at campaign_broken.py:5)",
        ),
        (CODE.replace("warning): return None", "warning): return 7"), "its fits returned a int"),
    ],
)
def test_a_broken_package_is_told_with_its_name_and_its_entry_point(small: Campaign, code: str, said: str) -> None:
    broken(small, code)("check", expect=3)
    told = " ".join(small.said.split())
    assert said in told
    assert 'campaign-broken 0.1, entry point "example = campaign_broken:NETWORK"' in told


def test_two_packages_of_one_name_are_told_with_both(with_example: Campaign, site: Path) -> None:
    broken(with_example, CODE)
    with_example.environment["PYTHONPATH"] += f":{site}"
    with_example("check", expect=3)
    told = " ".join(with_example.said.split())
    assert "campaign-broken 0.1" in told
    assert "campaign-example 1.0" in told
    assert 'both bring a network "example"; uninstall one of them' in told


def test_a_package_that_is_not_there_is_missed(small: Campaign) -> None:
    small("check", expect=3)
    assert 'channel "example" is not known' in " ".join(small.said.split())


def ours_alone(campaign: Campaign) -> None:
    """The plan with nothing of the other package's network."""
    plan = campaign.folder / "schedules.yaml"
    own = ("late:", "accounts:", "  example:", "  - {id: there")
    plan.write_text("".join(one for one in plan.read_text().splitlines(keepends=True) if not one.startswith(own)))


@pytest.mark.parametrize("code", ["raise RuntimeError('at import')\n", CODE])
def test_a_package_that_the_plan_does_not_use_disturbs_nobody(small: Campaign, code: str) -> None:
    ours_alone(small)
    broken(small, code)("check")
    assert small.json("rehearse", "--sample", "3", "--json")["proof"]["holds"]


@pytest.mark.parametrize("name", ["mastodon", "Ex-Ample"])
def test_a_name_of_ours_or_one_that_cannot_be_is_told_by_the_doctor(small: Campaign, name: str) -> None:
    ours_alone(small)
    broken(small, CODE, name=name)("check")
    shown = " ".join(small("doctor", "--no-links", expect=4).split())
    assert f'entry point "{name} = campaign_broken:NETWORK": the name "{name}" is' in shown
    assert small.json("rehearse", "--sample", "3", "--json")["proof"]["holds"]


def test_what_fails_when_it_is_opened_is_told_without_its_secrets(small: Campaign, example_server: Sandbox) -> None:
    alone(small)
    live(broken(small, CODE), example_server)
    small("approve", "--yes", "--by", "Jo Example")
    small("run", "--live", "--until-idle", "--yes-send-to", "0", expect=4)
    assert "its open failed (RuntimeError at campaign_broken.py:8)" in " ".join(small.said.split())
    assert "s3cret" not in small.said


def test_the_page_quotes_the_package_as_it_is(root: Path) -> None:
    page = (root / "docs" / "adding-a-channel.md").read_text()
    quoted = page.split("```")[1::2]
    assert quoted
    files = [path.read_text() for path in sorted(EXAMPLE.rglob("*")) if path.suffix in (".py", ".toml")]
    for block in quoted:
        language, _, code = block.partition("\n")
        if language in ("python", "toml"):
            for piece in code.split("\n\n# …\n\n"):
                assert any(piece.strip("\n") in file for file in files), piece
