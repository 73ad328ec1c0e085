"""Compare a contract with the hand-written client: what the client does not send or read of it.

Every call of the facade is built, which shows the parameters and body properties it sends. Every
answer of the contract is made up in full of TrackedObjects and decoded, which shows the properties
it reads. What one side has and the other has not is a Gap, unless the tests know a reason.
"""

from __future__ import annotations

import collections
import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from adopt_steps.references import dereference
from adopt_steps.sent_values import SentValues, calls_at_bounds

# One parser reads every error body, so no decoder of an operation reads these.
ERRORS = frozenset({"ErrorResponse", "ErrorDetail"})


@frozen
class Gap:
    """One part of a contract without its counterpart in the client.

    `lacks` is one of the texts below, `where` the operation, parameter or property.
    """

    operation: str
    call: str
    lacks: str
    where: str

    def __str__(self) -> str:
        call = f" ({self.call})" if self.call else ""
        return f"{self.operation}{call}: {self.lacks}: {self.where}"


# From what stops working to what is merely not offered; users read these texts.
REMOVED = "the contract has no such operation any more"
MOVED = "is now"
UNREADABLE = "the answer cannot be read"
NOT_SENT = "required and never sent"
OBSOLETE = "sent, and no longer in the contract"
REFUSED = "sent, and refused by the contract"
ABSENT = "read where it is there, and no longer in the contract"
MISSING = "needed, and no longer in the contract"
NO_CALL = "no call of the facade"
NO_ARGUMENT = "no argument says it"
NO_MODEL = "no model shows it"
BROKEN = frozenset({REMOVED, MOVED, UNREADABLE, NOT_SENT, OBSOLETE, REFUSED, ABSENT, MISSING})


def coverage(name: str, document: dict[str, Any], base: dict[str, Any]) -> list[Gap]:
    """List the gaps between the client of the contract `name` and a document of that contract.

    One decoder may serve several objects, so it reads properties that only some of them have. A
    property that is absent also in `base`, the document the client was written for, is no gap.
    """
    # The same decoder, so the same properties asked for in vain.
    # Made-up ids are no UUIDs, in both documents.
    expected = {gap for gap in _gaps(name, base) if gap.lacks in (ABSENT, REFUSED)}
    return [gap for gap in _gaps(name, document) if gap not in expected]


def _gaps(name: str, document: dict[str, Any]) -> list[Gap]:
    from operations_bound import CALLS, CONTRACTS

    documented = dict(_operations(document))
    bound = CONTRACTS[name].operations
    gaps = [
        Gap(id_, "", NO_CALL, f"{method} {path}")
        for id_, (method, path, _) in documented.items()
        if id_ not in bound
    ]
    comparison = ClientComparison(name, document)
    for id_, operation in bound.items():
        if id_ not in documented:
            gaps.append(Gap(id_, operation.facade, REMOVED, f"{operation.method} {operation.path}"))
        elif id_ in CALLS[name]:
            gaps += comparison.operation(id_, operation, *documented[id_])
    return gaps + comparison.unread_properties()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                yield operation["operationId"], (method.upper(), path, operation)


