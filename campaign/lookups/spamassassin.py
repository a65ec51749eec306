"""SpamAssassin, where it is installed: what a common filter makes of a mail."""

from __future__ import annotations

import re
import shutil
import subprocess

from campaign.ports.spam import Judged

_SCORE = re.compile(
    r"X-Spam-Status:.*?\bscore=(-?[\d.]+) required=(-?[\d.]+)(?: tests=(.*?)(?= [a-z]+=|$))?", re.IGNORECASE
)
_FOLD = re.compile(r"\r?\n[ \t]+")
_DAEMON, _PROGRAM = "spamc", "spamassassin"
_NONE = "none"


class SpamAssassin:
    """Runs ``spamc`` where its daemon answers, else ``spamassassin``, which takes some seconds to load its rules.

    Tests that ask the network (block lists, digests) are left out by ``--local``: they judge who sends, and here nobody
    has sent anything yet.
    """

    def __init__(self, *, timeout_s: float = 60.0) -> None:
        self._timeout_s = timeout_s

    def judge(self, message: bytes) -> Judged:
        commands = [[_DAEMON, "--no-safe-fallback"], [_PROGRAM, "--local", "--test-mode"]]
        installed = [command for command in commands if shutil.which(command[0])]
        if not installed:
            return Judged(why_not="SpamAssassin is not installed")
        for command in installed:
            try:
                # No shell; the program by the name that its own package gives it.
                done = subprocess.run(command, input=message, capture_output=True, timeout=self._timeout_s, check=False)
            except (OSError, subprocess.TimeoutExpired):
                continue
            judged = _read(done.stdout)
            if judged is not None:
                return judged
        return Judged(why_not="SpamAssassin is installed, and gave no score")


def _read(said: bytes) -> Judged | None:
    """What the header X-Spam-Status says, which both programs put into the mail."""
    headers = re.split(r"\r?\n\r?\n", said.decode(errors="replace"), maxsplit=1)[0]
    for line in _FOLD.sub(" ", headers).splitlines():
        found = _SCORE.match(line)
        if found:
            tests = tuple(test for test in re.split(r",\s*", found[3] or "") if test and test != _NONE)
            return Judged(score=float(found[1]), threshold=float(found[2]), tests=tests)
    return None
