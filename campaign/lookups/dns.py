"""The DNS by dnspython: over the machine's own servers, or one that is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from campaign.errors import NotConfigured
from campaign.ports.dns import Unanswered

_PORT = 53


class Resolver:
    """Implements the port ``Dns``. ``timeout_s`` is for one question, all servers and repeats included.

    ``server`` is ``ADDRESS`` or ``ADDRESS:PORT``; NotConfigured where it is neither.
    """

    def __init__(self, *, server: str = "", timeout_s: float = 5.0) -> None:
        self._resolver: dns.resolver.Resolver | None = None
        try:
            self._resolver = dns.resolver.Resolver(configure=not server)
        except (dns.resolver.NoResolverConfiguration, OSError):
            return  # each question says so
        self._resolver.lifetime = timeout_s
        self._resolver.cache = dns.resolver.LRUCache()
        if server:
            address, port = _server(server)
            self._resolver.nameservers = [address]
            self._resolver.port = port

    def txt(self, name: str) -> Sequence[str]:
        return [b"".join(record.strings).decode(errors="replace") for record in self._asked(name, "TXT")]

    def cname(self, name: str) -> str:
        return next((_written(record.target) for record in self._asked(name, "CNAME")), "")

    def mx(self, name: str) -> Sequence[tuple[int, str]]:
        found = ((record.preference, _written(record.exchange)) for record in self._asked(name, "MX"))
        return sorted(found)

    def addresses(self, name: str) -> Sequence[str]:
        return [record.address for kind in ("A", "AAAA") for record in self._asked(name, kind)]

    def _asked(self, name: str, kind: str) -> list[Any]:
        if self._resolver is None:
            raise Unanswered("this machine has no DNS server set up")
        try:
            return list(self._resolver.resolve(name, kind, search=False, raise_on_no_answer=False))
        except (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel):
            return []
        except (UnicodeError, dns.exception.SyntaxError):
            return []
        except dns.resolver.NoNameservers:
            raise Unanswered(f"no DNS server could say anything of {name}") from None
        except (dns.exception.Timeout, OSError):
            raise Unanswered(f"no DNS server answered in time when asked for {name}") from None
        except dns.exception.DNSException as error:
            raise Unanswered(f"the DNS answered with what cannot be read ({type(error).__name__})") from None


def _written(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")


def _server(written: str) -> tuple[str, int]:
    # An IPv6 address with a port stands in brackets (RFC 3986, section 3.2.2).
    found = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+):(\d+)|(.+)", written)
    address, port = (found[1] or found[3] or found[5], found[2] or found[4] or _PORT) if found else ("", _PORT)
    try:
        return str(ip_address(address)), int(port)
    except ValueError:
        raise NotConfigured(
            f"{written} is no DNS server; write its address, such as 192.0.2.1 or 192.0.2.1:53"
        ) from None
