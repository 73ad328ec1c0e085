"""OpenTelemetry, with its SDK's own exporters as the witness."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from test_client_events import ORDER, create_of, options_of, place, using

from kalshi_ext import AsyncKalshi, Kalshi, Misuse, OrderTicket, Policy, TradingStopped, errors
from kalshi_ext.events import CallFinished, CallStarted
from kalshi_ext.otel import OpenTelemetry, instrument
from kalshi_ext.protocol.rate_limits import Backoff
from kalshi_ext.sandbox import Sandbox

QUICK = Policy(timeout=2.0, attempts=3, backoff=Backoff(first=0.0), resolve_within=60)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


@pytest.fixture(params=["current", "classic"])
def box(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    made: Sandbox = request.getfixturevalue(f"{request.param}_box")
    yield made
    made.faults.remove()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Watched:
    """An SDK that keeps everything in memory, and a listener that feeds it."""

    def __init__(self, then: Any = None) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.providers: dict[str, Any] = {
            "tracer_provider": self.tracers,
            "meter_provider": MeterProvider([self.reader]),
        }
        self.listener = OpenTelemetry(then, **self.providers)

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [each for each in self.exporter.get_finished_spans() if each.kind is kind]

    @property
    def calls(self) -> list[ReadableSpan]:
        return self.spans(SpanKind.INTERNAL)

    @property
    def attempts(self) -> list[ReadableSpan]:
        return self.spans(SpanKind.CLIENT)

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else []
        return [point for each in metrics if each.name == name for point in each.data.data_points]

    def gauge(self, name: str) -> Any:
        (point,) = self.points(name)
        return point.value


def run(kind: str, box: Sandbox, name: str, *calls: Callable[[Any], Any], **options: Any) -> Any:
    """Make calls of one client; return what each returned, or the error that it raised."""
    return using(kind, options_of(box, name, **({"policy": QUICK} | options)), *calls)


def test_a_call_is_an_internal_span_around_one_client_span_an_attempt(
    box: Sandbox, kind: str
) -> None:
    told = Watched()
    (ack,) = run(kind, box, "spans", place(), on_event=told.listener)
    (call,), (attempt,) = told.calls, told.attempts
    assert (call.name, call.status.status_code) == ("orders.place", StatusCode.UNSET)
    assert call.attributes == {
        "kalshi_ext.order_id": ack.order_id,
        "kalshi_ext.client_order_id": ack.client_order_id,
    }
    assert attempt.parent is not None
    assert call.context is not None
    assert attempt.parent.span_id == call.context.span_id
    attributes = dict(attempt.attributes or {})
    template = attributes.pop("url.template")
    assert attempt.name == f"POST {template}"
    assert attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "server.address": "127.0.0.1",
        "server.port": int(box.url.split(":")[2].split("/")[0]),
        "url.scheme": "http",
    }


def test_no_name_and_no_template_holds_an_id(box: Sandbox, kind: str) -> None:
    told = Watched()
    ids: list[str] = []
    (ack,) = run(kind, box, "ids", place())
    ids += [ack.order_id, ack.client_order_id]
    cancel = [
        lambda client: client.orders.get(ack.order_id),
        lambda client: client.request("GET", f"/portfolio/orders/{ack.order_id}"),
        lambda client: client.orders.cancel(ack.order_id),
    ]
    run(kind, box, "ids", *cancel, on_event=told.listener)
    spans = [*told.calls, *told.attempts]
    assert len(told.calls) == len(told.attempts) == 3
    for span in spans:
        texts = [span.name, str((span.attributes or {}).get("url.template", ""))]
        assert not any(each in text for each in ids for text in texts)
    assert "GET" in [each.name for each in told.attempts]  # of any path: a method alone
    assert any("{order_id}" in each.name for each in told.attempts)
    for point in told.points("http.client.request.duration"):
        assert not any(each in str(point.attributes) for each in ids)


def test_a_resend_is_counted_and_the_failed_attempt_names_its_error(
    box: Sandbox, kind: str
) -> None:
    told = Watched()
    box.faults.add("throttle", operation=create_of(box), times=2)
    (ack,) = run(kind, box, "resends", place(), on_event=told.listener, pace=None)
    assert ack.order_id
    first, second, third = told.attempts
    counts = [(each.attributes or {}).get("http.request.resend_count") for each in told.attempts]
    assert counts == [None, 1, 2]
    for refused in (first, second):
        assert (refused.attributes or {})["error.type"] == "429"
        assert refused.status.status_code is StatusCode.ERROR
    assert third.status.status_code is StatusCode.UNSET
    (call,) = told.calls
    assert [each.name for each in call.events] == ["kalshi_ext.retry", "kalshi_ext.retry"]


def test_a_look_up_is_linked_to_the_attempt_that_it_explains(box: Sandbox, kind: str) -> None:
    told = Watched()
    box.faults.add("html", operation=create_of(box), executed=True, times=1)
    (ack,) = run(kind, box, "links", place(), on_event=told.listener)
    assert ack.replayed
    lost, *reads = told.attempts
    assert lost.context is not None
    assert lost.name.startswith("POST")
    assert reads
    for read in reads:
        assert [each.context.span_id for each in read.links] == [lost.context.span_id]
    assert told.gauge("kalshi_ext.unknown_outcomes") == 0


def test_an_attempt_without_an_answer_names_the_class_that_ended_it(
    box: Sandbox, kind: str
) -> None:
    told = Watched()
    nowhere = {"environment": "http://127.0.0.1:9/trade-api/v2", "on_event": told.listener}
    (error,) = run(kind, box, "lost", place(), **nowhere)
    assert isinstance(error, errors.NotSent)
    assert [(each.attributes or {}).get("http.request.resend_count") for each in told.attempts] == [
        None, 1, 2,
    ]  # fmt: skip
    for each in told.attempts:
        attributes = each.attributes or {}
        assert attributes["error.type"] == "ConnectError"
        assert attributes["kalshi_ext.bytes_sent"] is False
        assert "http.response.status_code" not in attributes
        assert each.status.status_code is StatusCode.ERROR


def test_a_refused_call_is_an_error_of_its_span(box: Sandbox, kind: str) -> None:
    told = Watched()
    get = [lambda client: client.orders.get("11111111-2222-4333-8444-555555555555")]
    (error,) = run(kind, box, "refused", *get, on_event=told.listener)
    (call,) = told.calls
    assert call.status.status_code is StatusCode.ERROR
    assert (call.attributes or {})["error.type"] == type(error).__name__


def test_durations_are_a_histogram_with_the_buckets_of_the_conventions(
    box: Sandbox, kind: str
) -> None:
    told = Watched()
    run(kind, box, "metrics", place(), place(), on_event=told.listener)
    (point,) = told.points("http.client.request.duration")
    assert point.explicit_bounds == BUCKETS
    assert point.count == 2
    assert 0 < point.sum < 20
    assert point.attributes["http.response.status_code"] == 201


def test_calls_side_by_side_keep_their_attempts_apart(kind: str, current_box: Sandbox) -> None:
    told, count = Watched(), 8
    key = current_box.account("aside")
    options: dict[str, Any] = {
        "key_id": key.key_id, "private_key": key.private_key, "environment": current_box.url,
        "on_event": told.listener, "pace": None,
    }  # fmt: skip

    async def tasks() -> None:
        async with AsyncKalshi(**options) as client:
            await asyncio.gather(*(client.orders.place(**ORDER) for _ in range(count)))

    if kind == "async":
        asyncio.run(tasks())
    else:
        with Kalshi(**options) as client:
            threads = [threading.Thread(target=place(), args=(client,)) for _ in range(count)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
    parents = {each.parent.span_id for each in told.attempts if each.parent is not None}
    assert len(told.calls) == len(told.attempts) == len(parents) == count
    assert parents == {each.context.span_id for each in told.calls if each.context is not None}


def test_a_call_is_a_child_of_the_span_that_the_caller_is_in(
    kind: str, current_box: Sandbox
) -> None:
    told = Watched()
    with told.tracers.get_tracer("bot").start_as_current_span("quote") as own:
        run(kind, current_box, "child", place(), on_event=told.listener)
    outer, call = told.calls[-1], told.calls[0]
    assert (call.name, outer.name) == ("orders.place", "quote")
    assert call.parent is not None
    assert call.parent.span_id == own.get_span_context().span_id


def test_a_bulk_call_is_one_call_whose_orders_have_no_attribute(
    kind: str, current_box: Sandbox
) -> None:
    told = Watched()
    tickets = [OrderTicket.of(**ORDER) for _ in range(3)]
    many = [lambda client: client.orders.place_many(tickets)]
    run(kind, current_box, "bulk", *many, on_event=told.listener)
    (call,) = told.calls
    assert (call.name, call.attributes) == ("orders.place_many", {})


def test_what_a_stop_denies_is_a_span_that_says_so_and_a_stop_has_its_own_name(
    kind: str, current_box: Sandbox
) -> None:
    told = Watched()
    _, refused = run(
        kind, current_box, "denied", lambda client: client.stop(), place(), on_event=told.listener
    )
    assert isinstance(refused, TradingStopped)
    stop, denied = told.calls
    assert stop.name == "stop"
    assert (denied.attributes or {})["error.type"] == "TradingStopped"


def test_health_sends_nothing_and_makes_no_span(kind: str, current_box: Sandbox) -> None:
    told = Watched()
    run(kind, current_box, "health", lambda client: client.health(), on_event=told.listener)
    assert told.exporter.get_finished_spans() == ()


def test_a_listener_of_ones_own_goes_on_hearing_what_it_heard(
    kind: str, current_box: Sandbox
) -> None:
    alone: list[Any] = []
    behind: list[Any] = []
    run(kind, current_box, "own", place(), on_event=alone.append)
    run(kind, current_box, "own", place(), on_event=Watched(behind.append).listener)
    assert [type(each) for each in behind] == [type(each) for each in alone]
    assert not any(isinstance(each, CallStarted | CallFinished) for each in behind)
    assert len({each.call for each in behind}) == 1


def test_a_client_that_exists_is_instrumented_once_and_keeps_its_listener(
    kind: str, current_box: Sandbox
) -> None:
    told, heard = Watched(), list[Any]()
    seen: list[Any] = []

    def watch(client: Any) -> None:
        seen.append(instrument(client, **told.providers))
        assert instrument(client) is seen[0]

    run(kind, current_box, "door", watch, place(), on_event=heard.append)
    assert [each.name for each in told.calls] == ["orders.place"]
    assert len(heard) == 3


def test_what_is_no_client_is_refused() -> None:
    with pytest.raises(Misuse, match="client"):
        instrument(object())
    with pytest.raises(Misuse, match="on_event"):
        OpenTelemetry(then=3)  # type: ignore[arg-type]


def test_gauges_tell_open_outcomes_waits_and_deviations(kind: str, current_box: Sandbox) -> None:
    told = Watched()
    current_box.faults.add("html", executed=True, times=100)
    (lost,) = run(
        kind, current_box, "gauges",
        lambda client: client.orders.place(**ORDER, deadline=0.3), on_event=told.listener,
    )  # fmt: skip
    current_box.faults.remove()
    assert isinstance(lost, errors.OutcomeUnknown)
    assert told.gauge("kalshi_ext.unknown_outcomes") == 1
    assert told.gauge("kalshi_ext.budget.waiting") == 0
    assert told.gauge("kalshi_ext.deviations") == 0


def test_without_a_provider_nothing_is_recorded_and_nothing_fails(current_box: Sandbox) -> None:
    (ack,) = run("sync", current_box, "plain", place(), on_event=OpenTelemetry())
    assert ack.order_id
    assert not trace.get_current_span().is_recording()
