"""sending_domain: whether the DNS of the sender's domain says what Gmail and Yahoo want of bulk mail.

Their rules since 2024: SPF, DKIM, and DMARC that is aligned with the address in From
(https://support.google.com/a/answer/81126, https://senders.yahooinc.com/best-practices/). Who does not meet them is
refused or ends in spam. Nothing is sent to find out.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from campaign.flow import spf
from campaign.ports.dns import Dns, Unanswered

Verdict = Literal["ok", "warning", "error"]

_RESERVED = re.compile(r"(^|\.)(example\.(org|net|com)|example|test|invalid|localhost)$")
_SENDGRID = "sendgrid.net"
_SELECTORS = (("s1", "s2"), ("m1",))
"""SendGrid's own: two that it keeps up itself, or one that is set by hand."""
_FEWEST_DER, _ADVISED_DER = 140, 270
"""Bytes of an RSA key of 1,024 and of 2,048 bits as it stands in DNS are 162 and 294."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at, whether it will do, and what is known of it or is to be put into DNS."""

    what: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class Signing:
    """How we sign by DKIM ourselves: where the public key has to stand, and the record that belongs there."""

    domain: str
    record_name: str
    record: str


@dataclass(frozen=True, slots=True)
class Sending:
    """``address`` is in From. ``host`` is our SMTP server, "" for SendGrid; ``signing`` None where we do not sign."""

    address: str
    via: Literal["sendgrid", "smtp"]
    reply_to: str = ""
    host: str = ""
    signing: Signing | None = None

    @property
    def domain(self) -> str:
        return _domain_of(self.address)


def is_reserved(address: str) -> bool:
    """Whether the address is at a domain for examples, which nobody can send from (RFC 2606)."""
    return bool(_RESERVED.search(_domain_of(address)))


def _domain_of(address: str) -> str:
    """The domain as the DNS knows it (RFC 5890)."""
    domain = address.rpartition("@")[2].lower().rstrip(".")
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        return domain


def look(dns: Dns, sending: Sending) -> Iterator[Looked]:
    """Everything about the domain; ends with a warning where the DNS cannot be asked."""
    try:
        signed = list(_dkim(dns, sending))
        yield from _spf(dns, sending, has_dkim=any(one.verdict != "error" for one in signed))
        yield from signed
        yield from _dmarc(dns, sending, signed_for=_signed_for(dns, sending))
        yield from _replies(dns, sending)
    except Unanswered as why:
        yield Looked("DNS", "warning", f"cannot be asked: {why}. Look again with a network before the day.")


def _spf(dns: Dns, sending: Sending, *, has_dkim: bool) -> Iterator[Looked]:
    domain, what = sending.domain, f"SPF of {sending.domain}"
    written = spf.records(dns, domain)
    wanted = "include:sendgrid.net" if sending.via == "sendgrid" else f"a:{sending.host or 'your.mail.server'}"
    if not written:
        yield Looked(
            what,
            "error",
            "there is none: Gmail and Yahoo refuse bulk mail without. "
            f'Put into DNS: {domain} TXT "v=spf1 {wanted} ~all"',
        )
        return
    if len(written) > 1:
        yield Looked(
            what, "error", f"there are {len(written)} records, and receivers then take none: put them into one"
        )
        return
    found = spf.read(dns, domain)
    if found.wrong:
        yield Looked(what, "error", f"{'; '.join(found.wrong)}: receivers hold the whole record for broken")
        return
    if found.lookups > spf.MOST_LOOKUPS:
        yield Looked(
            what,
            "error",
            f"it asks the DNS {found.lookups} times, and receivers stop after {spf.MOST_LOOKUPS} (RFC 7208): take out "
            "what you send nothing by any more",
        )
        return
    if found.ends in ("+all", "all"):
        yield Looked(what, "error", f'it ends in "{found.ends}": anybody may send in your name. Write ~all or -all')
        return
    detail = f"{written[0]} ({found.lookups} of {spf.MOST_LOOKUPS} lookups)"
    lacking = _lacking(dns, sending, found)
    if not lacking:
        yield Looked(what, "ok", detail)
    else:
        # With SendGrid's domain authentication bounces go to a name of its own, which has its own SPF.
        verdict: Verdict = "warning" if has_dkim else "error"
        yield Looked(what, verdict, f"{lacking} Add {wanted} before the {found.ends or 'end'} of: {written[0]}")


