"""What answers hold against what is read of them: every property, or a list of those in .raw."""

from __future__ import annotations

from typing import Any

import pytest
from adopt_steps.coverage import Sampler
from operations_bound import CONTRACTS, DOCUMENTS, EVERY, calls_of, documented, schema_of

from kalshi_ext.protocol.deviations import find_deviations
from kalshi_ext.protocol.messages import Page

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
        "Market": {
            "no_bid_dollars": "one less yes_ask_dollars",
            "no_ask_dollars": "one less yes_bid_dollars",
            "title": "deprecated by the contract",
            "subtitle": "deprecated by the contract",
            "expiration_time": "deprecated by the contract",
        },
        "Trade": {
            "no_price_dollars": OF_YES,
            "taker_side": "deprecated by the contract; the same as taker_outcome_side",
        },
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


ROWS = {(name, id_): row for name in DOCUMENTS for id_, _, _, row in documented(name)}


def answer_of(name: str, id_: str) -> dict[str, Any] | None:
    status = str(min(CONTRACTS[name].operations[id_].success))
    return schema_of(name, ROWS[name, id_]["responses"][status])


SHOWN = [pair for pair in EVERY if answer_of(*pair) is not None]


def sampler_of(name: str) -> Sampler:
    return Sampler(DOCUMENTS[name])


def sampled(sampler: Sampler, name: str, id_: str, *, drop: str | None = None) -> Any:
    schema = answer_of(name, id_)
    assert schema is not None
    return sampler.make_answer(schema, without=drop)


def decoded(sampler: Sampler, name: str, id_: str, *, drop: str | None = None) -> list[Any]:
    """Read a full sample with every call of an operation; batches without their error."""
    calls = calls_of(name, id_)
    return [call.decode(sampled(sampler, name, id_, drop=drop)) for call in calls]


@pytest.mark.parametrize(("name", "id_"), SHOWN)
def test_a_full_answer_is_read_whole(name: str, id_: str) -> None:
    sampler = sampler_of(name)
    drop = "error" if "batch" in id_.lower() else None
    for call in calls_of(name, id_):
        document = sampled(sampler, name, id_, drop=drop)
        assert find_deviations(id_, document) == set()
        answer = call.decode(document)
        if isinstance(answer, Page):
            assert len(answer.items) == 1
            assert answer.invalid_rows == ()
    assert {shape: names for shape, names in sampler.absent.items() if names} == {}


def looked_at(name: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Give what was looked at and what is there, by schema, over all operations of a contract."""
    sampler = sampler_of(name)
    for contract, id_ in SHOWN:
        if contract == name:
            decoded(sampler, name, id_)
            if "batch" in id_.lower():
                decoded(sampler, name, id_, drop="error")
    return sampler.read, sampler.known


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


# Recorded on the 2.x wire and in no document (FACTS, "2.x as recorded on the wire").
RECORDED = {
    *("yes_price_fixed", "no_price_fixed"),
    *("taker_fill_cost", "maker_fill_cost", "market_exposure", "total_traded"),
    *("total_cost_shares", "yes_total_cost", "no_total_cost"),
    *("contracts_limit", "reduced_by_fp"),
}


def test_no_name_is_read_that_no_answer_knows() -> None:
    """Guards against misspelt optional fields; one reader serves both contracts."""
    looked: set[str] = set()
    anywhere: set[str] = set()
    for name in DOCUMENTS:
        by_shape, known = looked_at(name)
        looked |= set[str]().union(*(by_shape[shape] for shape in known))
        anywhere |= set[str]().union(*known.values())
    assert looked - anywhere == RECORDED
