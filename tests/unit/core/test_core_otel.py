"""OpenTelemetry fed by hand with events: gauges, links over calls, resends, strange orders."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kalshi_ext.events import (
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    CallFinished,
    CallStarted,
    DeviationFound,
    Event,
    UnknownOpened,
    UnknownResolved,
    WaitBegan,
    WriteDenied,
)
from kalshi_ext.otel import OpenTelemetry

CREATE: dict[str, Any] = {
    "operation": "orders.place", "operation_id": "CreateOrderV2", "client_order_ids": ("c1",),
}  # fmt: skip
LIST: dict[str, Any] = {"operation": "orders.list", "operation_id": "GetOrders"}
SERVER = {"server": "https://exchange.example/trade-api/v2", "path": "/portfolio/orders"}
UNKNOWN: dict[str, Any] = CREATE | {"key": "c1"}


class Fed:
    """A listener, the SDK behind it, and events for it."""

    def __init__(self) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider([self.reader])
        self.listener = OpenTelemetry(tracer_provider=tracers, meter_provider=meters)

    def take(self, *events: Event) -> None:
        for event in events:
            self.listener(event)

    def gauge(self, name: str) -> int:
        data: Any = self.reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        (found,) = [each for each in metrics if each.name == f"kalshi_ext.{name}"]
        value: int = found.data.data_points[0].value
        return value

    def spans(self, name: str) -> list[Any]:
        return [each for each in self.exporter.get_finished_spans() if each.name.startswith(name)]


def sent(call: int, what: dict[str, Any], attempt: int = 1, method: str = "POST") -> AttemptSent:
    return AttemptSent(call=call, attempt=attempt, method=method, **what, **SERVER)


def answered(call: int, what: dict[str, Any], status: int = 200) -> AttemptAnswered:
    return AttemptAnswered(call=call, attempt=1, status=status, seconds=0.1, **what)


def lost(call: int, reason: str) -> AttemptLost:
    return AttemptLost(call=call, attempt=1, reason=reason, bytes_sent=True, **CREATE)


@pytest.mark.parametrize("ends", ["sent", "denied", "finished"])
def test_a_request_that_waits_for_the_rate_limit_is_counted_until_it_waits_no_longer(
    ends: str,
) -> None:
    fed = Fed()
    fed.take(CallStarted(call=1), WaitBegan(call=1, seconds=1.0, reason="for it", **CREATE))
    assert fed.gauge("budget.waiting") == 1
    last: dict[str, Event] = {
        "sent": sent(1, CREATE),
        "denied": WriteDenied(call=1, reason="a stop", **CREATE),
        "finished": CallFinished(call=1, error="CancelledError"),
    }
    fed.take(last[ends])
    assert fed.gauge("budget.waiting") == 0


def test_each_kind_of_deviation_counts_once() -> None:
    fed = Fed()
    for where in ("Order.a", "Order.a", "Order.b"):
        fed.take(DeviationFound(operation_id="GetOrders", kind="unknown_field", where=where))
    assert fed.gauge("deviations") == 2


def test_a_write_that_is_left_open_counts_until_a_later_call_resolves_it_and_links_its_reads() -> (
    None
):
    fed = Fed()
    fed.take(
        CallStarted(call=1), sent(1, CREATE), lost(1, "ReadTimeout: 10 s"),
        UnknownOpened(call=1, reason="no answer", **UNKNOWN),
        UnknownResolved(call=1, verdict="open", seconds=9.0, **UNKNOWN),
        CallFinished(call=1, error="OutcomeUnknown"),
    )  # fmt: skip
    assert fed.gauge("unknown_outcomes") == 1
    fed.take(
        CallStarted(call=2, flow="recover"), UnknownOpened(call=2, reason="again", **UNKNOWN),
        sent(2, LIST, method="GET"), answered(2, LIST),
        UnknownResolved(call=2, verdict="executed", seconds=1.0, **UNKNOWN),
        sent(2, LIST, method="GET"), answered(2, LIST), CallFinished(call=2),
    )  # fmt: skip
    assert fed.gauge("unknown_outcomes") == 0
    (create,), (explains, unrelated) = fed.spans("POST"), fed.spans("GET")
    assert [each.context.span_id for each in explains.links] == [create.context.span_id]
    assert unrelated.links == ()
    assert create.attributes["error.type"] == "ReadTimeout"
    assert [each.name for each in fed.spans("recover")] == ["recover"]


def test_a_cancel_that_is_left_open_is_nobodys_afterwards() -> None:
    fed = Fed()
    cancel: dict[str, Any] = {"operation": "orders.cancel", "order_id": "o1", "key": "o1"}
    fed.take(CallStarted(call=1), UnknownOpened(call=1, reason="no answer", **cancel))
    assert fed.gauge("unknown_outcomes") == 1
    fed.take(UnknownResolved(call=1, verdict="open", seconds=1.0, **cancel))
    assert fed.gauge("unknown_outcomes") == 0


def test_a_write_that_goes_again_after_a_look_up_is_a_resend_and_a_second_page_is_none() -> None:
    fed = Fed()
    fed.take(CallStarted(call=1))
    for what, method in ((CREATE, "POST"), (LIST, "GET"), (LIST, "GET"), (CREATE, "POST")):
        fed.take(sent(1, what, method=method), answered(1, what))
    fed.take(CallFinished(call=1))
    counts = [each.attributes.get("http.request.resend_count") for each in fed.spans("POST")]
    assert counts == [None, 1]
    assert not any("http.request.resend_count" in each.attributes for each in fed.spans("GET"))
    (call,) = fed.spans("orders.place")
    assert call.parent is None


def test_what_is_told_of_a_call_that_began_before_makes_no_span() -> None:
    fed = Fed()
    fed.take(sent(0, CREATE), answered(0, CREATE), CallFinished(call=7))
    assert fed.exporter.get_finished_spans() == ()


def test_an_attempt_that_an_interrupt_ends_has_an_end() -> None:
    fed = Fed()
    fed.take(CallStarted(call=1), sent(1, CREATE), CallFinished(call=1, error="CancelledError"))
    (attempt,), (call,) = fed.spans("POST"), fed.spans("orders.place")
    assert attempt.attributes["error.type"] == call.attributes["error.type"] == "CancelledError"
    assert attempt.attributes["server.port"] == 443
