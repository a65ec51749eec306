"""campaign notify-test: try whether people are told."""

from __future__ import annotations

from campaign.cli import screen

_TITLE = "this is a test"
_TEXT = "Somebody tries whether you are told what happens to the campaign. There is nothing to do."


def notify_test() -> None:
    """Send a test notice to each address of CAMPAIGN_NOTIFY__URLS, and say which has taken it.

    That it was taken does not say that it was seen: look at the other end.
    """
    from campaign import settings
    from campaign.bootstrap import telling
    from campaign.errors import ChannelUnusable, NotConfigured

    configured = settings.load()
    notifier = telling.notifier(configured)
    if notifier is None:
        raise NotConfigured(
            "CAMPAIGN_NOTIFY__URLS is not set, so nobody is told of anything; .env.example says how it is written"
        )
    failed = []
    for place in notifier.places:
        why = notifier.send(place, f"Campaign: {_TITLE}", _TEXT, urgent=False)
        screen.say(f"{place}: ", why or "taken", style="red" if why else "green")
        if why:
            failed.append(place)
    screen.out.print(f"Told of: {', '.join(sorted(configured.notify.on))}.")
    if failed:
        raise ChannelUnusable(f"not taken by {', '.join(failed)}")
