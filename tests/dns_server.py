"""A DNS server on loopback that knows a few names: a real one, over UDP, which asks nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[tuple[str, str], Sequence[str]]
"""Records by name and type, as a zone file writes them."""


@dataclass
class Server:
    """``address`` is where it answers. ``broken`` names get SERVFAIL. ``asked`` keeps each question."""

    zone: Zone
    address: str
    broken: frozenset[str] = frozenset()
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.broken:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        if not any(known == name for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        while (alias := self.zone.get((name, "CNAME"))) and kind != "CNAME":
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{alias[0]}."))
            name = alias[0]
        records = self.zone.get((name, kind))
        if records:
            records = [f"{target}." for target in records] if kind == "CNAME" else records
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *records))
        return reply.to_wire()


@contextmanager
def serving(zone: Zone, *, broken: frozenset[str] = frozenset()) -> Iterator[Server]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        server = Server(zone, f"127.0.0.1:{listening.getsockname()[1]}", broken)

        def serve() -> None:
            while True:
                wire, whence = listening.recvfrom(4096)
                if wire == b"end":
                    return
                listening.sendto(server.answer(wire), whence)

        thread = Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"end", listening.getsockname())
            thread.join()


def silent() -> socket.socket:
    """A port at which nobody answers."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    return listening
