"""The listener: spans of calls and attempts.

    INTERNAL  orders.place                       a call of the caller's, by the facade's word
      CLIENT  POST …/portfolio/events/orders     each attempt, resends with their count
      CLIENT  GET …/portfolio/orders             a look-up, linked to the attempt it explains

Events of a call come one after another on the thread or task that runs it, so an attempt is over
before the next one of its call begins, also in a bulk call.
"""

from __future__ import annotations

import time
from typing import Any, Final

from attrs import define, field
from opentelemetry import context as otel_context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    get_tracer,
    set_span_in_context,
)

from kalshi_ext.arguments import must_be
from kalshi_ext.events import (
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    CallEnded,
    CallEvent,
    CallFinished,
    CallStarted,
    ClockCorrected,
    DeviationFound,
    Event,
    Events,
    Listener,
    RetryPlanned,
    UnknownOpened,
    UnknownResolved,
    WaitBegan,
    WriteDenied,
    checked_listener,
)
from kalshi_ext.otel.attributes import (
    SCHEMA_URL,
    Attributes,
    of_loss,
    of_outcome,
    of_request,
    of_status,
    span_name,
)
from kalshi_ext.otel.metrics import Metrics

# Calls whose own name says more than the requests that they send.
_FLOWS: Final = frozenset({"stop", "resume", "recover"})


def _request_of(event: CallEvent) -> tuple[Any, ...]:
    """Tell requests of one call apart: what they do, and to which orders."""
    return (event.call, event.operation_id, event.client_order_ids, event.order_id)


@define(eq=False)
class _Attempt:
    span: Span
    attributes: Attributes
    began: float
    operation: str


@define(eq=False)
class _Call:
    """A call under way. Its span begins with the first thing that happens."""

    started: CallStarted
    context: otel_context.Context
    span: Span | None = None
    operation: str = ""  # of its first write, or of its first read where none is
    is_write: bool = False
    outcomes: list[CallEnded] = field(factory=list[CallEnded])
    attempt: _Attempt | None = None
    # How often each request was sent again, and those that go again next.
    resends: dict[tuple[Any, ...], int] = field(factory=dict[tuple[Any, ...], int])
    again: set[tuple[Any, ...]] = field(factory=set[tuple[Any, ...]])
    # The last attempt for each order's id, and for "" the last write of any kind.
    writes: dict[str, SpanContext] = field(factory=dict[str, SpanContext])
    looking: dict[str, SpanContext | None] = field(factory=dict[str, SpanContext | None])

    def resend_count(self, event: AttemptSent) -> int:
        """Return how often this request was sent before in this call."""
        request = _request_of(event)
        # The same write after a look-up is a resend; the same read is the next look, or page.
        names_orders = bool(event.client_order_ids or event.order_id)
        is_write_again = event.method != "GET" and names_orders and request in self.resends
        is_again = request in self.again or is_write_again
        self.again.discard(request)
        self.resends[request] = self.resends.get(request, 0) + 1 if is_again else 0
        return self.resends[request]

    def links(self, event: AttemptSent) -> list[Link]:
        """Return the attempts that a read explains."""
        if event.method != "GET":
            return []
        found = {each.span_id: each for each in self.looking.values() if each is not None}
        return [Link(each) for each in found.values()]

    def note_write(self, event: AttemptSent, span: SpanContext) -> None:
        """Remember the attempt that a look-up may have to explain."""
        if event.method != "GET":
            for name in ("", event.order_id or "", *event.client_order_ids):
                self.writes[name] = span


