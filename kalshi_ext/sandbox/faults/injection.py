"""Faults of the answer layer: what the exchange does and says in place of the truth.

Most kinds replace the answer: a function makes a fake response, and decides whether the true one
is made first (`executed`). Three kinds change what happens instead:

- skew: authentication runs with its clock moved, so that the timestamp has expired.
- zombie: the request is answered truly now, and delivered once more after `later` other requests.
- before: admin commands run first, then the request is answered truly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias, cast

from attrs import define, evolve, field, frozen

from kalshi_ext.sandbox.engine import Answer, Engine
from kalshi_ext.sandbox.faults.rules import FaultPlan, FaultRule
from kalshi_ext.sandbox.http_messages import (
    HttpRequest,
    HttpResponse,
    Json,
    error_response,
    json_response,
)
from kalshi_ext.sandbox.request_log import LoggedRequest, RequestLog
from kalshi_ext.sandbox.routes import Match

TrueAnswer: TypeAlias = Callable[..., HttpResponse]
"""Execute the request and give its true answer; skew=: with clocks so many seconds apart."""


class FaultTarget(Protocol):
    """What a fault may use of the exchange."""

    engine: Engine
    faults: FaultPlan
    request_log: RequestLog

    def administer(self, action: str, params: Mapping[str, Any]) -> Answer: ...


@frozen
class RoutedRequest:
    """Carry one request with its operation and its record in the log."""

    request: HttpRequest
    match: Match
    entry: LoggedRequest


@frozen
class FaultContext:
    """Give a fake response what it may use."""

    rule: FaultRule
    execute: Callable[[], HttpResponse]
    """Execute the request and give its true answer."""
    earlier: Callable[[], HttpResponse | None]
    """The first good answer the same caller got to the same read."""
    other_order: Callable[[], str]
    """The id of another order."""

    def option(self, name: str) -> Any:
        """Read a parameter of the rule."""
        return self.rule.parameters[name]


@define
class _DelayedDuplicate:
    remaining: int
    """Requests still to pass before it is delivered."""
    routed: RoutedRequest


@define
class FaultInjector:
    """Act out the rules of the answer layer."""

    target: FaultTarget
    duplicates: list[_DelayedDuplicate] = field(factory=list[_DelayedDuplicate])

    def due_rule(self, routed: RoutedRequest) -> FaultRule | None:
        """Count a request and find the rule that acts on it."""
        entry = routed.entry
        names = (routed.match.operation.id, f"{entry.method} {routed.request.path}")
        rule = self.target.faults.due_rule("answer", names=names, account=entry.account)
        if rule is not None:
            entry.fault = rule.number
        return rule

    def respond(
        self, rule: FaultRule, routed: RoutedRequest, true_answer: TrueAnswer
    ) -> HttpResponse:
        """Answer as the rule wants."""
        match rule.kind:
            case "skew":
                return true_answer(skew=float(rule.parameters["seconds"]))
            case "zombie":
                later = int(rule.parameters["later"])
                self.duplicates.append(_DelayedDuplicate(later, routed))
                return true_answer()
            case "before":
                self._administer(rule)
                return true_answer()
            case kind:
                return FAKE_RESPONSES[kind](self._context(rule, routed, true_answer))

    def due_duplicates(self) -> list[RoutedRequest]:
        """Count one more request and give the duplicates that are due."""
        # This also runs after the request that made the duplicate: later=0 is delivered at once,
        # later=1 after the next request.
        due = [duplicate.routed for duplicate in self.duplicates if duplicate.remaining <= 0]
        self.duplicates = [duplicate for duplicate in self.duplicates if duplicate.remaining > 0]
        for duplicate in self.duplicates:
            duplicate.remaining -= 1
        return due

    def _administer(self, rule: FaultRule) -> None:
        for command in rule.parameters["commands"]:
            self.target.administer(str(command["action"]), command.get("params", {}))

    def _context(
        self, rule: FaultRule, routed: RoutedRequest, true_answer: TrueAnswer
    ) -> FaultContext:
        return FaultContext(
            rule,
            true_answer,
            earlier=partial(self._earlier_answer, routed.entry),
            other_order=partial(self._other_order, routed),
        )

    def _earlier_answer(self, entry: LoggedRequest) -> HttpResponse | None:
        key = ("GET", entry.target, entry.account)
        for earlier in self.target.request_log.requests:
            same = (earlier.method, earlier.target, earlier.account) == key
            if same and earlier.status == 200 and entry.method == "GET":
                return HttpResponse(200, earlier.answer)
        return None

    def _other_order(self, routed: RoutedRequest) -> str:
        own = routed.match.path.get("order_id")
        rows = self.target.engine.truth.orders(account=routed.entry.account)
        others = [str(row["order_id"]) for row in rows if row["order_id"] != own]
        return others[0] if others else "00000000-0000-4000-8000-000000000000"


FakeResponse: TypeAlias = Callable[[FaultContext], HttpResponse]

_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def _execute_if_asked(context: FaultContext) -> HttpResponse | None:
    return context.execute() if context.option("executed") else None


def _html(context: FaultContext) -> HttpResponse:
    _execute_if_asked(context)
    status = int(context.option("status"))
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return HttpResponse(status, page.encode(), "text/html; charset=utf-8")


def _status(context: FaultContext) -> HttpResponse:
    _execute_if_asked(context)
    status, body = int(context.option("status")), context.option("body")
    if body is None:
        return error_response(status, str(context.option("code")))
    text = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(status, text.encode(), str(context.option("content_type")))


def _error_in_success(context: FaultContext) -> HttpResponse:
    _execute_if_asked(context)
    return evolve(error_response(500, str(context.option("code"))), status=200)


def _wrong_type(context: FaultContext) -> HttpResponse:
    answer = _execute_if_asked(context) or json_response(200, {})
    body = json.loads(answer.body or b"{}")
    # Not json_response: null there means no body at all, and here it is the body.
    return HttpResponse(answer.status, json.dumps(_RETYPED[context.option("to")](body)).encode())


def _garbage(context: FaultContext) -> HttpResponse:
    answer = _execute_if_asked(context)
    noise = context.rule.random.randbytes(int(context.option("size")))
    return HttpResponse(answer.status if answer else 200, noise)


def _truncated(context: FaultContext) -> HttpResponse:
    answer = _execute_if_asked(context) or json_response(200, {"truncated": True})
    return evolve(answer, body=answer.body[: int(context.option("keep"))])


def _throttle(_context: FaultContext) -> HttpResponse:
    return json_response(429, {"error": "too many requests"})


def _stale(context: FaultContext) -> HttpResponse:
    return context.earlier() or context.execute()


def _lost_entries(context: FaultContext) -> HttpResponse:
    lost = {int(index) for index in context.option("entries")}
    return _with_entries(
        context.execute(), lambda rows: [row for at, row in enumerate(rows) if at not in lost]
    )


def _reordered(context: FaultContext) -> HttpResponse:
    def shuffled(rows: list[Json]) -> list[Json]:
        mixed = context.rule.random.sample(rows, len(rows))
        # A shuffle may give the order it began with, which would be no fault.
        return mixed if mixed != rows else rows[::-1]

    return _with_entries(context.execute(), shuffled)


def _another_order(context: FaultContext) -> HttpResponse:
    answer = context.execute()
    body = json.loads(answer.body or b"{}")
    order = body.get("order", body)
    order["order_id"] = context.option("order_id") or context.other_order()
    return json_response(answer.status, body)


def _cursor_loop(context: FaultContext) -> HttpResponse:
    answer = context.execute()
    return json_response(answer.status, {**json.loads(answer.body or b"{}"), "cursor": "bG9vcA"})


def _with_entries(answer: HttpResponse, change: Callable[[list[Json]], list[Json]]) -> HttpResponse:
    body = json.loads(answer.body or b"{}")
    changed = {
        name: change(_rows(value)) if isinstance(value, list) else value
        for name, value in body.items()
    }
    return json_response(answer.status, changed)


def _rows(value: Json) -> list[Json]:
    return cast("list[Json]", value)


def _fields(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value)


def _decimals_to_numbers(value: Json) -> Json:
    """Turn decimal text into JSON numbers, all the way down."""
    match value:
        case dict():
            return {name: _decimals_to_numbers(inner) for name, inner in _fields(value).items()}
        case list():
            return [_decimals_to_numbers(inner) for inner in _rows(value)]
        case str() if _DECIMAL.fullmatch(value):
            return float(value)
        case _:
            return value


_RETYPED: Mapping[str, Callable[[Json], Json]] = {
    "list": lambda body: [body],
    "null": lambda _body: None,
    "text": json.dumps,
    "numbers": _decimals_to_numbers,
}

FAKE_RESPONSES: Mapping[str, FakeResponse] = {
    "html": _html,
    "status": _status,
    "error_in_success": _error_in_success,
    "wrong_type": _wrong_type,
    "garbage_body": _garbage,
    "truncated_body": _truncated,
    "throttle": _throttle,
    "stale": _stale,
    "lost_entries": _lost_entries,
    "reordered": _reordered,
    "another_order": _another_order,
    "cursor_loop": _cursor_loop,
}
