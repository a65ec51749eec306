"""The settings: what may be written, what is said of mistakes, and what is never shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign import settings
from campaign.errors import BadInput, NotConfigured, Problem
from campaign.model.notice import NoticeKind

WEBHOOK_KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" + "A" * 88
SECRET = "correct-horse-battery"
X_ACCOUNT = {"API_KEY": "k", "API_SECRET": "s", "ACCESS_TOKEN": "t", "ACCESS_TOKEN_SECRET": "ts"}

Load = Callable[[str], settings.Settings]


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment without a variable of ours."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.upper().startswith("CAMPAIGN_"):
            monkeypatch.delenv(name)


@pytest.fixture
def load() -> Load:
    def write_and_load(text: str) -> settings.Settings:
        Path(".env").write_text(text, encoding="utf-8")
        return settings.load()

    return write_and_load


@pytest.fixture
def problems(load: Load) -> Callable[[str], tuple[Problem, ...]]:
    def wrong(text: str) -> tuple[Problem, ...]:
        with pytest.raises(BadInput) as raised:
            load(text)
        return raised.value.problems

    return wrong


Problems = Callable[[str], tuple[Problem, ...]]


def account(channel: str, name: str, **values: str) -> str:
    return "".join(f"CAMPAIGN_{channel}__ACCOUNTS__{name}__{key}={value}\n" for key, value in values.items())


# --- what may be written ---


def test_with_nothing_set_there_are_defaults() -> None:
    chosen = settings.load()
    assert chosen.database_url.get_secret_value() == "sqlite:///campaign.db"
    assert chosen.public_url == "https://campaign.example.org"
    assert chosen.secret_key is None
    assert chosen.sendgrid.base_url == "https://api.sendgrid.com"
    assert (chosen.smtp.host, chosen.smtp.port, chosen.smtp.security) == (None, 587, "starttls")
    assert [chosen.x.accounts, chosen.bluesky.accounts, chosen.mastodon.accounts] == [{}, {}, {}]


def test_every_variable_arrives_where_it_belongs(load: Load) -> None:
    chosen = load(
        "CAMPAIGN_DATABASE_URL=postgresql+psycopg://u:p@127.0.0.1/campaign\n"
        f"CAMPAIGN_SECRET_KEY={SECRET}\n"
        "CAMPAIGN_PUBLIC_URL=https://act.example.org/c/\n"
        "CAMPAIGN_SENDGRID__API_KEY=SG.a\n"
        "CAMPAIGN_SENDGRID__BASE_URL=http://127.0.0.1:9999\n"
        f"CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY={WEBHOOK_KEY}\n"
        "CAMPAIGN_SMTP__HOST=mail.example.org\n"
        "CAMPAIGN_SMTP__PORT=2525\n"
        "CAMPAIGN_SMTP__USERNAME=coalition\n"
        "CAMPAIGN_SMTP__PASSWORD='a # b'\n"
        "CAMPAIGN_SMTP__SECURITY=TLS\n"
        "CAMPAIGN_X__BASE_URL=http://localhost:1\n"
        "CAMPAIGN_BLUESKY__BASE_URL=https://pds.example.net\n"
        "CAMPAIGN_MASTODON__BASE_URL=https://social.example.net\n"
        + account("X", "MAIN", **X_ACCOUNT)
        + account("BLUESKY", "MAIN", HANDLE="@Coalition.example.org", APP_PASSWORD="abcd")
        + account("MASTODON", "MAIN", ACCESS_TOKEN="m")
    )
    assert chosen.database_url.get_secret_value() == "postgresql+psycopg://u:p@127.0.0.1/campaign"
    assert chosen.secret() == SECRET.encode()
    assert chosen.public_url == "https://act.example.org/c"
    assert chosen.sendgrid.api_key
    assert chosen.sendgrid.api_key.get_secret_value() == "SG.a"
    assert chosen.sendgrid.base_url == "http://127.0.0.1:9999"
    assert chosen.sendgrid.webhook_public_key == WEBHOOK_KEY
    assert (chosen.smtp.host, chosen.smtp.port, chosen.smtp.username) == ("mail.example.org", 2525, "coalition")
    assert chosen.smtp.password
    assert chosen.smtp.password.get_secret_value() == "a # b"
    assert chosen.smtp.security == "tls"
    assert chosen.x.base_url == "http://localhost:1"
    on_x = chosen.x.accounts["main"]
    shown = (on_x.api_key, on_x.api_secret, on_x.access_token, on_x.access_token_secret)
    assert [secret and secret.get_secret_value() for secret in shown] == ["k", "s", "t", "ts"]
    assert chosen.bluesky.accounts["main"].handle == "coalition.example.org"
    assert chosen.bluesky.accounts["main"].app_password.get_secret_value() == "abcd"
    assert chosen.mastodon.accounts["main"].access_token.get_secret_value() == "m"


def test_the_environment_wins_over_the_file(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", "https://environment.example.org")
    assert load("CAMPAIGN_PUBLIC_URL=https://file.example.org\n").public_url == "https://environment.example.org"


def test_an_empty_value_is_no_value(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_PUBLIC_URL", " ")
    chosen = load("CAMPAIGN_PUBLIC_URL=https://file.example.org\nCAMPAIGN_SECRET_KEY=\nCAMPAIGN_SMTP__PORT=''\n")
    assert chosen.public_url == "https://file.example.org"
    assert chosen.secret_key is None
    assert chosen.smtp.port == 587


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_an_smtp_port_that_is_not_given_follows_from_the_security(load: Load, security: str, port: int) -> None:
    assert load(f"CAMPAIGN_SMTP__SECURITY={security}\n").smtp.port == port


@pytest.mark.parametrize("value", ["0123", "true", "null", "[1]", '{"a": 1}', "a=b", "$HOME", "${HOME}", "ä€𝄞"])
def test_a_secret_arrives_as_it_was_written(load: Load, value: str) -> None:
    chosen = load("CAMPAIGN_MASTODON__BASE_URL=https://m.example.org\n" + account("MASTODON", "A", ACCESS_TOKEN=value))
    assert chosen.mastodon.accounts["a"].access_token.get_secret_value() == value


def test_an_accounts_name_is_one_however_it_is_spelled(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("campaign_bluesky__accounts__us-national__handle", "us.example.org")
    chosen = load(account("BLUESKY", "US_National", APP_PASSWORD="p"))
    assert list(chosen.bluesky.accounts) == ["us-national"]
    for written in ("us-national", "US_NATIONAL", "Us-National"):
        assert settings.find_account(chosen.bluesky.accounts, "bluesky", written).handle == "us.example.org"


def test_comments_exports_quotes_blank_lines_and_a_bom_are_fine(load: Load) -> None:
    text = "\ufeff# one\n\n\nexport CAMPAIGN_PUBLIC_URL = \"https://a.example.org\"   # two\r\nOTHER_PROGRAM='x'\n"
    assert load(text).public_url == "https://a.example.org"


def test_another_programs_variables_are_none_of_our_business(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNER_PUBLIC_URL", "x")
    monkeypatch.setenv("_CAMPAIGN_COMPLETE", "x")
    assert load("DATABASE_URL=x\nCAMPAIGNERS=y\n") == settings.load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().smtp.port = 1


# --- what is said of mistakes ---


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("CAMPAIGN_SECRET_KEY=short", "at least 16 characters"),
        ("CAMPAIGN_SECRET_KEY=aaaaaaaaaaaaaaaaaaaa", "too easy to guess"),
        ("CAMPAIGN_DATABASE_URL=mysql://u:p@h/d", "not a database that Campaign can use"),
        ("CAMPAIGN_DATABASE_URL=sqlite:///:memory:", "not a database that Campaign can use"),
        ("CAMPAIGN_DATABASE_URL=postgres://u:p@h/d", "must begin with postgresql://"),
        ("CAMPAIGN_PUBLIC_URL=http://act.example.org", "must begin with https://"),
        ("CAMPAIGN_PUBLIC_URL=act.example.org", "not a web address"),
        ("CAMPAIGN_PUBLIC_URL=https://a.example.org:99999", "not a web address"),
        ("CAMPAIGN_PUBLIC_URL='https://a b'", "not a web address"),
        ("CAMPAIGN_X__BASE_URL=https://u:p@x.example.org", "without a user"),
        ("CAMPAIGN_X__BASE_URL=https://x.example.org/?a", "without a user"),
        ("CAMPAIGN_SENDGRID__BASE_URL=ftp://x.example.org", "not a web address"),
        ("CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY=abc", "not a public key"),
        ("CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY=ä", "not a public key"),
        ("CAMPAIGN_SMTP__HOST=mail.example.org:25", "a host name alone"),
        ("CAMPAIGN_SMTP__PORT=smtp", "whole number from 1 to 65535"),
        ("CAMPAIGN_SMTP__PORT=0", "whole number from 1 to 65535"),
        ("CAMPAIGN_SMTP__PORT=70000", "whole number from 1 to 65535"),
        ("CAMPAIGN_SMTP__CONNECTIONS=0", "whole number from 1 to 20"),
        ("CAMPAIGN_SMTP__CONNECTIONS=many", "whole number from 1 to 20"),
        ("CAMPAIGN_SMTP__DKIM_SELECTOR=s1._domainkey", "no DKIM selector"),
        ("CAMPAIGN_SMTP__DKIM_DOMAIN=https://example.org", "a host name alone"),
        ("CAMPAIGN_SMTP__SECURITY=startls", "must be starttls, tls or none"),
        ("CAMPAIGN_SMTP__PASSWORD='a\x07b'", "control character"),
        ("CAMPAIGN_SMTP__PASSWORD='" + "x" * 5_000 + "'", "longer than 4,096"),
    ],
)
def test_a_bad_value_is_named_with_its_line_and_what_is_wrong(problems: Problems, line: str, what: str) -> None:
    [problem] = problems(f"# first\n\n{line}\n")
    assert (problem.file, problem.line, problem.where) == (".env", 3, line.partition("=")[0])
    assert what in problem.what


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CAMPAIGN_PUBLIK_URL", "CAMPAIGN_PUBLIC_URL"),
        ("CAMPAIGN_SENDGRID_API_KEY", "CAMPAIGN_SENDGRID__API_KEY"),
        ("CAMPAIGN_SMTP__USER_NAME", "CAMPAIGN_SMTP__USERNAME"),
        ("CAMPAIGN_X__ACCOUNTS__STATE__APIKEY", "CAMPAIGN_X__ACCOUNTS__STATE__API_KEY"),
        ("CAMPAIGN_X_ACCOUNTS_MAIN_ACCESS_TOKEN", "CAMPAIGN_X__ACCOUNTS__<NAME>__ACCESS_TOKEN"),
        ("CAMPAING_PUBLIC_URL", "CAMPAIGN_PUBLIC_URL"),
    ],
)
def test_a_slip_in_a_name_is_an_error_that_knows_what_was_meant(problems: Problems, name: str, meant: str) -> None:
    [problem] = problems(f"{name}=x\n")
    assert str(problem) == f".env:1 {name}: is not known; did you mean {meant}?"


def test_an_unknown_name_that_resembles_nothing_points_at_the_list(problems: Problems) -> None:
    [problem] = problems("CAMPAIGN_QQQQ=x\n")
    assert problem.remedy == ".env.example lists every variable"


def test_a_mistake_in_the_environment_says_so(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGN_PUBLIK_URL", "https://a.example.org")
    monkeypatch.setenv("CAMPAIGN_SMTP__PORT", "smtp")
    with pytest.raises(BadInput) as raised:
        load("CAMPAIGN_SMTP__PORT=25\n")
    assert str(raised.value).splitlines() == [
        "environment CAMPAIGN_PUBLIK_URL: is not known; did you mean CAMPAIGN_PUBLIC_URL?",
        "environment CAMPAIGN_SMTP__PORT: must be a whole number from 1 to 65535",
    ]


def test_an_account_that_lacks_a_variable_is_pointed_at_where_it_begins(problems: Problems) -> None:
    found = problems("\n\n" + account("X", "US_NATIONAL", API_KEY="k", API_SECRET="s", ACCESS_TOKEN="t"))
    [problem] = found
    assert (problem.line, problem.where) == (3, "CAMPAIGN_X__ACCOUNTS__US_NATIONAL__ACCESS_TOKEN_SECRET")
    assert problem.what == "is missing"


def test_mastodon_accounts_must_name_their_server(problems: Problems) -> None:
    [problem] = problems(account("MASTODON", "MAIN", ACCESS_TOKEN="t"))
    assert (problem.where, problem.what) == ("CAMPAIGN_MASTODON__BASE_URL", "is missing")


def test_a_mastodon_account_may_name_a_server_of_its_own(load: Load, problems: Problems) -> None:
    own = account("MASTODON", "MAIN", ACCESS_TOKEN="t", BASE_URL="https://m.example.org")
    assert load(own).mastodon.accounts["main"].base_url == "https://m.example.org"
    [problem] = problems(own + account("MASTODON", "WEST", ACCESS_TOKEN="t"))
    assert (problem.where, problem.what) == ("CAMPAIGN_MASTODON__BASE_URL", "is missing")
    [problem] = problems(account("MASTODON", "MAIN", ACCESS_TOKEN="t", BASE_URL="m.example.org"))
    assert problem.where == "CAMPAIGN_MASTODON__ACCOUNTS__MAIN__BASE_URL"


X_LOGIN = {"CLIENT_ID": "c", "ACCESS_TOKEN": "t", "REFRESH_TOKEN": "r"}


def test_an_x_account_signs_in_with_oauth_2_where_that_is_what_is_set(load: Load) -> None:
    accounts = load(account("X", "A", **X_LOGIN) + account("X", "B", **X_ACCOUNT)).x.accounts
    assert (accounts["a"].by_oauth_2, accounts["b"].by_oauth_2) == (True, False)


@pytest.mark.parametrize(
    ("written", "variable", "why"),
    [
        ({**X_LOGIN, "API_KEY": "k"}, "API_KEY", "keep the variables of one"),
        ({**X_ACCOUNT, "REFRESH_TOKEN": "r"}, "API_KEY", "keep the variables of one"),
        ({"CLIENT_ID": "c"}, "ACCESS_TOKEN", "to sign in with OAuth 2, an account needs this and REFRESH_TOKEN"),
        ({"CLIENT_SECRET": "c", "ACCESS_TOKEN": "t", "REFRESH_TOKEN": "r"}, "CLIENT_ID", "OAuth 2"),
        ({"ACCESS_TOKEN": "t"}, "API_KEY", "OAuth 1.0a, an account needs this and API_SECRET, ACCESS_TOKEN_SECRET"),
    ],
)
def test_an_x_account_signs_in_one_way_and_wholly(
    problems: Problems, written: dict[str, str], variable: str, why: str
) -> None:
    (found,) = problems(account("X", "A", **written))
    assert found.where == f"CAMPAIGN_X__ACCOUNTS__A__{variable}"
    assert why in str(found)


@pytest.mark.parametrize(("given", "missing"), [("USERNAME", "PASSWORD"), ("PASSWORD", "USERNAME")])
def test_an_smtp_user_and_password_go_together(problems: Problems, given: str, missing: str) -> None:
    [problem] = problems(f"CAMPAIGN_SMTP__{given}=x\n")
    assert (problem.line, problem.where, problem.what) == (1, f"CAMPAIGN_SMTP__{missing}", "is missing")


def test_what_signs_by_dkim_goes_together(problems: Problems, load: Load) -> None:
    three = [f"CAMPAIGN_SMTP__DKIM_{name}" for name in ("DOMAIN", "SELECTOR", "KEY_FILE")]
    for missing in three:
        [problem] = problems("".join(f"{name}=s1\n" for name in three if name != missing))
        assert (problem.where, problem.what) == (missing, "is missing")
        assert "go together" in problem.remedy
    smtp = load("".join(f"{name}=s1\n" for name in three)).smtp
    assert (smtp.dkim_domain, smtp.dkim_selector, smtp.dkim_key_file) == ("s1", "s1", Path("s1"))


@pytest.mark.parametrize("other", ["CAMPAIGN_PUBLIC_URL", "campaign_public_url"])
def test_a_variable_that_is_set_twice_is_an_error(problems: Problems, other: str) -> None:
    [problem] = problems(f"CAMPAIGN_PUBLIC_URL=https://a.example.org\n{other}=https://b.example.org\n")
    assert str(problem) == f".env:2 {other}: is set twice; it stands in line 1 already; keep one"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("CAMPAIGN_PUBLIC_URL", "has no ="),
        ("this is no assignment", "cannot be read"),
        ('CAMPAIGN_PUBLIC_URL="https://a.example.org', "cannot be read"),
        ("CAMPAIGN_PUBLIC_URL='https://a.example.org' more", "cannot be read"),
        ("=x", "cannot be read"),
    ],
)
def test_a_line_that_is_no_assignment_is_named(problems: Problems, line: str, what: str) -> None:
    [problem] = problems(f"A=1\n\n\n{line}\n")
    assert (problem.file, problem.line, problem.what) == (".env", 4, what)


def test_all_mistakes_are_said_at_once(problems: Problems) -> None:
    found = problems("CAMPAIGN_SECRET_KEY=x\njunk junk\nCAMPAIGN_SMTP__PORT=x\nCAMPAIGN_NO=1\nCAMPAIGN_X__BASE_URL=x\n")
    assert [problem.line for problem in found] == [1, 2, 3, 4, 5]


# --- files that cannot be read at all ---


def test_a_default_file_that_is_not_there_is_no_error_but_a_named_one_is() -> None:
    settings.load(Path(".env"))
    with pytest.raises(BadInput, match=r"^other\.env: does not exist"):
        settings.load(Path("other.env"))


def test_a_folder_in_its_place_is_an_error() -> None:
    Path(".env").mkdir()
    with pytest.raises(BadInput, match=r"^\.env: is a folder"):
        settings.load()


def test_a_file_below_a_file_is_an_error() -> None:
    Path("file").write_text("")
    with pytest.raises(BadInput, match="cannot be read: Not a directory"):
        settings.load(Path("file/.env"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("A=1\nB=ü\n".encode("latin-1"), ".env:2: is not written in UTF-8"),
        ("A=1\n".encode("utf-16"), ".env: is written in UTF-16"),
        (b"A=" + b"x" * 100_001, ".env: is larger than 100,000 bytes"),
    ],
    ids=["latin-1", "utf-16", "large"],
)
def test_a_file_that_is_no_utf8_text_is_an_error(data: bytes, said: str) -> None:
    Path(".env").write_bytes(data)
    with pytest.raises(BadInput) as raised:
        settings.load()
    assert str(raised.value).startswith(said)


@given(st.binary(max_size=300))
def test_no_file_whatever_is_in_it_gives_anything_but_settings_or_bad_input(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        path.write_bytes(data)
        with suppress(BadInput):
            settings.load(path)


# --- what is never shown ---


@given(st.lists(st.sampled_from(settings.VARIABLES), min_size=1, unique=True), st.sampled_from(["", "'", '"', "://"]))
def test_neither_an_error_nor_a_repr_repeats_a_value(variables: list[str], around: str) -> None:
    value = f"{around}zQ7zQ7-wOrD-8vX8vX"
    lines = [f"{name.replace('<NAME>', 'MAIN')}={value}" for name in (*variables, "CAMPAIGN_UNKNOWN", "broken line")]
    with TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        path.write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(BadInput) as raised:
            settings.load(path)
    assert "wOrD" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


def test_no_secret_is_in_a_repr(load: Load) -> None:
    chosen = load(
        "CAMPAIGN_DATABASE_URL=postgresql://u:hidden1@h/d\nCAMPAIGN_SECRET_KEY=hidden2-and-long-enough\n"
        "CAMPAIGN_SENDGRID__API_KEY=hidden3\nCAMPAIGN_SMTP__USERNAME=u\nCAMPAIGN_SMTP__PASSWORD=hidden4\n"
        "CAMPAIGN_MASTODON__BASE_URL=https://m.example.org\n"
        + account("X", "A", **{key: f"hidden-{key}" for key in X_ACCOUNT})
        + account("BLUESKY", "A", HANDLE="a.example.org", APP_PASSWORD="hidden5")
        + account("MASTODON", "A", ACCESS_TOKEN="hidden6")
    )
    assert "hidden" not in repr(chosen)
    assert "hidden" not in str(chosen.model_dump())


# --- what is missing when it is needed ---


def test_a_secret_key_that_is_needed_and_not_set_is_not_configured() -> None:
    with pytest.raises(NotConfigured, match="CAMPAIGN_SECRET_KEY is not set; make one with"):
        settings.load().secret()


def test_an_account_that_is_not_set_is_not_configured_and_says_what_to_set(load: Load) -> None:
    chosen = load(account("BLUESKY", "NATIONAL", HANDLE="a.example.org", APP_PASSWORD="p"))
    with pytest.raises(NotConfigured) as raised:
        settings.find_account(chosen.bluesky.accounts, "bluesky", "natoinal")
    assert str(raised.value) == (
        'the bluesky account "natoinal" is not in the settings; did you mean "national"? Else set '
        "CAMPAIGN_BLUESKY__ACCOUNTS__NATOINAL__HANDLE, CAMPAIGN_BLUESKY__ACCOUNTS__NATOINAL__APP_PASSWORD"
    )


# --- .env.example ---


def test_the_example_lists_every_variable_and_no_other(root: Path) -> None:
    text = (root / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#?\s*(CAMPAIGN_\w+)=", text, flags=re.MULTILINE)
    assert [name.replace("__MAIN__", "__<NAME>__") for name in listed] == list(settings.VARIABLES)


def test_every_variable_in_the_example_has_a_comment_above_it(root: Path) -> None:
    lines = (root / ".env.example").read_text(encoding="utf-8").splitlines()
    blocks = "\n".join(lines).split("\n\n")
    assert all("#" in block for block in blocks if "CAMPAIGN_" in block)


def test_the_example_loads_unchanged_and_sets_the_defaults(root: Path) -> None:
    assert settings.load(root / ".env.example") == settings.load()


# --- money, and the instants of readings ---


def test_amounts_are_read_as_millionths_of_a_dollar(load: Load) -> None:
    found = load("CAMPAIGN_X__BUDGET_USD=12.5\nCAMPAIGN_X__PRICES__POST_USD=$0.000001\n")
    assert (found.x.budget_usd, found.x.prices.post_usd) == (12_500_000, 1)
    assert (found.x.prices.post_with_url_usd, found.x.prices.own_read_usd) == (200_000, 1_000)
    assert load("").x.budget_usd is None


@pytest.mark.parametrize("amount", ["12,50", "-1", "1e3", "0.0000001", "free", "12345678", "NaN"])
def test_what_is_no_amount_is_refused(problems: Problems, amount: str) -> None:
    (problem,) = problems(f"CAMPAIGN_X__BUDGET_USD='{amount}'\n")
    assert (problem.line, problem.where, problem.what) == (1, "CAMPAIGN_X__BUDGET_USD", "is no amount in US dollars")


def test_figures_are_read_at_the_instants_that_are_named_or_never(load: Load) -> None:
    assert load("CAMPAIGN_READ_METRICS_AFTER=30m, 1d12h\n").read_metrics_after == (
        timedelta(minutes=30),
        timedelta(hours=36),
    )
    assert load("CAMPAIGN_READ_METRICS_AFTER=off\n").read_metrics_after == ()
    assert len(load("").read_metrics_after) == 8


@pytest.mark.parametrize("written", ["1h 30m", "1h 1h", "4m", "91d", "soon", "1h off", " ".join(["1h"] * 21)])
def test_instants_that_do_not_rise_or_are_none_are_refused(problems: Problems, written: str) -> None:
    (problem,) = problems(f"CAMPAIGN_READ_METRICS_AFTER='{written}'\n")
    assert (problem.line, problem.where) == (1, "CAMPAIGN_READ_METRICS_AFTER")
    assert problem.remedy


class TestNotifications:
    def test_nobody_is_told_unless_somebody_says_whom(self, load: Load) -> None:
        assert load("").notify.addresses() == ()
        assert load("").notify.on == frozenset(NoticeKind)

    def test_several_addresses_stand_with_spaces_between(self, load: Load) -> None:
        found = load("CAMPAIGN_NOTIFY__URLS='mailtos://u:p@example.org  mmosts://chat.example.org/tok'\n")
        assert found.notify.addresses() == ("mailtos://u:p@example.org", "mmosts://chat.example.org/tok")

    def test_an_address_is_never_shown(self, load: Load, problems: Problems) -> None:
        assert "tok" not in repr(load("CAMPAIGN_NOTIFY__URLS=mmosts://chat.example.org/tok\n"))
        (problem,) = problems("CAMPAIGN_NOTIFY__URLS=mmosts://chat.example.org/tok sesame\n")
        assert "holds as its address 2 what is none" in str(problem)
        assert "sesame" not in str(problem)
        assert "tok" not in str(problem)

    def test_kinds_are_chosen_by_their_names(self, load: Load) -> None:
        found = load("CAMPAIGN_NOTIFY__ON=hold, Breaker doubt\n").notify.on
        assert found == {NoticeKind.HOLD, NoticeKind.BREAKER, NoticeKind.DOUBT}
        assert load("CAMPAIGN_NOTIFY__ON=all\n").notify.on == frozenset(NoticeKind)

    @pytest.mark.parametrize(
        ("word", "says"), [("brekaer", "did you mean breaker?"), ("xyzzy", "the kinds are launch, completion, hold")]
    )
    def test_a_kind_that_is_none_is_told_with_what_was_meant(self, problems: Problems, word: str, says: str) -> None:
        (problem,) = problems(f"CAMPAIGN_NOTIFY__ON=hold {word}\n")
        assert f'holds "{word}", which is no kind of notice; {says}' in str(problem)
