"""What the running program shows to Prometheus. Labels are steps, channels, states and events: as many as the plan has,
and never a person, an account or a message.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from campaign import __version__
from campaign.errors import NotConfigured
from campaign.model.delivery import State
from campaign.model.happening import Happening
from campaign.model.overview import Overview
from campaign.model.wave import WaveState
from campaign.ports.clock import Clock
from campaign.ports.ledger import Ledger

_CALLS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60)
_LATE_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 10, 60, 600, 3600)
_OUTCOMES = ("accepted", "deferred", "refused", "in_doubt")


class Figures:
    """Counts what happens; the rest is read from the ledger when somebody asks."""

    def __init__(self, ledger: Ledger, clock: Clock, *, clock_ahead_s: Callable[[], float] = lambda: 0.0) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._attempts = Histogram(
            "campaign_attempt_seconds",
            "How long calls to providers took, one for each batch attempted",
            ("channel", "outcome"),
            buckets=_CALLS_S,
            registry=self.registry,
        )
        self._late = Histogram(
            "campaign_wave_lateness_seconds",
            "From a wave's instant to its first call, for waves that this program began",
            ("channel",),
            buckets=_LATE_S,
            registry=self.registry,
        )
        self._happenings = Counter(
            "campaign_happenings", "What the log tells, by event", ("event", "level"), registry=self.registry
        )
        self.registry.register(_Standing(ledger, clock, clock_ahead_s))

    def happened(self, happening: Happening) -> None:
        self._happenings.labels(happening.event, happening.level).inc()
        about = happening.about
        channel = str(about.get("channel", ""))
        if happening.event == "attempt":
            told = [name for name in _OUTCOMES if about.get(name)]
            outcome = told[0] if len(told) == 1 else "mixed"
            self._attempts.labels(channel, outcome).observe(float(about["took_s"]))
        elif happening.event == "wave.began":
            self._late.labels(channel).observe(max(0.0, float(about["late_s"])))


class _Standing(Collector):
    """How it stands with the rollout, by the ledger: right for all programs on the database together."""

    def __init__(self, ledger: Ledger, clock: Clock, clock_ahead_s: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._clock_ahead_s = clock_ahead_s
        self._lock = Lock()  # one reads at a time, however many ask

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "campaign_build",
            "The program's version",
            {"version": __version__, "python": platform.python_version(), "world": self._ledger.world},
        )
        yield _gauge(
            "campaign_clock_ahead_seconds",
            "How far the machine's clock was set ahead, or back, since the program was started",
            self._clock_ahead_s(),
        )
        with self._lock:
            try:
                overview = self._ledger.overview(now=self._clock.now())
            except Exception:  # noqa: BLE001 - whatever is wrong with the database, the rest is still to be told
                yield _gauge("campaign_ledger_up", "1 where the ledger can be read", 0)
                return
        yield _gauge("campaign_ledger_up", "1 where the ledger can be read", 1)
        yield from self._stands(overview)

    def _stands(self, overview: Overview) -> Iterator[Metric]:
        now = self._clock.now()
        deliveries = GaugeMetricFamily(
            "campaign_deliveries", "Deliveries by their state now", labels=("step", "channel", "state")
        )
        for (step, channel, state), n in overview.deliveries.items():
            deliveries.add_metric((step, channel, state.value), n)
        yield deliveries
        waves = GaugeMetricFamily("campaign_waves", "Waves by their state now", labels=("state",))
        for wave_state in WaveState:
            waves.add_metric((wave_state.value,), overview.waves.get(wave_state, 0))
        yield waves
        yield _gauge("campaign_in_doubt", "Deliveries in doubt", overview.number(State.IN_DOUBT))
        since = overview.doubt_since
        age = max(0.0, (now - since).total_seconds()) if since else 0
        yield _gauge("campaign_oldest_doubt_seconds", "How long the oldest doubt has lasted; 0 is none", age)
        yield _gauge("campaign_held_waves", "Waves that wait for a person", overview.waves.get(WaveState.HELD, 0))
        yield _gauge("campaign_halted", "1 where everything is stopped", int(overview.halted))
        yield _gauge("campaign_paused_steps", "Steps that are stopped", overview.paused)
        yield _gauge("campaign_notices_waiting", "Notices that are still to be delivered", overview.notices)
        if overview.next_at is not None:
            left = (overview.next_at - now).total_seconds()
            yield _gauge(
                "campaign_next_wave_seconds", "Until the next wave's instant; not there where none waits", left
            )


def _gauge(name: str, help_: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_, value=value)


@contextmanager
def serving(figures: Figures, at: str) -> Iterator[str]:
    """Serve ``/metrics`` at ``at``, HOST:PORT, for as long as the block lasts; yields its address.

    Raises NotConfigured where the address cannot be had.
    """
    host, _, port = at.rpartition(":")
    try:
        server, thread = start_http_server(int(port), addr=host.strip("[]"), registry=figures.registry)
    except (OSError, OverflowError) as error:
        raise NotConfigured(f"the metrics cannot be served on {at}: {error}; choose another with --metrics") from None
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