class OpenTelemetry:
    """A listener (`on_event=OpenTelemetry()`) that makes spans and metrics of events.

    Several clients may share one. `then` is a listener of your own, called with each event after
    it. The providers are the global ones by default. Raises Misuse for a `then` that is no plain
    function.
    """

    wants_calls = True

    def __init__(
        self,
        then: Listener | None = None,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Take the tracer and make the instruments; nothing is sent."""
        self._then = checked_listener(then)
        self._tracer = get_tracer(
            "kalshi_ext", tracer_provider=tracer_provider, schema_url=SCHEMA_URL
        )
        self._metrics = Metrics(meter_provider)
        self._calls: dict[int, _Call] = {}

    def __call__(self, event: Event) -> None:
        """Take an event in, and hand it on."""
        try:
            self._take(event)
        finally:
            wants_it = not isinstance(event, CallStarted | CallFinished)
            if self._then is not None and (wants_it or getattr(self._then, "wants_calls", False)):
                self._then(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, CallStarted):
            self._calls[event.call] = _Call(event, otel_context.get_current())
        elif isinstance(event, CallFinished):
            self._finish(event)
        elif isinstance(event, DeviationFound):
            self._metrics.deviation((event.operation_id, event.kind, event.where))
        elif isinstance(event, CallEvent):
            call = self._calls.get(event.call)
            take = _TAKERS.get(type(event))
            if call is not None and take is not None:  # no call: it began before this listener
                getattr(self, take)(event, call)

    # Calls

    def _span(self, call: _Call, event: CallEvent) -> Span:
        """Return the span of a call, named by its first write, or its first read where none is."""
        if call.span is None:
            call.span = self._start_call(call, event.operation)
            call.operation = event.operation
        return call.span

    def _start_call(self, call: _Call, operation: str) -> Span:
        flow = call.started.flow
        return self._tracer.start_span(
            flow if flow in _FLOWS else operation,
            context=call.context,
            kind=SpanKind.INTERNAL,
            start_time=int(call.started.time.timestamp() * 1e9),
        )

    def _name_by(self, call: _Call, event: AttemptSent) -> Span:
        span = self._span(call, event)
        if event.method != "GET" and not call.is_write:
            call.is_write, call.operation = True, event.operation
            if call.started.flow not in _FLOWS:
                span.update_name(event.operation)
        return span

    def _ended(self, event: CallEnded, call: _Call) -> None:
        self._span(call, event)
        if len(call.outcomes) < 2 and event.operation == call.operation:
            call.outcomes.append(event)

    def _finish(self, event: CallFinished) -> None:
        call = self._calls.pop(event.call, None)
        self._metrics.call_ended(event.call)
        if call is None:
            return
        if call.attempt is not None:  # interrupted, or a client that was closed
            self._end_attempt(call, {"error.type": event.error or "interrupted"}, None)
        if call.span is None and event.error is not None:
            call.span = self._start_call(call, call.started.flow)
        if call.span is None:  # nothing happened, as in client.health()
            return
        if len(call.outcomes) == 1:  # ids of a batch's orders are in nobody's attributes
            call.span.set_attributes(of_outcome(call.outcomes[0]))
        if event.error is not None:
            call.span.set_attribute("error.type", event.error)
            call.span.set_status(Status(StatusCode.ERROR))
        call.span.end()

    # Attempts

    def _sent(self, event: AttemptSent, call: _Call) -> None:
        self._metrics.wait_ended(_request_of(event), event.operation, event.waited)
        parent = self._name_by(call, event)
        attributes, resends = of_request(event), call.resend_count(event)
        span = self._tracer.start_span(
            span_name(attributes),
            context=set_span_in_context(parent, call.context),
            kind=SpanKind.CLIENT,
            attributes=attributes | ({"http.request.resend_count": resends} if resends else {}),
            links=call.links(event),
        )
        call.note_write(event, span.get_span_context())
        call.attempt = _Attempt(span, attributes, time.monotonic(), event.operation)

    def _answered(self, event: AttemptAnswered, call: _Call) -> None:
        self._end_attempt(call, of_status(event.status), event.seconds)

    def _lost(self, event: AttemptLost, call: _Call) -> None:
        if call.attempt is not None:
            call.attempt.span.set_attribute("kalshi_ext.bytes_sent", event.bytes_sent)
        self._end_attempt(call, of_loss(event), None, event.reason)

    def _end_attempt(
        self, call: _Call, known: Attributes, seconds: float | None, reason: str | None = None
    ) -> None:
        attempt, call.attempt = call.attempt, None
        if attempt is None:
            return
        attempt.span.set_attributes(known)
        if "error.type" in known:
            attempt.span.set_status(Status(StatusCode.ERROR, reason))
        attempt.span.end()
        took = time.monotonic() - attempt.began if seconds is None else seconds
        self._metrics.attempt(took, attempt.attributes | known)

    def _denied(self, event: WriteDenied, call: _Call) -> None:
        self._metrics.wait_ended(_request_of(event), event.operation, 0.0)
        details: Attributes = {"kalshi_ext.code": event.code, "kalshi_ext.reason": event.reason}
        self._span(call, event).add_event("kalshi_ext.denied", details)
        self._end_attempt(call, {"error.type": event.code}, None, event.reason)

    # What happens between attempts

    def _retry(self, event: RetryPlanned, call: _Call) -> None:
        call.again.add(_request_of(event))
        details: Attributes = {"kalshi_ext.wait": event.wait, "kalshi_ext.reason": event.reason}
        self._span(call, event).add_event("kalshi_ext.retry", details)

    def _clock(self, event: ClockCorrected, call: _Call) -> None:
        call.again.add(_request_of(event))
        self._span(call, event).add_event("kalshi_ext.clock", {"kalshi_ext.seconds": event.seconds})

    def _wait(self, event: WaitBegan, call: _Call) -> None:
        self._metrics.wait_began(_request_of(event))
        details: Attributes = {"kalshi_ext.wait": event.seconds, "kalshi_ext.reason": event.reason}
        self._span(call, event).add_event("kalshi_ext.wait", details)

    def _opened(self, event: UnknownOpened, call: _Call) -> None:
        earlier = self._metrics.attempt_of(event.key)
        attempt = call.writes.get(event.key) or earlier or call.writes.get("")
        call.looking[event.key] = attempt
        self._metrics.unknown_opened(event.key, attempt)
        self._span(call, event).add_event("kalshi_ext.unknown", {"kalshi_ext.reason": event.reason})

    def _resolved(self, event: UnknownResolved, call: _Call) -> None:
        call.looking.pop(event.key, None)
        # A cancel that is left open is nobody's any more: no journal knows it.
        if event.verdict != "open" or event.operation.startswith("orders.cancel"):
            self._metrics.unknown_closed(event.key)
        details: Attributes = {
            "kalshi_ext.verdict": event.verdict,
            "kalshi_ext.seconds": event.seconds,
        }
        self._span(call, event).add_event("kalshi_ext.resolved", details)


_TAKERS: Final[dict[type[Event], str]] = {
    AttemptSent: "_sent",
    AttemptAnswered: "_answered",
    AttemptLost: "_lost",
    CallEnded: "_ended",
    ClockCorrected: "_clock",
    RetryPlanned: "_retry",
    UnknownOpened: "_opened",
    UnknownResolved: "_resolved",
    WaitBegan: "_wait",
    WriteDenied: "_denied",
}


def instrument(
    client: Any,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> OpenTelemetry:
    """Listen to a client that exists, sync or async, before its own `on_event`; once a client.

    Calls that run already are left out. Raises Misuse for what is no client.
    """
    session = getattr(client, "session", None)
    events = getattr(getattr(session, "context", None), "events", None)
    if not isinstance(events, Events):
        raise must_be("client", client, "a Kalshi or AsyncKalshi")
    if isinstance(events.listener, OpenTelemetry):
        return events.listener
    providers: dict[str, Any] = {
        "tracer_provider": tracer_provider,
        "meter_provider": meter_provider,
    }
    events.listener = OpenTelemetry(events.listener, **providers)
    return events.listener
