"""E-mail addresses as people and exports write them, checked and normalised by email-validator.

Reserved names are taken as the library takes them: ``example.org`` and the other example domains are addresses (they
are what rehearsals use), while ``localhost``, ``.local``, ``.test``, ``.invalid``, ``.onion`` and ``.arpa`` can reach
nobody and are refused. No DNS is asked: a list of a million people must not depend on the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES, EMAIL_MAX_LENGTH

from campaign.files.csv_cells import unguarded

_PLAIN = re.compile(r"([A-Za-z0-9_+\-]+(?:\.[A-Za-z0-9_+\-]+)*)@([A-Za-z0-9.\-]+)")
# The same in lower case, for many lines: the domain of each, nothing for a line that is not so.
_EVEN = re.compile(r"^(?:[a-z0-9_+\-]++(?:\.[a-z0-9_+\-]++)*+@([a-z0-9.\-]++)|.*+)$", re.MULTILINE)
_MAILTO = "mailto:"
_MOST_DOMAINS = 50_000
_MOST_CHARACTERS = 1_000


class Addresses:
    """Checks many addresses: what a domain comes to is found out once for each domain.

    The plain common form, unquoted ASCII before the @, is valid as it stands (RFC 5322, 3.2.3) and only its domain
    needs the library; the result is the library's, to the letter, and a property test holds it to that.
    """

    def __init__(self) -> None:
        self._domains: dict[str, str] = {}
        self._same: set[str] = set()
        self._roles = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)

    def normalised(self, written: str) -> str:
        """The address in its normal form: domain in lower case and Unicode, the part before the @ as written.

        Raises ValueError, with a reason for people, where it is no address.
        """
        plain = _PLAIN.fullmatch(written)
        if plain is None:
            return self._checked(_bare(written))
        local, domain = plain.groups()
        known = self._domains.get(domain) or self._domain(domain)
        if known is None or len(written) > EMAIL_MAX_LENGTH or not known.isascii():
            return self._checked(written)
        if local.lower() in self._roles:
            local = local.lower()  # RFC 2142: postmaster, info and the like are the same in any case
        return f"{local}@{known}"

    def each(self, written: Sequence[str]) -> list[str | None]:
        """The normal form of each address; None where it is none. Most are plain, at a domain that many share."""
        domains: Sequence[str] = _EVEN.findall("\n".join(written))
        if len(domains) != len(written):
            domains = [""] * len(written)  # there is a line break in one
        same, most = self._same, EMAIL_MAX_LENGTH
        return [
            one if domain in same and len(one) <= most else self._normalised_or_none(one)
            for one, domain in zip(written, domains, strict=True)
        ]

    def _normalised_or_none(self, written: str) -> str | None:
        try:
            return self.normalised(written)
        except ValueError:
            return None

    def _domain(self, domain: str) -> str | None:
        try:
            known: str = validate_email(f"a@{domain}", check_deliverability=False).domain
        except EmailNotValidError:
            return None
        if len(self._domains) >= _MOST_DOMAINS:
            self._domains.clear()
            self._same.clear()
        self._domains[domain] = known
        if known == domain:
            self._same.add(domain)
        return known

    @staticmethod
    def _checked(written: str) -> str:
        if not written:
            raise ValueError("there is no address")
        if len(written) > _MOST_CHARACTERS:
            raise ValueError(f"the address has {len(written):,} characters")
        try:
            return validate_email(written, check_deliverability=False).normalized
        except EmailNotValidError as error:
            raise ValueError(_lower_first(str(error))) from None


def _bare(written: str) -> str:
    """Without what spreadsheets and address books put around it: white space, ``mailto:``, angle brackets."""
    bare = written.strip().strip("\ufeff\u200b\u00a0").rstrip(";,").strip()
    if not bare.startswith("'@"):
        bare = unguarded(bare)
    if bare[: len(_MAILTO)].lower() == _MAILTO:
        bare = bare[len(_MAILTO) :]
    return bare[1:-1].strip() if bare.startswith("<") and bare.endswith(">") else bare


def _lower_first(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
