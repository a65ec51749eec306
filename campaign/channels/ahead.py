"""A call that is made ahead of its instant, up to its first byte, which waits for it.

To build, sign and write a request takes most of what a post costs before its first byte, and fifty accounts share one
processor. So a call runs until it has something to hand to its socket, and waits there. Here alone is decided that
nothing leaves: all that a channel sends comes through one of these connections. Nor does it read the answer before the
others have left: to make sense of one takes longer than to send three.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from campaign.ports.channel import Gate

_here = threading.local()


@contextmanager
def waiting(gate: Gate) -> Iterator[None]:
    """Within it the first byte that this thread would send waits for ``gate`` to return, and the first answer for those
    who leave with it. What comes after does not wait.

    ``gate`` may raise: then nothing has left, and the connection is given up.
    """
    _here.gate = gate
    try:
        yield
    finally:
        _here.gate = _here.passed = None


@contextmanager
def not_waiting() -> Iterator[None]:
    """Within it nothing waits: to sign in tells nobody what will be posted, and may hold what others wait for."""
    gate, _here.gate = getattr(_here, "gate", None), None
    try:
        yield
    finally:
        _here.gate = gate


def _waits() -> bool:
    return getattr(_here, "gate", None) is not None


def _pass() -> None:
    gate: Gate = _here.gate
    gate()
    _here.gate, _here.passed = None, gate


def _left() -> None:
    gate: Gate | None = getattr(_here, "passed", None)
    if gate is not None:
        _here.passed = None
        gate.left()


@cache
def adapter_class() -> Any:
    """A requests.HTTPAdapter whose connections wait, open, before their first byte, and before the first answer."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - comes with SDKs that only sending needs
    from urllib3.connection import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - as above
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool  # noqa: PLC0415 - as above
    from urllib3.response import HTTPResponse  # noqa: PLC0415 - as above
    from urllib3.util.connection import is_connection_dropped  # noqa: PLC0415 - as above

    def wait(connection: HTTPConnection) -> None:
        if not _waits():
            return
        if connection.sock is None:
            connection.connect()
        _pass()
        if is_connection_dropped(connection) and connection.sock is not None:
            # The other side has hung up meanwhile. Nothing was sent, and what follows opens it anew.
            connection.sock.close()
            connection.sock = None

    class Plain(HTTPConnection):
        def send(self, data: Any) -> None:
            wait(self)
            super().send(data)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            _left()
            return super().getresponse()

    class Secure(HTTPSConnection):
        def send(self, data: Any) -> None:
            wait(self)
            super().send(data)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            _left()
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *given: Any, **named: Any) -> None:
            super().init_poolmanager(*given, **named)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    return Adapter


def hook(request: httpx.Request) -> None:
    """For httpx: an event hook by which a request waits, its connection open, as above."""
    if _waits():
        request.extensions = {**request.extensions, "trace": _trace}


def _trace(event: str, _: Any) -> None:
    # The last that httpcore tells before it writes, and before it reads
    # (https://www.encode.io/httpcore/extensions/#trace).
    if event.endswith(".send_request_headers.started") and _waits():
        _pass()
    elif event.endswith(".receive_response_headers.started"):
        _left()
