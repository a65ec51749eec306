"""Connections to SendGrid that are kept alive, and tell whether anything can have left over them."""

from __future__ import annotations

import ssl

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HTTPTimeout

from campaign.errors import NotConfigured

_CONNECT_TIMEOUT_S = 10.0

_FAILURES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (NameResolutionError, "its name is not known"),
    (NewConnectionError, "nothing answers there"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted"),
    ((SSLError, ssl.SSLError, ssl.CertificateError), "TLS failed"),
    ((HTTPTimeout, TimeoutError), "no answer in time"),
    (ProtocolError, "the connection was lost"),
)


class NotReached(HTTPError):
    """No connection came about, so nothing of the request has left."""


def why(error: BaseException) -> str:
    """What failed, in the same words each time, so that equal failures count as one."""
    cause = error.__cause__ if isinstance(error, NotReached) else error
    for kind, words in _FAILURES:
        if isinstance(cause, kind):
            return words
    return "the connection failed"


class _Connection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise NotReached(type(error).__name__) from error


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise NotReached(type(error).__name__) from error


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def connections(base_url: str, *, timeout_s: float, most: int) -> tuple[urllib3.HTTPConnectionPool, str]:
    """Up to ``most`` connections that are kept, and the path that stands before every other.

    By HTTPS the certificate and its name are always checked, against the system's authorities or, where SSL_CERT_FILE
    or SSL_CERT_DIR are set, those (OpenSSL, SSL_CTX_set_default_verify_paths). Raises NotConfigured where ``base_url``
    is no web address.
    """
    try:
        url = urllib3.util.parse_url(base_url)
    except LocationValueError:
        url = urllib3.util.Url()
    if url.host is None or url.scheme not in ("http", "https"):
        raise NotConfigured("SendGrid's base URL is not an http(s) address; set CAMPAIGN_SENDGRID__BASE_URL")
    timeout = urllib3.Timeout(connect=min(_CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
    path = (url.path or "").rstrip("/")
    if url.scheme == "http":
        return _Pool(url.host, url.port, maxsize=most, timeout=timeout), path
    # Made once, before anything is due. Left to urllib3, each connection reads all the authorities when it is opened: a
    # hundred and more of them, 10 to 25 ms, and all connections are opened at the instant.
    trusting = ssl.create_default_context()
    return _TlsPool(url.host, url.port, maxsize=most, timeout=timeout, ssl_context=trusting), path
