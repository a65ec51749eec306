"""The DNS, as far as it says who may send for a domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from campaign.errors import CampaignError


class Unanswered(CampaignError):
    """The DNS did not answer, so nothing is known of the name that was asked for."""


class Dns(Protocol):
    """Every method gives what the name has, nothing where the name or the record does not exist.

    Names come and go without the closing dot, in lower case. Raises Unanswered where it is not known what there is.
    """

    def txt(self, name: str) -> Sequence[str]:
        """Each record's strings put together (RFC 7208, section 3.3)."""
        ...

    def cname(self, name: str) -> str: ...

    def mx(self, name: str) -> Sequence[tuple[int, str]]:
        """Preference and host; the host "" is the null MX of a domain that takes no mail (RFC 7505)."""
        ...

    def addresses(self, name: str) -> Sequence[str]:
        """IPv4 and IPv6."""
        ...
