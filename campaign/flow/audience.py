"""audience: who a wave goes to. The ledger leaves out the suppressed and those without consent, and says so."""

from __future__ import annotations

from campaign.model.bundle import Bundle
from campaign.model.segment import Audience, Share


def of(
    bundle: Bundle, zones: tuple[str, ...] | None = None, *, share: Share | None = None, most: int | None = None
) -> Audience:
    """The audience of an e-mail step; in ``zones`` only where its wave is by local time, and of it a ``share`` only, or
    so many at ``most``.

    The plan's language is the one that is sent to people of a language the message does not have. All arms of an A/B
    test have the same languages, ``check`` sees to it.
    """
    segment = bundle.step.segment
    if segment is None:
        raise ValueError(f"step {bundle.step.id} goes to accounts, not to supporters")
    default = bundle.plan.language
    languages = sorted(bundle.message.mails, key=lambda language: (language != default, language))
    return Audience(
        segment=segment,
        home_zone=bundle.plan.zone,
        zones=zones,
        variants=tuple(languages),
        share=share,
        campaign=bundle.plan.campaign,
        most=most,
        frequency=bundle.plan.frequency_of(bundle.step),
    )