class ClientComparison:
    """Compares the operations of one document with the client.

    `half_read` holds the schemas of answers whose decoding failed: what was not read of them says
    nothing.
    """

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document
        self.sampler = Sampler(document)
        self.values = SentValues(document)
        self.half_read: set[str] = set()

    def operation(
        self, id_: str, bound: Any, method: str, path: str, documented: dict[str, Any]
    ) -> Iterator[Gap]:
        """List the gaps of one operation."""
        from operations_bound import calls_of

        calls = calls_of(self.name, id_)
        if (bound.method, bound.path) != (method, path):
            yield Gap(id_, bound.facade, MOVED, f"{method} {path}")
        sent = {name for call in calls for name, _ in call.request.query}
        # All calls of an operation together: each example sends some of the parameters.
        yield from self._parameters(id_, bound.facade, documented, sent)
        yield from self._body(id_, bound.facade, documented, calls)
        yield from self._values(id_, bound, path, documented, calls)
        for call in calls:
            yield from self._answer(id_, bound, documented, call)

    def _values(
        self, id_: str, bound: Any, path: str, documented: dict[str, Any], calls: list[Any]
    ) -> Iterator[Gap]:
        for call in (*calls, *calls_at_bounds(self.name, bound.facade, id_)):
            refused = self.values.refused(documented, path, call.request)
            yield from (Gap(id_, bound.facade, REFUSED, each) for each in refused)

    def _parameters(
        self, id_: str, facade: str, documented: dict[str, Any], sent: set[str]
    ) -> Iterator[Gap]:
        parameters = [dereference(self.document, each) for each in documented.get("parameters", ())]
        query = {
            each["name"]: each.get("required", False)
            for each in parameters
            if each["in"] == "query"
        }
        yield from _difference(id_, facade, "query parameter ", query, sent)
        for each in parameters:
            if each["in"] in ("header", "cookie"):
                yield Gap(id_, facade, NO_ARGUMENT, f"{each['in']} {each['name']}")

    def _body(
        self, id_: str, facade: str, documented: dict[str, Any], calls: list[Any]
    ) -> Iterator[Gap]:
        bodies = [json.loads(call.request.body) for call in calls if call.request.body]
        schema = _json_schema(self.document, documented.get("requestBody", {}))
        if schema is None:
            for body in bodies[:1]:
                yield from (Gap(id_, facade, OBSOLETE, f"body property {key}") for key in body)
            return
        yield from self._objects(id_, facade, "body property ", schema, bodies)

    def _objects(
        self, id_: str, facade: str, where: str, schema: dict[str, Any], sent: list[Any]
    ) -> Iterator[Gap]:
        schema = _object(self.document, schema)
        if schema.get("type") == "array":
            rows = [row for value in sent if isinstance(value, list) for row in value]
            yield from self._objects(id_, facade, f"{where.rstrip('.')}[].", schema["items"], rows)
        elif "properties" in schema:
            required = set(schema.get("required", ()))
            known = {key: key in required for key in schema["properties"]}
            sent_keys = {key for value in sent for key in value}
            yield from _difference(id_, facade, where, known, sent_keys)
            for key, inner in schema["properties"].items():
                values = [value[key] for value in sent if key in value]
                if values:
                    yield from self._objects(id_, facade, f"{where}{key}.", inner, values)

    def _answer(self, id_: str, bound: Any, documented: dict[str, Any], call: Any) -> Iterator[Gap]:
        status = str(min(bound.success))
        response = dereference(self.document, documented["responses"].get(status, {}))
        schema = _json_schema(self.document, response)
        if status not in documented["responses"]:
            yield Gap(id_, bound.facade, UNREADABLE, f"status {status} is not documented")
        if schema is None:
            return
        # A row of a batch holds either a result or an error: each is read once.
        for without in (None, "error") if "batch" in id_.lower() else (None,):
            sample = self.sampler.make_answer(schema, without=without)
            problems = list(_read(call, sample))
            if problems:
                self.half_read |= self.sampler.latest
            yield from (Gap(id_, bound.facade, UNREADABLE, each) for each in problems)

    def unread_properties(self) -> list[Gap]:
        """List the properties of answers that nothing read, and those read that no schema has."""
        from test_operations_decoders import ONLY_RAW

        reasons = ONLY_RAW[self.name]
        known = {shape: keys for shape, keys in self.sampler.known.items() if shape not in ERRORS}
        read = self.sampler.read
        # ONLY_RAW lists what the models leave out on purpose, with the reason.
        gaps = [
            (shape, NO_MODEL, key)
            for shape, keys in known.items()
            if shape not in self.half_read
            for key in sorted(keys - read[shape] - set(reasons.get(shape, ())))
        ]
        gaps += [
            (shape, MISSING if key in self.sampler.absent[shape] else ABSENT, key)
            for shape in known
            for key in sorted(read[shape] - known[shape])
        ]
        return [Gap(shape, "", lacks, f"{shape}.{key}") for shape, lacks, key in gaps]


