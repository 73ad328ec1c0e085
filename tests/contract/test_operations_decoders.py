"""What answers hold against what is read of them: every property, or a list of those in .raw."""

from __future__ import annotations

import collections
from typing import Any

import pytest
from operations_bound import CONTRACTS, DOCUMENTS, EVERY, calls_of, documented, resolved, schema_of

from kalshi_ext.calls import Watch
from kalshi_ext.paging import Page

# Properties no model has, by schema: they are in `.raw` alone, with the reason.
OLD_WORDS = "contradicts the direction on real fills"
TWIN = "said exactly by its twin"
OF_YES = "one less the YES price"
ONLY_RAW: dict[str, dict[str, dict[str, str]]] = {
    "current": {
        "Order": {
            "action": OLD_WORDS,
            "side": OLD_WORDS,
            "no_price_dollars": OF_YES,
            "user_id": "names the account, which every row of it does",
        },
        "Fill": {
            "action": OLD_WORDS,
            "side": OLD_WORDS,
            "no_price_dollars": OF_YES,
            "market_ticker": "the same as ticker, read where that is missing",
            "ts": "the same as created_time, read where that is missing",
        },
        "GetBalanceResponse": {"balance": "truncated; read where balance_dollars is missing"},
    },
    "classic": {
        "Order": {
            "no_price": "one less the YES price, read where that is missing",
            "count": "read where initial_count is missing",
        },
        "EventPosition": {
            "event_exposure": TWIN,
            "fees_paid": TWIN,
            "realized_pnl": TWIN,
            "total_cost": TWIN,
            "resting_order_count": "a count of orders, not a position",
        },
        "Position": {
            "event_ticker": "follows from the ticker",
            "market_result": "the settlement says it",
            "resting_order_count": "a count of orders, not a position",
        },
    },
}


class Seen(dict[str, Any]):
    """An object of JSON that remembers which of its properties were looked at."""

    shape = ""
    looked: dict[str, set[str]]

    def __getitem__(self, name: str) -> Any:
        self.looked[self.shape].add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.looked[self.shape].add(name)
        return super().get(name, default)


class Sampler:
    """Make one full sample of a schema, its objects remembering what is looked at."""

    def __init__(self, contract: str) -> None:
        self.contract = contract
        self.looked: dict[str, set[str]] = collections.defaultdict(set)
        self.known: dict[str, set[str]] = {}

    def of(self, schema: dict[str, Any], name: str = "", key: str = "") -> Any:
        if "$ref" in schema:
            return self.of(resolved(self.contract, schema), schema["$ref"].rsplit("/", 1)[1], key)
        for word in ("allOf", "anyOf", "oneOf"):
            if schema.get(word):
                return self.of(schema[word][0], name, key)
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "array":
            return [self.of(schema["items"], key=key)]
        if schema.get("type") == "object":
            return self.object(schema, name)
        return self.scalar(schema, key)

    def object(self, schema: dict[str, Any], name: str) -> Seen:
        found = Seen()
        found.shape, found.looked = name, self.looked
        self.known[name] = set(schema.get("properties", {}))
        for key, inner in schema.get("properties", {}).items():
            found[key] = self.of(inner, key=key)
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            found["o1"] = self.of(values)
        return found

    def scalar(self, schema: dict[str, Any], key: str) -> Any:
        kind = schema.get("type")
        if kind == "boolean":
            return True
        if kind in ("integer", "number"):
            return 1
        if schema.get("format") == "date-time" or key.endswith(("_time", "_ts", "_datetime")):
            return "2026-11-22T12:00:00Z"
        return "0.50"


ROWS = {(name, id_): row for name in DOCUMENTS for id_, _, _, row in documented(name)}


def answer_of(name: str, id_: str) -> dict[str, Any] | None:
    status = str(min(CONTRACTS[name].operations[id_].success))
    return schema_of(name, ROWS[name, id_]["responses"][status])


SHOWN = [pair for pair in EVERY if answer_of(*pair) is not None]


def sampled(sampler: Sampler, name: str, id_: str) -> Any:
    schema = answer_of(name, id_)
    assert schema is not None
    return sampler.of(schema)


def decoded(sampler: Sampler, name: str, id_: str, *, drop: str | None = None) -> list[Any]:
    """Read a full sample with every call of an operation; batches without their error."""
    found = []
    for call in calls_of(name, id_):
        document = sampled(sampler, name, id_)
        for rows in document.values():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict) and drop:
                    row.pop(drop, None)
        found.append(call.decode(document, Watch()))
    return found


@pytest.mark.parametrize(("name", "id_"), SHOWN)
def test_a_full_answer_is_read_whole(name: str, id_: str) -> None:
    watch = Watch()
    batch = "batch" in id_.lower()
    for call in calls_of(name, id_):
        document = sampled(Sampler(name), name, id_)
        for row in next(iter(document.values())) if batch else ():
            row.pop("error")
        answer = call.decode(document, watch)
        if isinstance(answer, Page):
            assert len(answer.items) == 1
            assert answer.set_aside == ()
    assert watch.counts == {}


def looked_at(name: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Give what was looked at and what is there, by schema, over all operations of a contract."""
    sampler = Sampler(name)
    for contract, id_ in SHOWN:
        if contract == name:
            decoded(sampler, name, id_)
            if "batch" in id_.lower():
                decoded(sampler, name, id_, drop="error")
    return sampler.looked, sampler.known


# One parser reads every shape of an error; an object without fields says yes.
ERRORS = {"ErrorResponse", "ErrorDetail"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_property_is_read_or_listed_with_a_reason(name: str) -> None:
    looked, known = looked_at(name)
    unread = {
        shape: sorted(properties - looked[shape] - set(ONLY_RAW[name].get(shape, ())))
        for shape, properties in known.items()
        if shape not in ERRORS
    }
    assert {shape: names for shape, names in unread.items() if names} == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_list_of_unread_properties_holds_no_others(name: str) -> None:
    _, known = looked_at(name)
    wrong = {s: sorted(set(fields) - known.get(s, set())) for s, fields in ONLY_RAW[name].items()}
    assert {shape: names for shape, names in wrong.items() if names} == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_name_is_read_that_no_answer_knows(name: str) -> None:
    """Guards against misspelt optional fields; one reader serves all acknowledgements."""
    looked, known = looked_at(name)
    anywhere = set[str]().union(*known.values())
    foreign = {name for shape in known for name in looked[shape] - anywhere}
    assert foreign == set()
