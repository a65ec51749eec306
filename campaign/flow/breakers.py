"""breakers: where too much goes wrong with what is sent, people are warned, and then the step is stopped.

Each step is held to its own limits, and each channel, as a whole, to those of its kind. A breaker that has stopped a
step looks, once a person has let it go on, at what comes after that alone: it does not stop again for what they have
seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from campaign.flow.desk import Desk
from campaign.model.breaker import BREAKER, OF_TAKEN, Breakers, Gauge, Gauged, Limits, Measure
from campaign.model.notice import Notice, NoticeKind

_HUNDREDTH = 100
_SAYS = {
    Measure.COMPLAINTS: "complaints",
    Measure.BOUNCES: "bounced",
    Measure.REFUSALS: "refused",
    Measure.DEFERRALS: "put off",
    Measure.DOUBTS: "in doubt",
}
_TO_DO = {
    Measure.COMPLAINTS: "people call it spam: is the segment right, and did they agree to this",
    Measure.BOUNCES: "addresses are dead or receivers turn it away: is the list old, and is the domain's DNS right "
    "(campaign doctor)",
    Measure.REFUSALS: "the provider does not take it: campaign log says why",
    Measure.DEFERRALS: "the provider puts it off: campaign log says why; often it is too much at once",
    Measure.DOUBTS: "nobody knows whether these went out: campaign log shows which",
}


class Tripped(NamedTuple):
    """A limit that is reached: ``why`` in figures, of the step or of its channel as a whole."""

    measure: Measure
    why: str


def look(desk: Desk) -> tuple[str, ...]:
    """Hold everything to its limits; the steps that were stopped by that."""
    gauged = desk.ledger.gauges()
    if not gauged:
        return ()
    limits = desk.limits()
    whole = {one.channel: _tripped(one, limits) for one in gauged if not one.step}
    stopped = []
    for one in gauged:
        _warn(desk, one, limits)
        if not one.step or not one.goes_out or one.stopped:
            continue
        why = _tripped(one, limits) or whole.get(one.channel)
        if why is not None:
            _stop(desk, one.step, why)
            stopped.append(one.step)
    return tuple(stopped)


def _stop(desk: Desk, step: str, tripped: Tripped) -> None:
    desk.ledger.stop(step, by=BREAKER, why=tripped.why, at=desk.clock.now())
    world = " --sandbox" if desk.ledger.world == "sandbox" else ""
    desk.tell(
        f"{step} is stopped: {tripped.why}. {_sentence(_TO_DO[tripped.measure])} "
        f"Then let it go on with `campaign resume {step}{world}`, or end it with `campaign cancel {step}{world}`",
        "breaker.stopped",
        level="error",
        step=step,
        measure=tripped.measure.value,
    )


def to_do(why: str) -> str:
    """What to look at first, where a breaker has stopped something for that reason."""
    return next((_sentence(_TO_DO[measure]) for measure in Measure if f" {_SAYS[measure]} " in why), "")


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."


def _warn(desk: Desk, one: Gauged, limits: Limits) -> None:
    """Once for each limit of a step or channel, and again after somebody has let it go on."""
    held_to = _held_to(one, limits)
    for measure, share in _reached(one.gauge, held_to, stop=False):
        what = one.step or _channel(one.channel)
        figures = _figures(one, measure)
        text = (
            f"Warning: {what}, {figures}\nPeople are warned from {percent(share)} on. {_sentence(_TO_DO[measure])}"
            f"{_stops_at(held_to, measure)}"
        )
        key = f"warned {one.step or '/' + one.channel} {measure.value} {one.resumed}"
        if desk.notices is not None and desk.notices.put(Notice(key, NoticeKind.BREAKER, text)):
            desk.tell(
                f"warning: {what}: {figures}; people are warned from {percent(share)} on",
                "breaker.warned",
                level="warning",
                step=one.step,
                channel=one.channel,
                measure=measure.value,
            )


def _stops_at(held_to: Breakers, measure: Measure) -> str:
    stop = held_to.limits[measure].stop
    return "" if stop is None else f" It is stopped at {percent(stop)}."


def _tripped(one: Gauged, limits: Limits) -> Tripped | None:
    for measure, share in _reached(one.gauge, _held_to(one, limits), stop=True):
        whole = "" if one.step else f"{_channel(one.channel)} as a whole: "
        since = " since it was resumed" if one.resumed else ""
        return Tripped(measure, f"{whole}{_figures(one, measure)}{since}, and the limit is {percent(share)}")
    return None


def _reached(gauge: Gauge, held_to: Breakers, *, stop: bool) -> Iterator[tuple[Measure, int]]:
    """The measures of which a limit is reached, and that limit."""
    for measure, limit in held_to.limits.items():
        share = limit.stop if stop else limit.warn
        of = gauge.out_of(measure)
        if share is None or of < held_to.counts_from(measure):
            continue
        if gauge.number(measure) * _HUNDREDTH**2 >= share * of:
            yield measure, share


def _held_to(one: Gauged, limits: Limits) -> Breakers:
    return limits.of_step(one.step, one.channel) if one.step else limits.of_channel(one.channel)


def _figures(one: Gauged, measure: Measure) -> str:
    """``31 complaints of 10,000 taken (0.31%)``."""
    number, of = one.gauge.number(measure), one.gauge.out_of(measure)
    how = "taken" if measure in OF_TAKEN else "tried"
    return f"{number:,} {_SAYS[measure]} of {of:,} {how} ({number / of:.2%})"


def percent(share: int) -> str:
    """A share in 1/10,000 as a plan writes it."""
    return f"{share / _HUNDREDTH:g}%"


def _channel(channel: str) -> str:
    return "e-mail" if channel == "email" else channel
