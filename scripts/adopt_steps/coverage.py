"""What a contract has and the hand-written client does not say, read or send."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from adopt_steps.samples import Sampler, resolved

# An object of an error is read by one parser of its own, whatever operation it comes from.
ERRORS = frozenset({"ErrorResponse", "ErrorDetail"})


@frozen
class Gap:
    """One thing of a contract without its counterpart: `lacks` is what, `where` the place."""

    operation: str
    call: str
    lacks: str
    where: str

    def __str__(self) -> str:
        said = f" ({self.call})" if self.call else ""
        return f"{self.operation}{said}: {self.lacks}: {self.where}"


# From what stops working to what is merely not offered.
GONE = "the contract has no such operation any more"
MOVED = "is now"
UNREADABLE = "the answer cannot be read"
NOT_SENT = "required and never sent"
INVENTED = "sent, and no longer in the contract"
ABSENT = "read where it is there, and no longer in the contract"
MISSING = "needed, and no longer in the contract"
NO_CALL = "no call of the facade"
UNSAID = "no argument says it"
UNSHOWN = "no model shows it"
BROKEN = frozenset({GONE, MOVED, UNREADABLE, NOT_SENT, INVENTED, ABSENT, MISSING})


def coverage(name: str, document: dict[str, Any], base: dict[str, Any]) -> list[Gap]:
    """List the gaps between the contract spoken as `name` and a document of it.

    One reader may serve several objects, so it asks some for what only others have: what it
    already asked for in vain in `base`, the document the client was written for, is no gap.
    """
    usual = {gap for gap in _gaps(name, base) if gap.lacks == ABSENT}
    return [gap for gap in _gaps(name, document) if gap not in usual]


def _gaps(name: str, document: dict[str, Any]) -> list[Gap]:
    from operations_bound import CALLS, CONTRACTS

    there = dict(_operations(document))
    known = CONTRACTS[name].operations
    gaps = [
        Gap(id_, "", NO_CALL, f"{method} {path}")
        for id_, (method, path, _) in there.items()
        if id_ not in known
    ]
    looks = Looks(name, document)
    for id_, operation in known.items():
        if id_ not in there:
            gaps.append(Gap(id_, operation.facade, GONE, f"{operation.method} {operation.path}"))
        elif id_ in CALLS[name]:
            gaps += looks.operation(id_, operation, *there[id_])
    return gaps + looks.unshown()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, tuple[str, str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                yield operation["operationId"], (method.upper(), path, operation)


class Looks:
    """Walks the operations of one document and remembers which properties were looked at."""

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document
        self.sampler = Sampler(document)
        self.doubtful: set[str] = set()

    def operation(
        self, id_: str, spoken: Any, method: str, path: str, documented: dict[str, Any]
    ) -> Iterator[Gap]:
        """List the gaps of one operation."""
        from operations_bound import calls_of

        calls = calls_of(self.name, id_)
        if (spoken.method, spoken.path) != (method, path):
            yield Gap(id_, spoken.facade, MOVED, f"{method} {path}")
        sent = {name for call in calls for name, _ in call.request.query}
        yield from self._parameters(id_, spoken.facade, documented, sent)
        yield from self._body(id_, spoken.facade, documented, calls)
        for call in calls:
            yield from self._answer(id_, spoken, documented, call)

    def _parameters(
        self, id_: str, facade: str, documented: dict[str, Any], sent: set[str]
    ) -> Iterator[Gap]:
        listed = [resolved(self.document, one) for one in documented.get("parameters", ())]
        query = {one["name"]: one.get("required", False) for one in listed if one["in"] == "query"}
        yield from _difference(id_, facade, "query parameter ", query, sent)
        for one in listed:
            if one["in"] in ("header", "cookie"):
                yield Gap(id_, facade, UNSAID, f"{one['in']} {one['name']}")

    def _body(
        self, id_: str, facade: str, documented: dict[str, Any], calls: list[Any]
    ) -> Iterator[Gap]:
        bodies = [json.loads(call.request.body) for call in calls if call.request.body]
        schema = _json_schema(self.document, documented.get("requestBody", {}))
        if schema is None:
            for body in bodies[:1]:
                yield from (Gap(id_, facade, INVENTED, f"body property {key}") for key in body)
            return
        yield from self._objects(id_, facade, "body property ", schema, bodies)

    def _objects(
        self, id_: str, facade: str, where: str, schema: dict[str, Any], sent: list[Any]
    ) -> Iterator[Gap]:
        schema = _object(self.document, schema)
        if schema.get("type") == "array":
            rows = [row for one in sent if isinstance(one, list) for row in one]
            yield from self._objects(id_, facade, f"{where.rstrip('.')}[].", schema["items"], rows)
        elif "properties" in schema:
            required = set(schema.get("required", ()))
            known = {key: key in required for key in schema["properties"]}
            said = {key for one in sent for key in one}
            yield from _difference(id_, facade, where, known, said)
            for key, inner in schema["properties"].items():
                values = [one[key] for one in sent if key in one]
                if values:
                    yield from self._objects(id_, facade, f"{where}{key}.", inner, values)

    def _answer(
        self, id_: str, spoken: Any, documented: dict[str, Any], call: Any
    ) -> Iterator[Gap]:
        status = str(min(spoken.success))
        response = resolved(self.document, documented["responses"].get(status, {}))
        schema = _json_schema(self.document, response)
        if status not in documented["responses"]:
            yield Gap(id_, spoken.facade, UNREADABLE, f"status {status} is not documented")
        if schema is None:
            return
        for without in (None, "error") if "batch" in id_.lower() else (None,):
            sample = self.sampler.of(schema, without=without)
            problems = list(_read(call, sample))
            if problems:  # reading stopped there: what comes after it says nothing
                self.doubtful |= self.sampler.met
            yield from (Gap(id_, spoken.facade, UNREADABLE, each) for each in problems)

    def unshown(self) -> list[Gap]:
        """List properties of answers that nothing looked at, and names read that are nowhere."""
        from test_operations_decoders import ONLY_RAW

        reasons = ONLY_RAW[self.name]
        known = {shape: keys for shape, keys in self.sampler.known.items() if shape not in ERRORS}
        looked = self.sampler.looked
        gaps = [
            (shape, UNSHOWN, key)
            for shape, keys in known.items()
            if shape not in self.doubtful
            for key in sorted(keys - looked[shape] - set(reasons.get(shape, ())))
        ]
        gaps += [
            (shape, MISSING if key in self.sampler.missed[shape] else ABSENT, key)
            for shape in known
            for key in sorted(looked[shape] - known[shape])
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
            yield Gap(id_, facade, UNSAID, where + key)
    yield from (Gap(id_, facade, INVENTED, where + key) for key in sorted(sent - set(known)))


def _read(call: Any, sample: Any) -> Iterator[str]:
    from kalshi_ext.protocol.messages import Page

    try:
        answer = call.decode(sample)
    except KeyError as missing:
        yield f"field {missing.args[0]} is missing"
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        yield re.sub(r"\s+", " ", str(error))
    else:
        yield from (row.reason for row in (answer.invalid_rows if isinstance(answer, Page) else ()))


def _json_schema(document: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any] | None:
    content = resolved(document, holder).get("content", {})
    found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


def _object(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(document, schema)
    whole = schema.get("allOf", ())
    return _object(document, whole[0]) if len(whole) == 1 else schema
