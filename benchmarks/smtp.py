"""What an e-mail by SMTP costs, and who is the limit: python -m benchmarks.smtp [MESSAGES]

Composes the campaign's own action alert for made-up people, signs it, and hands it over on loopback: to a sink in a
process of its own that says yes to everything and keeps nothing (the limit is ours), and to the sandbox's server,
aiosmtpd, in a process of its own (the limit is its). Prints messages/s. Figures of one run on one machine.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from campaign.channels.dkim_signing import PrivateKey, Signer
from campaign.channels.smtp import Smtp
from campaign.files import campaign as campaign_files
from campaign.files.sample import sample
from campaign.flow.content import mailing
from campaign.model.batch import MailBatch, MailRow
from campaign.model.delivery import Keys
from campaign.model.outcome import Accepted
from campaign.model.supporter import Supporter

MESSAGES = 5_000
STEP = "action-alert"
_BATCH = 100
ResultT = TypeVar("ResultT")
_URL = "https://campaign.example.org/u"


def main(messages: int = MESSAGES) -> None:
    batches = list(made(messages))
    channel = Smtp(host="127.0.0.1", security="none")
    payloads, took_s = timed(lambda: [channel.compose(batch) for batch in batches])
    told("composed", messages, took_s)
    chunks = [chunk for payload in payloads for chunk in payload.chunks]
    print(f"{'':>12} {sum(map(len, chunks)) / len(chunks):,.0f} bytes a message")
    keys: dict[str, PrivateKey] = {
        "RSA, 2,048 bits": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    }
    signers = {name: Signer(domain="example.org", selector="bench", key=key) for name, key in keys.items()}
    for name, signer in signers.items():
        _, took_s = timed(lambda signer=signer: [signer.signed(chunk) for chunk in chunks])  # type: ignore[misc]
        told(f"signed, {name}", messages, took_s)
    for server, command in (("a sink", [sys.executable, "-m", "benchmarks.smtp", "sink"]), ("aiosmtpd", SANDBOX)):
        with running(command) as port:
            for name, used in ((f"to {server}", None), (f"to {server}, signed", signers["RSA, 2,048 bits"])):
                for connections in (1, 4):
                    took_s = deliver(port, batches, used, connections)
                    told(f"{name}, {connections} connections", messages, took_s)


SANDBOX = [sys.executable, "-m", "campaign.sandbox"]


def made(messages: int) -> Iterator[MailBatch]:
    """Batches of the campaign's own action alert, in English."""
    sources = campaign_files.load(Path("schedules.yaml"))
    step = sources.plan.step(STEP)
    mail = mailing(sources.bundle(step), number=1, due_at=sources.waves[STEP][0].due_at, language="en")
    keys = Keys(b"a secret for benchmarks")
    people = iter(sample(messages))
    first = 0
    while some := list(islice(people, _BATCH)):
        persons = [
            Supporter(id=first + place, email=one.email, first_name=one.first_name) for place, one in enumerate(some)
        ]
        names = [keys.key(1, person.id) for person in persons]
        urls = [f"{_URL}/{name}" for name in names]
        rows = [
            MailRow(person.id, name, person.email, person.first_name, values, url)
            for person, name, url, values in zip(persons, names, urls, mail.compiled.fill(persons, urls), strict=True)
        ]
        yield MailBatch(id=first, content=mail.content, rows=rows, made_at=sources.waves[STEP][0].due_at)
        first += len(some)


def deliver(port: int, batches: Sequence[MailBatch], signer: Signer | None, connections: int) -> float:
    channel = Smtp(
        host="127.0.0.1", port=port, security="none", hostname="localhost", signer=signer, in_flight=connections
    )
    channel.check()

    def one(batch: MailBatch) -> int:
        outcomes = channel.deliver(batch, channel.compose(batch))
        return sum(isinstance(outcome, Accepted) for outcome in outcomes)

    with ThreadPoolExecutor(connections) as pool:
        accepted, took_s = timed(lambda: sum(pool.map(one, batches)))
    channel.close()
    assert accepted == sum(map(len, batches)), accepted
    return took_s


def timed(work: Callable[[], ResultT]) -> tuple[ResultT, float]:
    began = perf_counter()
    return work(), perf_counter() - began


def told(what: str, messages: int, took_s: float) -> None:
    print(f"{messages / took_s:>10,.0f}/s {what}: {took_s / messages * 1e6:,.0f} µs a message")


@contextmanager
def running(command: Sequence[str]) -> Iterator[int]:
    """A server in a process of its own; its port."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(json.loads(process.stdout.readline())["smtp_port"])
        finally:
            process.terminate()


class _Sink(asyncio.Protocol):
    """Says yes to everything, in as few writes as it is asked in."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._came = b""
        self._in_text = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._came += data
        replies = []
        while True:
            end = b"\r\n.\r\n" if self._in_text else b"\r\n"
            head, found, rest = self._came.partition(end)
            if not found:
                break
            self._came = rest
            if self._in_text:
                replies.append(b"250 taken\r\n")
                self._in_text = False
            elif head == b"DATA":
                replies.append(b"354 go ahead\r\n")
                self._in_text = True
            elif head[:4].upper() == b"EHLO":
                replies.append(b"250-sink\r\n250 PIPELINING\r\n")
            else:
                replies.append(b"250 fine\r\n")
        self._transport.write(b"".join(replies))


async def sink() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    print(json.dumps({"smtp_port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["sink"]:
        asyncio.run(sink())
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES)
