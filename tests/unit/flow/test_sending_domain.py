"""What is said of the DNS of the sender's domain, asked of a real DNS server on loopback."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from campaign.flow import spf
from campaign.flow.sending_domain import Looked, Sending, Signing, is_reserved, look
from campaign.lookups.dns import Resolver
from tests.dns_server import Zone, serving, silent

KEY = f"v=DKIM1; k=rsa; p={b64encode(b'x' * 294).decode()}"
SENDGRID = Sending("news@example.org", "sendgrid")
SIGNING = Signing("example.org", "mail._domainkey.example.org", KEY)
SMTP = Sending("news@example.org", "smtp", host="mail.example.org", signing=SIGNING)


def text(written: str) -> list[str]:
    """A TXT record, in strings of at most 255 characters as DNS wants them."""
    return [" ".join(f'"{written[at : at + 250]}"' for at in range(0, len(written), 250))]


RIGHT: Zone = {
    ("example.org", "TXT"): text("v=spf1 include:sendgrid.net ~all"),
    ("sendgrid.net", "TXT"): text("v=spf1 ip4:198.51.100.0/24 -all"),
    ("s1._domainkey.example.org", "CNAME"): ["s1.domainkey.u1.wl1.sendgrid.net"],
    ("s2._domainkey.example.org", "CNAME"): ["s2.domainkey.u1.wl1.sendgrid.net"],
    ("s1.domainkey.u1.wl1.sendgrid.net", "TXT"): text(KEY),
    ("s2.domainkey.u1.wl1.sendgrid.net", "TXT"): text(KEY),
    ("_dmarc.example.org", "TXT"): text("v=DMARC1; p=quarantine; rua=mailto:dmarc@example.org"),
    ("example.org", "MX"): ["10 mail.example.org."],
    ("mail.example.org", "A"): ["192.0.2.10"],
    ("mail._domainkey.example.org", "TXT"): text(KEY),
}
OWN = {**RIGHT, ("example.org", "TXT"): text("v=spf1 ip4:192.0.2.0/28 -all")}


def looked(zone: Zone, sending: Sending = SENDGRID) -> dict[str, Looked]:
    with serving(zone) as server:
        return {one.what: one for one in look(Resolver(server=server.address), sending)}


def without(zone: Zone, *names: str) -> Zone:
    return {key: records for key, records in zone.items() if key[0] not in names}


def only(found: dict[str, Looked], begins: str) -> Looked:
    [one] = [each for what, each in found.items() if what.startswith(begins)]
    return one


@pytest.mark.parametrize(("zone", "sending"), [(RIGHT, SENDGRID), (OWN, SMTP)])
def test_a_domain_that_is_set_up_is_all_right(zone: Zone, sending: Sending) -> None:
    found = looked(zone, sending)
    assert {one.verdict for one in found.values()} == {"ok"}, found
    for begins in ("SPF of", "DKIM at", "DMARC of", "DMARC alignment", "replies to"):
        assert any(what.startswith(begins) for what in found)


@pytest.mark.parametrize(
    ("record", "verdict", "says"),
    [
        (None, "error", 'TXT "v=spf1 include:sendgrid.net ~all"'),
        ("v=spf1 -all", "warning", "Add include:sendgrid.net before the -all"),
        ("v=spf1 include:sendgrid.net +all", "error", "anybody may send"),
        ("v=spf1 include:nowhere.example.org -all", "error", "nowhere.example.org has no SPF record"),
        ("v=spf1 inlcude:sendgrid.net -all", "error", "no term of SPF"),
        ("v=spf1 " + "a:mail.example.org " * 11 + "-all", "error", "11 times"),
        ("v=spf1 include:example.org -all", "error", "receivers stop after 10"),
    ],
)
def test_spf_that_will_not_do_is_told_with_what_to_put_there(record: str | None, verdict: str, says: str) -> None:
    zone = {**RIGHT, ("example.org", "TXT"): text(record)} if record else without(RIGHT, "example.org")
    found = only(looked(zone), "SPF of example.org")
    assert found.verdict == verdict
    assert says in found.detail


def test_two_spf_records_are_none() -> None:
    zone = {**RIGHT, ("example.org", "TXT"): ['"v=spf1 -all"', '"v=spf1 include:sendgrid.net -all"']}
    assert "2 records" in only(looked(zone), "SPF of").detail


def test_spf_without_sendgrid_is_an_error_where_the_domain_is_not_authenticated_either() -> None:
    zone = without(RIGHT, "s1._domainkey.example.org", "s2._domainkey.example.org")
    zone = {**zone, ("example.org", "TXT"): text("v=spf1 -all")}
    found = looked(zone)
    assert only(found, "SPF of").verdict == "error"
    assert only(found, "DKIM at s1").verdict == "error"
    assert "uNNN.wlNNN.sendgrid.net" in only(found, "DKIM at s1").detail
    assert only(found, "DMARC alignment").verdict == "error"


def test_a_mail_server_that_spf_does_not_allow_is_named() -> None:
    found = only(looked(RIGHT, SMTP), "SPF of")
    assert found.verdict == "warning"
    assert "it does not allow 192.0.2.10 (mail.example.org)" in found.detail


def test_an_alias_that_leads_to_no_key_is_not_finished() -> None:
    found = only(looked(without(RIGHT, "s2.domainkey.u1.wl1.sendgrid.net")), "DKIM at s2")
    assert found.verdict == "error"
    assert "press Verify" in found.detail


def test_a_domain_above_may_be_the_one_that_signs() -> None:
    sending = Sending("news@mail.example.org", "sendgrid")
    found = looked({**RIGHT, ("mail.example.org", "TXT"): text("v=spf1 include:sendgrid.net -all")}, sending)
    assert only(found, "DMARC alignment").detail == "DKIM signs for example.org"
    strict = {**RIGHT, ("_dmarc.example.org", "TXT"): text("v=DMARC1; p=none; adkim=s; rua=mailto:a@example.org")}
    assert only(looked(strict, sending), "DMARC alignment").verdict == "error"


@pytest.mark.parametrize(
    ("key", "verdict", "says"),
    [
        (KEY, "ok", "2,048"),
        (f"v=DKIM1; p={b64encode(b'x' * 162).decode()}", "warning", "fewer than 2,048"),
        (f"v=DKIM1; p={b64encode(b'x' * 94).decode()}", "error", "fewer than 1,024"),
        (f"v=DKIM1; k=ed25519; p={b64encode(b'x' * 32).decode()}", "ok", "ed25519"),
    ],
)
def test_the_strength_of_a_key_is_told(key: str, verdict: str, says: str) -> None:
    zone = {**OWN, ("mail._domainkey.example.org", "TXT"): text(key)}
    sending = replace(SMTP, signing=replace(SIGNING, record=key))
    found = only(looked(zone, sending), "DKIM at")
    assert (found.verdict, says in found.detail) == (verdict, True)


def test_another_key_than_ours_and_none_are_told_apart() -> None:
    other = {**OWN, ("mail._domainkey.example.org", "TXT"): text(f"v=DKIM1; p={b64encode(b'y' * 294).decode()}")}
    assert "another key" in only(looked(other, SMTP), "DKIM at").detail
    none = only(looked(without(OWN, "mail._domainkey.example.org"), SMTP), "DKIM at")
    assert f'mail._domainkey.example.org TXT "{KEY}"' in none.detail
    unsigned = Sending(SMTP.address, "smtp", host=SMTP.host)
    assert only(looked(OWN, unsigned), "DKIM of").verdict == "warning"


@pytest.mark.parametrize(
    ("record", "verdict", "says"),
    [
        (None, "error", '_dmarc.example.org TXT "v=DMARC1; p=none; rua='),
        ("v=DMARC1; rua=mailto:a@example.org", "error", "names no policy"),
        ("v=DMARC1; p=reject", "warning", "no reports"),
        ("v=DMARC1; p=none; rua=mailto:a@example.org", "ok", "p=quarantine protects"),
    ],
)
def test_dmarc_that_will_not_do_is_told(record: str | None, verdict: str, says: str) -> None:
    zone = without(RIGHT, "_dmarc.example.org")
    found = only(looked({**zone, ("_dmarc.example.org", "TXT"): text(record)} if record else zone), "DMARC of")
    assert (found.verdict, says in found.detail) == (verdict, True), found


@pytest.mark.parametrize(
    ("mx", "verdict", "says"),
    [(["0 ."], "error", "null MX"), ([], "warning", "no MX record"), (["10 mail.example.org."], "ok", "mail.example")],
)
def test_whether_replies_arrive_is_told(mx: list[str], verdict: str, says: str) -> None:
    zone = {**RIGHT, ("hello.example.org", "MX"): mx, ("hello.example.org", "A"): ["192.0.2.1"]}
    found = only(looked(zone, Sending(SENDGRID.address, "sendgrid", reply_to="jo@hello.example.org")), "replies to jo@")
    assert (found.verdict, says in found.detail) == (verdict, True)


def test_a_domain_that_there_is_not_takes_no_replies() -> None:
    assert only(looked({}), "replies to").verdict == "error"


def test_without_a_network_it_says_that_nothing_could_be_asked() -> None:
    with silent() as nobody:
        resolver = Resolver(server=f"127.0.0.1:{nobody.getsockname()[1]}", timeout_s=0.2)
        [found] = look(resolver, SENDGRID)
    assert (found.what, found.verdict) == ("DNS", "warning")
    assert "cannot be asked" in found.detail


@pytest.mark.parametrize(
    ("record", "address", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.77", "pass"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "198.51.100.1", "fail"),
        ("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8:1::1", "pass"),
        ("v=spf1 a:mail.example.org/24 ~all", "192.0.2.99", "pass"),
        ("v=spf1 a:mail.example.org ~all", "192.0.2.99", "softfail"),
        ("v=spf1 mx ?all", "192.0.2.10", "pass"),
        ("v=spf1 -ip4:192.0.2.10 ip4:192.0.2.0/24 -all", "192.0.2.10", "fail"),
        ("v=spf1 include:sendgrid.net -all", "198.51.100.9", "pass"),
        ("v=spf1 include:sendgrid.net ?all", "192.0.2.1", "neutral"),
        ("v=spf1 redirect=sendgrid.net", "192.0.2.1", "fail"),
        ("v=spf1", "192.0.2.1", "neutral"),
        ("v=spf1 exists:%{i}.example.org -all", "192.0.2.1", "unknown"),
    ],
)
def test_who_may_send_is_told_as_receivers_tell_it(record: str, address: str, result: str) -> None:
    with serving({**RIGHT, ("example.org", "TXT"): text(record)}) as server:
        assert spf.allows(Resolver(server=server.address), "example.org", address) == result


def test_a_domain_beyond_ascii_is_asked_for_as_dns_knows_it() -> None:
    with serving(RIGHT) as server:
        list(look(Resolver(server=server.address), Sending("jo@bücher.example.org", "sendgrid")))
        assert ("xn--bcher-kva.example.org", "TXT") in server.asked


@pytest.mark.parametrize("address", ["a@example.org", "a@mail.example.com", "a@x.test", "a@example"])
def test_examples_domains_are_known(address: str) -> None:
    assert is_reserved(address)
    assert not is_reserved("a@counterexample.org")