def _lacking(dns: Dns, sending: Sending, found: spf.Spf) -> str:
    """Why the record does not allow whom the plan sends by; "" where it does."""
    if sending.via == "sendgrid":
        if any(name == _SENDGRID or name.endswith(f".{_SENDGRID}") for name in found.includes):
            return ""
        return "it does not allow SendGrid, which then passes only by the domain authentication's own name."
    addresses = dns.addresses(sending.host) if sending.host else []
    if not addresses:
        return f"the mail server {sending.host or '(none is set)'} has no address in DNS."
    results = {address: spf.allows(dns, sending.domain, address) for address in addresses}
    barred = [address for address, result in results.items() if result not in ("pass", "unknown")]
    if not barred:
        return ""
    return f"it does not allow {', '.join(barred)} ({sending.host}); if that server sends by another, allow that one."


def _dkim(dns: Dns, sending: Sending) -> Iterator[Looked]:
    if sending.via == "sendgrid":
        yield from _dkim_at_sendgrid(dns, sending)
        return
    if sending.signing is None:
        yield Looked(
            f"DKIM of {sending.domain}",
            "warning",
            "we do not sign; Gmail and Yahoo refuse bulk mail without DKIM. See that your server signs for "
            f"{sending.domain}, or set CAMPAIGN_SMTP__DKIM_KEY_FILE",
        )
        return
    what, signing = f"DKIM at {sending.signing.record_name}", sending.signing
    there = [text for text in dns.txt(signing.record_name) if "p=" in text]
    wanted = f'{signing.record_name} TXT "{signing.record}"'
    if not there:
        yield Looked(what, "error", f"no key is there, so no signature can be checked. Put into DNS: {wanted}")
    elif not any(_tags(text).get("p") == _tags(signing.record)["p"] for text in there):
        yield Looked(what, "error", f"another key is there than the one we sign with. Put into DNS: {wanted}")
    else:
        yield Looked(what, *_strength(there[0]))


def _dkim_at_sendgrid(dns: Dns, sending: Sending) -> Iterator[Looked]:
    domain = _signed_for(dns, sending) or sending.domain
    selectors = next((some for some in _SELECTORS if any(_keys(dns, one, domain) for one in some)), _SELECTORS[0])
    for selector in selectors:
        name = f"{selector}._domainkey.{domain}"
        target, keys = dns.cname(name), _keys(dns, selector, domain)
        if keys:
            verdict, detail = _strength(keys[0])
            yield Looked(f"DKIM at {name}", verdict, f"leads to {target}; {detail}" if target else detail)
        elif target:
            yield Looked(
                f"DKIM at {name}",
                "error",
                f"leads to {target}, where no key is: press Verify in SendGrid under Settings, Sender Authentication",
            )
        else:
            yield Looked(
                f"DKIM at {name}",
                "error",
                "there is none: SendGrid would sign in its own name, and Gmail and Yahoo refuse that in bulk. In "
                f"SendGrid authenticate {sending.domain} under Settings, Sender Authentication, and put the CNAME "
                f"records that it shows into DNS: {name} CNAME {selector}.domainkey.uNNN.wlNNN.sendgrid.net",
            )


def _keys(dns: Dns, selector: str, domain: str) -> list[str]:
    return [text for text in dns.txt(f"{selector}._domainkey.{domain}") if _tags(text).get("p")]


def _signed_for(dns: Dns, sending: Sending) -> str:
    """The domain in whose name mails are signed: the sender's or one above it; "" where none is set up."""
    if sending.via == "smtp":
        return sending.signing.domain if sending.signing else ""
    for domain in _upwards(sending.domain):
        for selector in (one for some in _SELECTORS for one in some):
            if dns.cname(f"{selector}._domainkey.{domain}").endswith(_SENDGRID) or _keys(dns, selector, domain):
                return domain
    return ""


def _strength(record: str) -> tuple[Verdict, str]:
    tags = _tags(record)
    if not tags.get("p"):
        return "error", "the key was taken back (p= is empty): no signature is valid any more"
    try:
        size = len(b64decode(tags["p"], validate=True))
    except ValueError:
        return "error", "the key cannot be read: copy the record anew"
    if tags.get("k", "rsa") != "rsa":
        return "ok", f"a key for {tags['k']} is there"
    if size < _FEWEST_DER:
        return "error", "the key has fewer than 1,024 bits, and receivers take none so short (RFC 8301)"
    if size < _ADVISED_DER:
        return "warning", "the key has fewer than 2,048 bits, which is what is advised (RFC 8301)"
    return "ok", "a key is there, of 2,048 bits or more"


