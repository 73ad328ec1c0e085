"""The script of a TCP server that records every request and answers by the documents."""

from __future__ import annotations

import json
import threading
from typing import Any

from core_every_call import KEY
from operations_bound import DOCUMENTS, documented, resolved, schema_of
from scripted_server import Connection

# What the client checks against its request, so that a sample by type alone would be refused.
FIXED_VALUES = {
    "order_id": "o1",
    "client_order_id": "c1",
    "ticker": "T",
    "market_ticker": "T",
    "order_group_id": "g1",
    "transfer_id": KEY,
    "status": "resting",
    "as_of_time": "2030-01-01T00:00:00Z",
    "cursor": "",
    "count": 5,
    "initial_count": 5,
    "fill_count": 1,
    "remaining_count": 4,
    "error": None,
    "side": "no",
    "action": "buy",
}
# What the changes of the examples ask for stands in the classic answers to them.
CHANGED_VALUES: dict[str, dict[str, Any]] = {
    "amendOrder": {"yes_price": 57},
    "decreaseOrder": {"remaining_count": 2},
    "cancelOrder": {"status": "canceled"},
}


# Every answer of the exchange has a Date: here one before its watermark, so that reads are fresh.
DATE = "date: Mon, 31 Dec 2029 23:59:00 GMT"


class DocumentedAnswers:
    """Answers of one contract, one for each operation, made from the schemas of its document."""

    def __init__(self, contract: str) -> None:
        self.contract = contract
        self.rows = list(documented(contract))
        self.fixed: dict[str, Any] = FIXED_VALUES

    def answer_for(self, method: str, path: str) -> tuple[str, bytes]:
        """Return the operation a request means and its successful answer, head and body."""
        for id_, wanted, template, operation in self.rows:
            if wanted == method and self._matches(template, path):
                status = min(s for s in operation["responses"] if s.startswith("2"))
                schema = schema_of(self.contract, operation["responses"][status])
                self.fixed = FIXED_VALUES | CHANGED_VALUES.get(id_, {})
                body = b"" if schema is None else json.dumps(self.sample(schema)).encode()
                head = f"HTTP/1.1 {status} OK\r\n{DATE}\r\ncontent-length: {len(body)}\r\n\r\n"
                return id_, head.encode() + body
        raise AssertionError(f"no operation is {method} {path}")

    @staticmethod
    def _matches(template: str, path: str) -> bool:
        parts, segments = template.split("/"), path.split("/")
        return len(parts) == len(segments) and all(
            part.startswith("{") or part == segment
            for part, segment in zip(parts, segments, strict=True)
        )

    def sample(self, schema: dict[str, Any], name: str = "") -> Any:
        """Make a full sample of a schema."""
        if "$ref" in schema:
            return self.sample(resolved(self.contract, schema), name)
        for word in ("allOf", "anyOf"):
            if word in schema:
                return self.sample(schema[word][0], name)
        if schema.get("type") == "array":
            if schema.get("minItems"):  # a level of an order book
                return ["0.40", "5.00"]
            return [self.sample(schema["items"], name)]
        if schema.get("type") == "object":
            fields = schema.get("properties", {})
            return {name: self._value(name, inner) for name, inner in fields.items()}
        if "enum" in schema:
            return schema["enum"][0]
        return self._scalar(schema, name)

    def _value(self, name: str, schema: dict[str, Any]) -> Any:
        inner = resolved(self.contract, schema)
        if name in self.fixed and inner.get("type") != "array":
            value = self.fixed[name]
            return str(value) if inner.get("type") == "string" and value is not None else value
        return self.sample(schema, name)

    def _scalar(self, schema: dict[str, Any], name: str) -> Any:
        kind = schema.get("type")
        if kind in ("boolean", "integer", "number"):
            return {"boolean": True}.get(str(kind), 1)
        dated = schema.get("format") == "date-time" or name.endswith(("_time", "_ts", "_datetime"))
        return "2026-11-22T12:00:00Z" if dated else "1.00"


class RequestRecorder:
    """Record the raw request, answer from the documents."""

    def __init__(self, contract: str) -> None:
        assert contract in DOCUMENTS
        self.raw: list[bytes] = []
        self.operations: list[str] = []
        self._answers = DocumentedAnswers(contract)
        self._lock = threading.Lock()

    def __call__(self, connection: Connection) -> None:
        while True:
            request = connection.request()
            method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
            path = target.partition("?")[0].removeprefix("/trade-api/v2")
            id_, answer = self._answers.answer_for(method, path)
            with self._lock:
                self.raw.append(request)
                self.operations.append(id_)
            connection.send(answer)

    def take_recorded(self) -> tuple[list[bytes], list[str]]:
        """Return the requests and operations recorded since the last call."""
        with self._lock:
            recorded = (self.raw, self.operations)
            self.raw, self.operations = [], []
        return recorded
