"""Check every value that the client sends against the schema that a contract gives it.

The values are those of the example calls, and the outermost that the client admits: what it lets
through and the contract refuses is a 400 that its user meets. The client is that of the repository;
page sizes are read off the contract and follow it by themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from adopt_steps.references import dereference

_Work = Callable[[Any], Any]
_LONG_ID = "c" * 64
_OUTER: dict[str, Any] = {"subaccount": 63, "exchange_index": 3}
_INNER: dict[str, Any] = {"subaccount": 0, "exchange_index": -1}

# By word of the facade: calls with the outermost values that the client admits. A call that a
# client refuses in the meantime is left out.
AT_BOUNDS: dict[str, tuple[_Work, ...]] = {
    "orders.place": (
        lambda c: c.orders.place(
            "T", side="bid", count="0.01", price="0.0001", client_order_id="c", **_INNER
        ),
        lambda c: c.orders.place(
            "T" * 64,
            side="ask",
            count=1_000_000_000,
            price="0.9999",
            client_order_id=_LONG_ID,
            expires=32_503_680_000,
            **_OUTER,
        ),
        lambda c: c.orders.place(
            "T", side="no", action="buy", count=1, price="0.01", client_order_id=_LONG_ID
        ),
        lambda c: c.orders.place(
            "T", side="yes", action="buy", count=1_000_000_000, price="0.99", client_order_id="c"
        ),
        *(
            lambda c, how=how: c.orders.place("T", side="bid", count=1, price="0.5", **how)
            for how in (
                {"time_in_force": "fill_or_kill"},
                {"time_in_force": "immediate_or_cancel"},
                {"time_in_force": "good_till_canceled"},
                {"self_trade_prevention": "maker"},
                {"self_trade_prevention": "taker_at_cross"},
            )
        ),
    ),
    "order_groups.create": (
        lambda c: c.order_groups.create(contracts_limit=1, **_INNER),
        lambda c: c.order_groups.create(contracts_limit=1_000_000, **_OUTER),
        lambda c: c.order_groups.create(contracts_limit=1_000_000),
    ),
    "order_groups.set_limit": (
        lambda c: c.order_groups.set_limit("g1", 1, **_INNER),
        lambda c: c.order_groups.set_limit("g1", 1_000_000, **_OUTER),
    ),
    "orders.decrease": (
        lambda c: c.orders.decrease("o1", to=1_000_000_000, ticker="T", **_OUTER),
        lambda c: c.orders.decrease("o1", to="0.01", ticker="T", **_INNER),
    ),
    "markets.orderbook": (
        lambda c: c.markets.orderbook("T", depth=1),
        lambda c: c.markets.orderbook("T", depth=100),
    ),
    "orders.cancel": (lambda c: c.orders.cancel("o1", ticker="T", **_OUTER),),
    "orders.cancel_all": (
        lambda c: c.orders.cancel_all(subaccount=63),
        lambda c: c.orders.cancel_all(subaccount=0),
    ),
    **{
        word: tuple(
            lambda c, word=word, index=index: _resource(c, word)(**index)
            for index in (_INNER, _OUTER, {"subaccount": 0}, {"subaccount": 63})
        )
        for word in (
            "orders.list",
            "portfolio.balance",
            "portfolio.fills",
            "portfolio.positions",
        )
    },
    "portfolio.settlements": (
        lambda c: c.portfolio.settlements(subaccount=63),
        lambda c: c.portfolio.settlements(subaccount=0),
    ),
}


def _resource(client: Any, word: str) -> Any:
    resource, _, name = word.partition(".")
    return getattr(getattr(client, resource), name)


def calls_at_bounds(name: str, word: str, operation: str) -> Iterator[Any]:
    """Build the calls of an operation with the outermost values that the client admits."""
    from operations_bound import built_calls

    from kalshi_ext.errors import Misuse

    for work in AT_BOUNDS.get(word, ()):
        try:
            built = built_calls(name, work)
        except Misuse:  # this contract has no such argument, or the client became stricter
            continue
        yield from (call for call in built if call.operation.id == operation)


class SentValues:
    """Judges the requests of a client by one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        from contract.conformance import Conformance, json_schema

        self.document = document
        self.bodies = Conformance(document)
        self.components = json_schema(document)["components"]

    def refused(self, documented: dict[str, Any], path: str, request: Any) -> Iterator[str]:
        """List what a contract refuses of a request; the names it does not know are not judged."""
        parameters = [dereference(self.document, each) for each in documented.get("parameters", ())]
        schemas = {(each["in"], each["name"]): each.get("schema", {}) for each in parameters}
        for name, text in request.query:
            yield from self._value(f"query parameter {name}", schemas.get(("query", name)), text)
        for name, text in _path_values(path, request.path).items():
            yield from self._value(f"path parameter {name}", schemas.get(("path", name)), text)
        if request.body:
            yield from self._body(documented["operationId"], request.body)

    def _body(self, operation: str, body: bytes) -> Iterator[str]:
        for problem in self.bodies.request_problems(operation, "application/json", body):
            place = problem.removeprefix(f"{operation}: ")
            # Without indexes one cause in fifty rows is one problem.
            yield "body " + re.sub(r"\[[0-9]+\]", "[]", place)

    def _value(self, where: str, schema: dict[str, Any] | None, text: str) -> Iterator[str]:
        if schema is None:
            return
        from jsonschema import Draft202012Validator

        checker = Draft202012Validator({**self._json_schema(schema), "components": self.components})
        # A query has text only: it fits when any reading of it does.
        causes = [[each.message for each in checker.iter_errors(v)] for v in _readings(text)]
        if [] not in causes:
            yield f"{where}: {causes[-1][0]}"[:300]

    def _json_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        from contract.conformance import json_schema

        holder = {"components": {"schemas": {"value": schema}}}
        found: dict[str, Any] = json_schema(holder)["components"]["schemas"]["value"]
        return found


def _readings(text: str) -> list[Any]:
    """List what a text of a query may mean; the closest to a schema's own type last."""
    readings: list[Any] = [text, [text]]
    readings += [text == "true"] if text in ("true", "false") else []
    return readings + ([json.loads(text)] if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", text) else [])


def _path_values(template: str, path: str) -> dict[str, str]:
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template))
    found = re.search(f"{pattern}$", path)
    return {name: unquote(text) for name, text in found.groupdict().items()} if found else {}