def _dmarc(dns: Dns, sending: Sending, *, signed_for: str) -> Iterator[Looked]:
    domain, what = sending.domain, f"DMARC of {sending.domain}"
    wanted = f'_dmarc.{domain} TXT "v=DMARC1; p=none; rua=mailto:dmarc@{domain}"'
    for at in _upwards(domain):
        written = [text for text in dns.txt(f"_dmarc.{at}") if re.match(r"v\s*=\s*DMARC1\b", text, re.IGNORECASE)]
        if written:
            break
    else:
        yield Looked(what, "error", f"there is none: Gmail and Yahoo refuse bulk mail without. Put into DNS: {wanted}")
        return
    tags = _tags(written[0])
    policy = tags.get("sp" if at != domain and "sp" in tags else "p", "").lower()
    if len(written) > 1:
        yield Looked(what, "error", f"there are {len(written)} records at _dmarc.{at}, and receivers then take none")
        return
    if policy not in ("none", "quarantine", "reject"):
        yield Looked(what, "error", f'it names no policy, so it is not valid: {written[0]}. Begin it with "p=none"')
        return
    if "rua" not in tags:
        lacks = f"it asks for no reports: add rua=mailto:dmarc@{at}, or nobody sees who fails. It says: {written[0]}"
        yield Looked(what, "warning", lacks)
    else:
        more = "; later, when the reports are clean, p=quarantine protects your name" if policy == "none" else ""
        yield Looked(what, "ok", f"{written[0]}{more}")
    yield _aligned(sending, tags, signed_for, policy)


def _aligned(sending: Sending, tags: dict[str, str], signed_for: str, policy: str) -> Looked:
    """DMARC passes where DKIM or SPF is in the name of From's domain (RFC 7489, section 3.1)."""
    what, domain = f"DMARC alignment of {sending.address}", sending.domain
    if signed_for and (
        domain == signed_for or (tags.get("adkim", "r").lower() != "s" and _related(domain, signed_for))
    ):
        return Looked(what, "ok", f"DKIM signs for {signed_for}")
    if signed_for:
        strict = " with adkim=s" if tags.get("adkim", "r").lower() == "s" else ""
        return Looked(what, "error", f"DKIM signs for {signed_for}, which is not {domain}{strict}: sign for {domain}")
    if sending.via == "smtp":
        return Looked(what, "warning", "by SPF alone, which breaks where mail is forwarded: sign by DKIM too")
    consequence = "is refused" if policy == "reject" else "goes to spam" if policy == "quarantine" else "fails DMARC"
    return Looked(what, "error", f"nothing is in the name of {domain}: what SendGrid sends {consequence}")


def _replies(dns: Dns, sending: Sending) -> Iterator[Looked]:
    """Whether answers arrive: From must exist for many receivers, and readers do answer."""
    for address in dict.fromkeys((sending.reply_to or sending.address, sending.address)):
        domain = _domain_of(address)
        what, hosts = f"replies to {address}", dns.mx(domain)
        if any(not host for _, host in hosts):
            yield Looked(what, "error", f"{domain} says that it takes no mail (null MX): set reply_to to one that does")
        elif hosts:
            yield Looked(what, "ok", ", ".join(host for _, host in hosts[:3]))
        elif dns.addresses(domain):
            yield Looked(what, "warning", f"{domain} has no MX record; mail goes to its web address, if that takes any")
        else:
            yield Looked(what, "error", f"{domain} has neither MX nor address: nobody can answer, and many refuse it")


def _upwards(domain: str) -> list[str]:
    """The domain and those above it that may be somebody's own: not the last label alone."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(max(len(labels) - 1, 1))]


def _related(one: str, other: str) -> bool:
    """Whether one is above the other. The list of public suffixes would say it of siblings too."""
    return one.endswith(f".{other}") or other.endswith(f".{one}")


def _tags(record: str) -> dict[str, str]:
    """The tags of a DKIM or DMARC record: both are written alike (RFC 6376, section 3.2)."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): re.sub(r"\s+", "", value) for name, _, value in pairs if name.strip()}
