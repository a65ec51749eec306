"""A request that is built, signed and all, before the instant at which it leaves. For channels that speak by requests.

To build and to sign one takes most of what a post costs before its first byte, and fifty accounts share one processor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


class NotYet(Exception):
    """Nothing is sent by now: the request was only to be built."""


@cache
def session_class() -> Any:
    """A requests.Session that can build its next request before it is made."""
    import requests  # noqa: PLC0415 - comes with SDKs that only sending needs

    class Session(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self._of_thread = threading.local()

        def build(self, call: Callable[[], object]) -> None:
            """Have ``call`` build the first request that it would make. Nothing leaves, whatever it does.

            The next request of this thread is that one, if it is the same.
            """
            self._of_thread.building, self._of_thread.built = True, None
            try:
                call()
            except Exception:  # noqa: BLE001, S110 - whatever it was, the request is built when it is made
                pass
            finally:
                self._of_thread.building = False

        def request(self, method: str, url: str | bytes, **asked: Any) -> requests.Response:  # type: ignore[override]  # all by keyword
            here = self._of_thread
            if getattr(here, "building", False):
                if here.built is None and not asked.get("files"):
                    here.built = (_named(method, url, asked), self._prepared(method, url, asked))
                raise NotYet
            built, here.built = getattr(here, "built", None), None
            if built is not None and built[0] == _named(method, url, asked):
                prepared, how = built[1]
                return self.send(prepared, **how)
            return super().request(method, url, **asked)

        def _prepared(
            self, method: str, url: str | bytes, asked: dict[str, Any]
        ) -> tuple[requests.PreparedRequest, dict[str, Any]]:
            """What requests.Session.request makes before it sends."""
            parts = ("headers", "data", "params", "auth", "cookies", "hooks", "json")
            request = requests.Request(method.upper(), url, **{name: asked.get(name) for name in parts})
            prepared = self.prepare_request(request)
            how = self.merge_environment_settings(
                str(prepared.url),
                asked.get("proxies") or {},
                asked.get("stream"),
                asked.get("verify"),
                asked.get("cert"),
            )
            return prepared, {
                "timeout": asked.get("timeout"),
                "allow_redirects": asked.get("allow_redirects", True),
                **how,
            }

    return Session


def _named(method: str, url: str | bytes, asked: dict[str, Any]) -> tuple[object, ...]:
    """What makes a request the same. Who signs it is the session's, and its signature differs each time."""
    return (method, url, *(asked.get(name) for name in ("headers", "data", "params", "json", "files", "timeout")))
