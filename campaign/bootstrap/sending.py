"""How mails are sent, for those who look whether the DNS allows it."""

from __future__ import annotations

from campaign.bootstrap import channels
from campaign.flow.sending_domain import Sending, Signing
from campaign.model.plan import Plan
from campaign.ports.dns import Dns
from campaign.settings import Settings


def resolver(server: str = "") -> Dns:
    """The machine's own DNS, or ``server``. Raises NotConfigured where that is no server's address."""
    from campaign.lookups.dns import Resolver

    return Resolver(server=server)


def sending(settings: Settings, plan: Plan) -> Sending | None:
    """None where the plan sends no e-mail. Raises NotConfigured where the DKIM key cannot be read."""
    sender = plan.sender
    if sender is None or all(step.channel != "email" for step in plan.steps):
        return None
    if sender.via == "sendgrid":
        return Sending(address=sender.address, via="sendgrid", reply_to=sender.reply_to)
    return Sending(
        address=sender.address,
        via="smtp",
        reply_to=sender.reply_to,
        host=settings.smtp.host or "",
        signing=_signing(settings),
    )


def _signing(settings: Settings) -> Signing | None:
    signer = channels.dkim_signer(settings.smtp)
    if signer is None:
        return None
    return Signing(domain=signer.domain, record_name=signer.record_name, record=signer.record)
