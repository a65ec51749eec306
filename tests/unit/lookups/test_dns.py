"""The DNS as the program asks it, against a real server on loopback."""

from __future__ import annotations

import pytest

from campaign.errors import NotConfigured
from campaign.lookups.dns import Resolver
from campaign.ports.dns import Unanswered
from tests.dns_server import serving, silent

ZONE = {
    ("example.org", "TXT"): ['"v=spf1 " "-all"', '"other"'],
    ("example.org", "MX"): ["20 b.example.org.", "10 A.example.org."],
    ("null.example.org", "MX"): ["0 ."],
    ("a.example.org", "A"): ["192.0.2.1", "192.0.2.2"],
    ("a.example.org", "AAAA"): ["2001:db8::1"],
    ("alias.example.org", "CNAME"): ["a.example.org"],
    ("key.example.org", "CNAME"): ["there.example.net"],
    ("there.example.net", "TXT"): ['"v=DKIM1"'],
}


def test_it_gives_what_a_name_has() -> None:
    with serving(ZONE) as server:
        resolver = Resolver(server=server.address)
        assert sorted(resolver.txt("example.org")) == ["other", "v=spf1 -all"]
        assert resolver.mx("example.org") == [(10, "a.example.org"), (20, "b.example.org")]
        assert resolver.mx("null.example.org") == [(0, "")]
        assert sorted(resolver.addresses("a.example.org")) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        assert resolver.cname("key.example.org") == "there.example.net"
        assert resolver.txt("key.example.org") == ["v=DKIM1"], "an alias is followed"


def test_a_name_that_there_is_not_has_nothing() -> None:
    with serving(ZONE) as server:
        resolver = Resolver(server=server.address)
        assert list(resolver.txt("nothing.example.org")) == []
        assert resolver.cname("example.org") == ""
        assert list(resolver.mx("a..example.org")) == []
        assert list(resolver.txt("x" * 64 + ".example.org")) == []


def test_each_question_is_asked_once() -> None:
    with serving(ZONE) as server:
        resolver = Resolver(server=server.address)
        resolver.txt("example.org")
        resolver.txt("example.org")
        assert server.asked == [("example.org", "TXT")]


def test_what_is_not_known_is_said() -> None:
    with serving(ZONE, broken=frozenset({"example.org"})) as server, pytest.raises(Unanswered, match=r"example\.org"):
        Resolver(server=server.address).txt("example.org")


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with silent() as nobody:
        resolver = Resolver(server=f"127.0.0.1:{nobody.getsockname()[1]}", timeout_s=0.2)
        with pytest.raises(Unanswered, match="in time"):
            resolver.mx("example.org")


@pytest.mark.parametrize("server", ["ns.example.org", "192.0.2.1:dns", "192.0.2.1:53:53", "[", ":53"])
def test_what_is_no_server_is_refused(server: str) -> None:
    with pytest.raises(NotConfigured, match="is no DNS server"):
        Resolver(server=server)


@pytest.mark.parametrize("server", ["192.0.2.1", "192.0.2.1:53", "2001:db8::1", "[2001:db8::1]:53", "[2001:db8::1]"])
def test_a_server_may_be_written_with_or_without_its_port(server: str) -> None:
    Resolver(server=server)
