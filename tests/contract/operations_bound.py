"""Every operation of both contracts bound to calls with every argument it can take.

The calls are those that the examples build: each is made in full by a client whose contract notes
the calls built, and which stops at the first request. Nothing is sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

import httpx
from attrs import evolve, frozen
from calls import Example, examples_of

from kalshi_ext import Kalshi
from kalshi_ext.contracts import contract
from kalshi_ext.drift.documents import document
from kalshi_ext.protocol.messages import Call
from kalshi_ext.requests.filters import ListQuery

CURRENT: Final = contract("current")
CLASSIC: Final = contract("classic")
CONTRACTS: Final = {"current": CURRENT, "classic": CLASSIC}
DOCUMENTS: Final = {name: document(name) for name in ("current", "classic")}
METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
RESOURCES: Final = {row.facade.partition(".")[0] for row in CURRENT.operations.values()}

# The same operation said another way, for fields that exclude each other.
VARIANTS: Final[dict[str, Callable[[Kalshi], Any]]] = {
    "DecreaseOrderV2": lambda c: c.orders.decrease("o1", by=10),
    "GetOrderQueuePositions": lambda c: c.orders.queue_positions(event_ticker="E", subaccount=1),
    "GetPositions": lambda c: c.portfolio.event_positions(event_ticker="E"),
    "createOrder": lambda c: c.orders.place("T", side="yes", action="buy", count=3, price="0.44"),
    "amendOrder": lambda c: c.orders.amend(
        "o1", ticker="T", side="ask", price="0.56", count=1, client_order_id="c1"
    ),
    "getPositions": lambda c: c.portfolio.event_positions(event_ticker="E"),
    # Only the contract takes a page size here: `limit` of the client's list counts rows.
    "getOrderGroups": lambda c: c.session.contract.order_groups.list(ListQuery(size=7)),
}


def _examples(name: str) -> dict[str, Example]:
    by_word = {example.word: example for example in examples_of(name)}
    operations = CONTRACTS[name].operations
    return {id_: by_word[row.facade] for id_, row in operations.items() if row.facade in by_word}


CALLS: Final = {name: _examples(name) for name in CONTRACTS}
EVERY: Final = [(name, operation) for name, examples in CALLS.items() for operation in examples]


class FirstRequest(BaseException):
    """Ends a call where it would send. No Exception: a flow would take it for a lost answer."""


class NoNetwork(httpx.BaseTransport):
    """Ends a call at its first request."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise FirstRequest


@frozen
class CallLog:
    """A resource of a contract that notes the calls it builds."""

    resource: Any
    built: list[Call[Any]]

    def __getattr__(self, word: str) -> Callable[..., Call[Any]]:
        build = getattr(self.resource, word)

        def build_and_note(*arguments: Any, **named: Any) -> Call[Any]:
            call = build(*arguments, **named)
            self.built.append(call)
            return call

        return build_and_note


def built_calls(name: str, work: Callable[[Kalshi], Any]) -> list[Call[Any]]:
    """Return the calls that a client builds until its first request."""
    built: list[Call[Any]] = []
    with Kalshi(transport=NoNetwork(), bearer_token="unused", contract=name) as client:
        logs = {each: CallLog(getattr(CONTRACTS[name], each), built) for each in RESOURCES}
        client.session = evolve(client.session, contract=evolve(CONTRACTS[name], **logs))
        with contextlib.suppress(FirstRequest):
            work(client)
    return built


@cache
def calls_of(name: str, operation: str) -> list[Call[Any]]:
    """Give the calls of an operation, all ways."""
    works = [CALLS[name][operation].call_in_full]
    works += [VARIANTS[operation]] if operation in VARIANTS else []
    built = [call for work in works for call in built_calls(name, work)]
    # A change may build its call twice: to see what it refuses, and to send it.
    requests = {call.request: call for call in built if call.operation.id == operation}
    assert requests, f"the example of {CALLS[name][operation].word} builds no {operation}"
    return list(requests.values())


def documented(name: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Walk a document: operationId, METHOD, path, operation with the path's parameters resolved."""
    whole = DOCUMENTS[name]
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                operation = dict(item[method])
                listed = [*item.get("parameters", ()), *operation.get("parameters", ())]
                operation["parameters"] = [resolved(name, one) for one in listed]
                yield operation["operationId"], method.upper(), path, operation


def resolved(name: str, node: dict[str, Any]) -> dict[str, Any]:
    """Follow references to what they name."""
    while "$ref" in node:
        found: Any = DOCUMENTS[name]
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def schema_of(name: str, content: dict[str, Any]) -> dict[str, Any] | None:
    """Give the JSON schema of a response or request body; None where it has none."""
    found = resolved(name, content).get("content", {}).get("application/json", {})
    return found.get("schema")