def _difference(
    id_: str, facade: str, where: str, known: dict[str, bool], sent: set[str]
) -> Iterator[Gap]:
    from test_operations_fields import never

    for key, required in known.items():
        if key not in sent and required:
            yield Gap(id_, facade, NOT_SENT, where + key)
        elif key not in sent and not never(id_, key):
            yield Gap(id_, facade, NO_ARGUMENT, where + key)
    yield from (Gap(id_, facade, OBSOLETE, where + key) for key in sorted(sent - set(known)))


def _read(call: Any, sample: Any) -> Iterator[str]:
    from kalshi_ext.protocol.messages import Page

    # What a decoder raises for a value it cannot read; anything else is a bug and is shown.
    try:
        answer = call.decode(sample)
    except KeyError as missing:
        yield f"field {missing.args[0]} is missing"
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        yield re.sub(r"\s+", " ", str(error))
    else:
        yield from (row.reason for row in (answer.invalid_rows if isinstance(answer, Page) else ()))


def _json_schema(document: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any] | None:
    content = dereference(document, holder).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def _object(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = dereference(document, schema)
    parts = schema.get("allOf", ())
    return _object(document, parts[0]) if len(parts) == 1 else schema


class TrackedObject(dict[str, Any]):
    """A JSON object that remembers which of its properties were read."""

    read: set[str]
    absent: set[str]

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> str:
        """Note the name and return a value, so that the decoder goes on to the other properties."""
        self.absent.add(name)
        return "0.50"

    def get(self, name: str, default: Any = None) -> Any:
        """Read a property that may be absent."""
        self.read.add(name)
        return super().get(name, default)


class Sampler:
    """Makes answers: every property is there, and has the first type its schema allows.

    By schema: `known` holds the properties, `read` those that were read, `absent` those that were
    required by a decoder and are not there. `latest` holds the schemas of the latest answer.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.read: dict[str, set[str]] = collections.defaultdict(set)
        self.absent: dict[str, set[str]] = collections.defaultdict(set)
        self.known: dict[str, set[str]] = {}
        self.latest: set[str] = set()

    def make_answer(self, schema: dict[str, Any], *, without: str | None = None) -> Any:
        """Make one answer; `without` names a property to leave out of the rows."""
        self.latest = set()
        sample = self._value(schema, "", "")
        for rows in sample.values() if without and isinstance(sample, dict) else ():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    row.pop(without, None)
        return sample

    def _value(self, schema: dict[str, Any], name: str, key: str) -> Any:
        if "$ref" in schema:
            component = schema["$ref"].rsplit("/", 1)[1]
            return self._value(dereference(self.document, schema), component, key)
        for word in ("allOf", "anyOf", "oneOf"):
            if schema.get(word):
                return self._value(schema[word][0], name, key)
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "array":
            count = max(schema.get("minItems", 1), 1)
            return [self._value(schema["items"], "", key) for _ in range(count)]
        if schema.get("type") == "object" or "properties" in schema:
            return self._object(schema, name)
        return _scalar(schema, key)

    def _object(self, schema: dict[str, Any], name: str) -> TrackedObject:
        sample = TrackedObject()
        sample.read, sample.absent = self.read[name], self.absent[name]
        self.latest.add(name)
        self.known[name] = set(schema.get("properties", {}))
        for key, inner in schema.get("properties", {}).items():
            sample[key] = self._value(inner, "", key)
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            sample["o1"] = self._value(values, "", "")
        return sample


def _scalar(schema: dict[str, Any], key: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        # Seconds of the year 1970 are read as no time at all.
        return 1_764_583_200 if key.endswith("_ts") else 1
    # Some times are plain text in the contract; the decoders go by their names, and so does this.
    if schema.get("format") == "date-time" or key.endswith(("_time", "_ts", "_datetime")):
        return "2026-11-22T12:00:00Z"
    # Unlike the YES price's complement, so that it shows which of the two was read.
    return "0.40" if key.startswith("no_price") else "0.50"
