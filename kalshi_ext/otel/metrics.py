"""What is counted: the time of attempts and waits, and gauges of what a supervisor asks for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from attrs import define, field
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from kalshi_ext.otel.attributes import BUCKETS, SCHEMA_URL, Attributes

_MOST = 10_000  # kinds of deviation, and writes left open, that are remembered


@define(eq=False)
class Metrics:
    """The instruments of one listener. Shared by threads."""

    provider: MeterProvider | None
    _open: dict[str, Any] = field(factory=dict[str, Any], init=False)
    _waiting: dict[Any, int] = field(factory=dict[Any, int], init=False)
    _deviations: set[Any] = field(factory=set[Any], init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False, repr=False)
    _duration: Any = field(init=False, repr=False)
    _wait: Any = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        meter = get_meter("kalshi_ext", meter_provider=self.provider, schema_url=SCHEMA_URL)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._wait = meter.create_histogram(
            "kalshi_ext.budget.wait",
            unit="s",
            description="Time that the rate limit held requests back.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        gauges = (
            ("unknown_outcomes", "{write}", "Writes of which nobody knows the outcome.",
             lambda: len(self._open)),
            ("budget.waiting", "{request}", "Requests that wait for the rate limit.",
             lambda: sum(self._waiting.values())),
            ("deviations", "{deviation}", "Ways in which answers deviated from their contract.",
             lambda: len(self._deviations)),
        )  # fmt: skip
        for name, unit, text, read in gauges:
            meter.create_observable_gauge(
                f"kalshi_ext.{name}", [_observing(self._lock, read)], unit, text
            )

    def attempt(self, seconds: float, attributes: Attributes) -> None:
        """Count an attempt that ended."""
        self._duration.record(max(0.0, seconds), attributes)

    def wait_began(self, who: Any) -> None:
        """Count a request that waits; `who` begins with the number of its call."""
        with self._lock:
            self._waiting[who] = self._waiting.get(who, 0) + 1

    def wait_ended(self, who: Any, operation: str, seconds: float) -> None:
        """Count that it waits no longer."""
        with self._lock:
            left = self._waiting.pop(who, 0) - 1
            if left > 0:
                self._waiting[who] = left
        if seconds > 0:
            self._wait.record(seconds, {"kalshi_ext.operation": operation})

    def call_ended(self, call: int) -> None:
        """Forget what waited in a call."""
        with self._lock:
            for who in [each for each in self._waiting if each[0] == call]:
                del self._waiting[who]

    def deviation(self, key: tuple[str, str, str]) -> None:
        """Count a deviation once."""
        with self._lock:
            if len(self._deviations) < _MOST:
                self._deviations.add(key)

    def unknown_opened(self, key: str, attempt: Any) -> None:
        """Count a write in doubt; `attempt` is what there is to link to, or None."""
        with self._lock:
            if len(self._open) >= _MOST:
                self._open.pop(next(iter(self._open)))
            self._open[key] = attempt

    def attempt_of(self, key: str) -> Any:
        """Return the attempt of a write that an earlier call left open."""
        with self._lock:
            return self._open.get(key)

    def unknown_closed(self, key: str) -> None:
        """Count a write in doubt no longer."""
        with self._lock:
            self._open.pop(key, None)


def _observing(lock: threading.RLock, read: Any) -> Any:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        with lock:
            return [Observation(read())]

    return observe
