"""``python -m campaign.sandbox``: the sandbox as a process of its own.

Its first line on stdout is one JSON object with its URLs and SMTP port. It ends on SIGTERM or SIGINT, and when the
pipe on its stdin is closed, so that it does not outlive whoever started it.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import stat
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import orjson

from campaign.errors import SandboxFailed
from campaign.sandbox.faults import SCENARIOS, Faults
from campaign.sandbox.server import Sandbox
from campaign.sandbox.webhook import Poster, Signer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m campaign.sandbox", description=__doc__)
    parser.add_argument("--journal", type=Path, help="keep here what was taken; in memory if left out")
    parser.add_argument("--port", type=int, default=0, help="HTTP port; chosen by the system if left out")
    parser.add_argument("--smtp-port", type=int, default=0, help="SMTP port; chosen by the system if left out")
    parser.add_argument("--faults", choices=SCENARIOS, default="none")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--accounts", type=Path, help="JSON: provider to account name to credential")
    parser.add_argument("--webhook", help="post what becomes of e-mail to this address, signed as SendGrid signs")
    parser.add_argument("--webhook-key", type=Path, help="keep the signing key here; a new one each time if left out")
    parser.add_argument("--https", type=Path, metavar="FILE", help="speak HTTPS, and write to FILE whom to trust")
    asked = parser.parse_args()
    # A request of a thousand recipients makes some 5,000 objects, none of them in a cycle.
    gc.set_threshold(200_000, 20, 20)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        accounts = orjson.loads(asked.accounts.read_bytes()) if asked.accounts else {}
    except (OSError, ValueError) as error:
        parser.error(f"--accounts: {error}")
    try:
        sandbox = Sandbox(
            asked.journal,
            accounts=accounts,
            faults=Faults.named(asked.faults, seed=asked.seed),
            port=asked.port,
            smtp_port=asked.smtp_port,
            trusted=asked.https,
        )
    except SandboxFailed as error:
        parser.exit(error.exit_code, f"{error}\n")
    with sandbox, ExitStack() as stack:
        told = {"url": sandbox.url, "urls": dict(sandbox.urls), "smtp_port": sandbox.smtp_port}
        if asked.webhook:
            try:
                signer = Signer(asked.webhook_key)
                poster = Poster(asked.webhook, sandbox.events, signer)
            except SandboxFailed as error:
                parser.exit(error.exit_code, f"{error}\n")
            poster.start()
            stack.callback(poster.stop)
            told["webhook_public_key"] = signer.public_key
        print(orjson.dumps(told).decode(), flush=True)  # noqa: T201 - the one line that whoever started it reads
        if stat.S_ISFIFO(os.fstat(0).st_mode):
            threading.Thread(target=_outlived, args=(ended,), daemon=True).start()
        ended.wait()
    return 0


def _outlived(ended: threading.Event) -> None:
    """Return once nobody holds the other end of stdin any more."""
    while os.read(0, 4096):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
