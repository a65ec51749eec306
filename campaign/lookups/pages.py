"""Looks whether the pages are there that links lead to, by HTTP."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HTTPTimeout
from urllib3.util import Retry, Timeout

from campaign.ports.pages import Broken

_AT_ONCE = 8
_REDIRECTS = 5
_REFUSES_HEAD = frozenset(
    {HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)
_REFUSES_PROGRAMS = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
)


class WebPages:
    """Asks for the head of each page, and for the page where a server knows no HEAD; of that no more than the status.

    ``timeout_s`` is for each page, redirects included. Certificates are checked as browsers check them.
    """

    def __init__(self, *, timeout_s: float = 8.0, most: int = 50) -> None:
        self.most = most
        self._pool = urllib3.PoolManager(
            num_pools=most,
            timeout=Timeout(total=timeout_s),
            retries=Retry(total=_REDIRECTS, connect=0, read=0, other=0, status=0, redirect=_REDIRECTS),
            headers={"User-Agent": "campaign (checks its own links)"},
        )

    def broken(self, links: Sequence[str]) -> Mapping[str, Broken]:
        asked = links[: self.most]
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="pages") as pool:
            answers = list(pool.map(self._answer, asked))
        return {url: why for url, why in zip(asked, answers, strict=True) if why is not None}

    def close(self) -> None:
        self._pool.clear()

    def _answer(self, url: str) -> Broken | None:
        try:
            status = self._status("HEAD", url)
            if status in _REFUSES_HEAD:
                status = self._status("GET", url)
        except (HTTPError, OSError, ValueError) as error:
            return _why(error)
        if status < HTTPStatus.BAD_REQUEST:
            return None
        try:
            said = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            said = str(status)
        return Broken(f"the server answers {said}", uncertain=status in _REFUSES_PROGRAMS)

    def _status(self, method: str, url: str) -> int:
        reply = self._pool.request(method, url, preload_content=False)
        reply.close()  # what follows the status is not read, however long it is
        return reply.status


def _why(error: BaseException) -> Broken:  # noqa: PLR0911 - one answer a kind of failure
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    match cause:
        case NameResolutionError():
            # Without a network no name is known: it may be ours that is at fault.
            return Broken("its host is not known", uncertain=True)
        case SSLError() | ssl.SSLError():
            return Broken("its certificate is not valid")
        case NewConnectionError():  # urllib3 counts it among its timeouts
            return Broken("nothing answers there", uncertain=True)
        case HTTPTimeout() | TimeoutError():
            return Broken("no answer in time", uncertain=True)
        case LocationValueError() | ValueError():
            return Broken("it cannot be read")
        case _ if "redirect" in str(cause):
            return Broken("it leads in a circle")
        case _:
            return Broken("nothing answers there", uncertain=True)
