"""Notices through apprise: by e-mail, Slack-compatible webhooks, on a desktop, and a hundred other ways.

https://github.com/caronc/apprise. An address holds a password or a token, so that it never leaves this file: not in a
log of apprise's, which knows how to hide most of them, nor in what is said of a failure.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping, Sequence

import apprise
from apprise.plugins.base import NotifyBase
from apprise.result import AppriseResult, AppriseResultStatus

from campaign.errors import NotConfigured

TIMEOUT_S = 20.0
"""For one carrying, all in all."""
_MOST_PLACES = 20
_STATUS = re.compile(r"error=([1-5][0-9]{2})\b")

# Whatever apprise logs, and however logging is set up: nobody reads it here, and it may hold an address.
_LOG = logging.getLogger("apprise")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False
# Below it each request is logged with its path, which holds the token.
logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


class Apprise:
    """``addresses`` are apprise's, such as mailto://… or https://hooks.slack.com/services/….

    Raises NotConfigured for one that apprise does not know, by its place among them and not by itself.
    """

    def __init__(self, addresses: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> None:
        if len(addresses) > _MOST_PLACES:
            raise NotConfigured(f"CAMPAIGN_NOTIFY__URLS holds more than {_MOST_PLACES} addresses")
        asset = apprise.AppriseAsset(
            storage_mode=apprise.PersistentStoreMode.MEMORY,  # nothing of an address goes onto the disk
            service_timeout=timeout_s,
            pgp_autogen=False,
            pem_autogen=False,
            http_redirects=False,  # a token is for the host that it was given for
            app_id="Campaign",
            app_desc="Campaign",
        )
        self._timeout_s = timeout_s
        self._services: Mapping[str, NotifyBase] = {
            _called(number, service): service
            for number, address in enumerate(addresses, start=1)
            for service in (_service(number, address, asset),)
        }

    @property
    def places(self) -> Sequence[str]:
        return tuple(self._services)

    def send(self, place: str, title: str, text: str, *, urgent: bool) -> str:
        service = self._services[place]
        kind = apprise.NotifyType.WARNING if urgent else apprise.NotifyType.INFO
        one = apprise.Apprise(asset=service.asset)
        one.add(service)
        try:
            with one.notify(
                body=text,
                title=title,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
                timeout=self._timeout_s,
            ) as result:
                return "" if result else _why(result)
        except Exception as error:  # noqa: BLE001 - a hundred plugins; what they raise may hold the address
            return f"it failed ({type(error).__name__})"


def _service(number: int, address: str, asset: apprise.AppriseAsset) -> NotifyBase:
    try:
        with warnings.catch_warnings():
            # The first use loads all of its services, and one of those a module that Python 3.13 has no more.
            warnings.simplefilter("ignore", DeprecationWarning)
            service = apprise.Apprise.instantiate(address, asset=asset)
    except Exception:  # noqa: BLE001 - whatever it is, its text may hold the address
        service = None
    if not isinstance(service, NotifyBase):
        raise NotConfigured(
            f"address {number} in CAMPAIGN_NOTIFY__URLS is none that apprise knows, or what it needs is not installed "
            "here; https://github.com/caronc/apprise/wiki lists how each is written"
        )
    return service


def _called(number: int, service: NotifyBase) -> str:
    return f"address {number} ({str(service.service_name)[:40]})"


def _why(result: AppriseResult) -> str:
    if result.status is AppriseResultStatus.TIMEOUT:
        return "no answer in time"
    for entry in result.logs():
        found = _STATUS.search(str(entry.message))
        if found:
            return f"it answered {found[1]}"
    return "it could not be reached, or did not take it"
