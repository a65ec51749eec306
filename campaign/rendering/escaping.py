"""HTML escaping for values on the hot path: what markupsafe.escape gives, as a plain string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import escape

_inner: Callable[[str], str] | None
try:
    # markupsafe.escape calls this and wraps the result in Markup, which costs thirty times as much as the escaping.
    from markupsafe._speedups import _escape_inner as _inner
except ImportError:  # where markupsafe was built without its C part
    _inner = None


def escaped(value: Any) -> str:
    """``value`` as text within HTML or a quoted attribute; Markup stays as it is."""
    if type(value) is str and _inner is not None:
        return _inner(value)
    return str.__str__(escape(value))
