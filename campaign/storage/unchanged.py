"""Answers read from a database, good until anybody commits to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from campaign.storage.database import Database

Answer = TypeVar("Answer")

_MOST = 64


class Unchanged:
    """What was read of a database is not read again while nothing was committed to it, by whichever process.

    A turn of the rollout asks for the same few dozen waves again and again, mostly of a ledger in which nothing has
    happened since. Where the database does not tell cheaply that nothing was committed, each question is read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._commits: tuple[int, int] | None = None
        self._answers: dict[Hashable, Any] = {}

    def get(self, question: Hashable, read: Callable[[], Answer]) -> Answer:
        """The answer to ``question`` as ``read`` gives it, or as it gave it last if nothing was committed since.

        What is returned is shared: nobody may change it.
        """
        commits = self._database.commits()
        if commits is None:
            return read()
        with self._lock:
            if commits != self._commits or len(self._answers) >= _MOST:
                self._answers, self._commits = {}, commits
            elif question in self._answers:
                found: Answer = self._answers[question]
                return found
        # Looked at before it is read: what is committed meanwhile makes the answer count as old, never as new.
        answer = read()
        with self._lock:
            if self._commits == commits:
                self._answers[question] = answer
        return answer
