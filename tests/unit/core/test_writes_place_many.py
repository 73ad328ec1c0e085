"""Batches: entries matched by id, each with an outcome of its own."""

from __future__ import annotations

import json
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import bulk, errors, writes
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.writes.outcomes import proves_not_executed

KEYS = ("c1", "c2", "c3")


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return json.loads(ex.created(number).body) | changes


def answer(*entries: dict[str, Any]) -> Reply:
    return core.reply(201, {"orders": list(entries)})


def fault(code: str | None, **changes: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "no"}, **changes}


def place(exchange: ex.FakeExchange, count: int = 3) -> list[Any]:
    tickets = [ex.ticket(number) for number in range(1, count + 1)]
    results: list[Any] = exchange.run(bulk.place_many(core.CURRENT, tickets, exchange.context))
    return results


def kinds_of(results: list[Any]) -> list[str]:
    return [
        ("found" if each.replayed else "acked") if isinstance(each, OrderAck) else each.code
        for each in results
    ]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_entries_are_matched_by_id_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    exchange = ex.FakeExchange([ex.once(answer(*(entry(number) for number in order)))])
    results = place(exchange)
    assert [ack.client_order_id for ack in results] == list(KEYS)
    assert kinds_of(results) == ["acked"] * 3


def test_entries_fail_one_by_one() -> None:
    bad = fault("invalid_price", client_order_id="c2")
    exchange = ex.FakeExchange([ex.once(answer(entry(1), bad, entry(3)))])
    assert kinds_of(place(exchange)) == ["acked", "invalid_price", "acked"]
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(
    "odd_entries",
    [
        [],
        [fault("internal_server_error", client_order_id="c2")],
        [fault("service_unavailable", client_order_id="c2")],
        [fault(None, client_order_id="c2")],
        [fault("order_already_exists", client_order_id="c2")],
        [fault("duplicate_order", client_order_id="c2")],
        [fault("a_code_nobody_met", client_order_id="c2")],
        [fault("order_already_exists")],
        [fault("invalid_price", client_order_id="c2"), entry(2)],
        [entry(2, remaining_count="6.00")],
        [entry(2, client_order_id=None)],
    ],
)
def test_an_entry_that_proves_nothing_is_looked_for(odd_entries: list[dict[str, Any]]) -> None:
    exchange = ex.FakeExchange(
        [ex.once(answer(entry(1), *odd_entries, entry(3)))], orders=[ex.row(2)]
    )
    assert kinds_of(place(exchange)) == ["acked", "found", "acked"]
    assert len(exchange.sent("POST")) == 1


def test_refusals_without_ids_are_told_where_every_order_left_has_one() -> None:
    exchange = ex.FakeExchange(
        [ex.once(answer(entry(1), fault("invalid_price"), fault("invalid_price")))]
    )
    assert kinds_of(place(exchange)) == ["acked", "invalid_price", "invalid_price"]


def test_a_refusal_without_id_is_not_told_where_it_may_be_of_either_of_two() -> None:
    exchange = ex.FakeExchange(
        [ex.once(answer(entry(1), fault("invalid_price")))], orders=[ex.row(2), ex.row(3)]
    )
    assert kinds_of(place(exchange)) == ["acked", "found", "found"]


def test_only_what_is_absent_goes_again() -> None:
    second_answer = answer(entry(3))
    exchange = ex.FakeExchange(
        [ex.once(core.lost(bytes_sent=True), second_answer)], orders=[ex.row(1), ex.row(2)]
    )
    assert kinds_of(place(exchange)) == ["found", "found", "acked"]
    second = json.loads(exchange.sent("POST")[1].body or b"")
    assert [order["client_order_id"] for order in second["orders"]] == ["c3"]


def test_two_entries_that_name_one_order_prove_neither() -> None:
    doubled = entry(2) | {"order_id": entry(1)["order_id"]}
    exchange = ex.FakeExchange(
        [ex.once(answer(entry(1), doubled, entry(3)))], orders=[ex.row(1), ex.row(2)]
    )
    assert kinds_of(place(exchange)) == ["found", "found", "acked"]


def test_a_batch_refused_as_a_whole_raises_once() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "bad_request"))])
    with pytest.raises(errors.BadRequest):
        place(exchange)


def test_each_unknown_order_of_a_lost_batch_has_an_error_with_its_own_id() -> None:
    exchange = ex.FakeExchange([ex.once(core.lost(bytes_sent=True))], watermark=None)
    results = place(exchange)
    assert [error.client_order_id for error in results] == list(KEYS)
    assert [error.ticket.client_order_id for error in results] == list(KEYS)
    assert all(isinstance(error, errors.OutcomeUnknown) for error in results)


def test_an_id_that_stands_twice_is_refused_before_anything_is_sent() -> None:
    exchange = ex.FakeExchange()
    duplicates = [ex.ticket(1), ex.ticket(1)]
    with pytest.raises(errors.DuplicateIdConflict, match="'c1' stands twice"):
        exchange.run(bulk.place_many(core.CURRENT, duplicates, exchange.context))
    assert exchange.requests == []


def test_what_is_known_already_is_not_sent_again() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(2)), ex.once(answer(entry(1), entry(3)))])
    exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    assert kinds_of(place(exchange)) == ["acked", "found", "acked"]
    sent = json.loads(exchange.sent("POST", "/batched")[0].body or b"")
    assert [order["client_order_id"] for order in sent["orders"]] == ["c1", "c3"]


@pytest.mark.parametrize(
    ("code", "proof"),
    [
        ("invalid_price", True),
        ("insufficient_balance", True),
        ("not_found", True),
        ("market_closed", True),
        ("", False),
        ("INTERNAL_ERROR", False),
        ("request_timeout", False),
        ("timed_out", False),
        ("deadline_exceeded", False),
        ("service_unavailable", False),
        ("order_already_exists", False),
        ("duplicate_id", False),
        ("a_code_nobody_met", False),
        ("INVALID_PARAMETER", True),
        ("user_not_found:_5f0c-77", True),
        ("permission_denied", True),
    ],
)
def test_a_refused_entry_is_a_proof_by_its_code(code: str, proof: bool) -> None:
    error = errors.BadRequest("no")
    error.code = code or None
    assert proves_not_executed(error) is proof


def test_the_id_that_stands_twice_is_the_one_named() -> None:
    tickets = [ex.ticket(1), ex.ticket(2), ex.ticket(2)]
    exchange = ex.FakeExchange()
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        exchange.run(bulk.place_many(core.CURRENT, tickets, exchange.context))
    assert caught.value.client_order_id == "c2"


def test_a_taken_id_of_no_order_of_the_ticker_is_a_conflict_beside_the_others() -> None:
    taken = fault("order_already_exists", client_order_id="c2")
    exchange = ex.FakeExchange([ex.once(answer(entry(1), taken, entry(3)))])
    results = place(exchange)
    assert [type(each) for each in results] == [OrderAck, errors.DuplicateIdConflict, OrderAck]
    assert len(exchange.sent("POST")) == 1


def test_an_id_of_a_batch_that_is_taken_may_have_been_taken_at_any_time() -> None:
    taken = fault("order_already_exists", client_order_id="c2")
    exchange = ex.FakeExchange([ex.once(answer(entry(1), taken))], orders=[ex.row(2), ex.row(3)])
    place(exchange)
    assert dict(exchange.sent("GET", "/portfolio/orders")[0].query)["min_ts"] == "0"


def test_an_acceptance_without_id_is_of_nobody_where_another_entry_has_none_either() -> None:
    nameless = [entry(9, client_order_id=None), fault("invalid_price")]
    exchange = ex.FakeExchange([ex.once(answer(*nameless))], orders=[ex.row(1), ex.row(2)])
    assert kinds_of(place(exchange, 2)) == ["found", "found"]


@pytest.mark.parametrize(
    ("odd_entries", "why"),
    [
        ([], "the answer has no entry for c2"),
        ([entry(2, remaining_count="6.00")], "the acknowledgement was not believed"),
    ],
)
def test_an_entry_that_proves_nothing_and_cannot_be_looked_for_is_unknown(
    odd_entries: list[dict[str, Any]], why: str
) -> None:
    exchange = ex.FakeExchange([ex.once(answer(entry(1), *odd_entries, entry(3)))], watermark=None)
    unknown = place(exchange)[1]
    assert isinstance(unknown, errors.OutcomeUnknown)
    assert why in str(unknown)


def test_a_batch_of_one_is_refused_as_one() -> None:
    exchange = ex.FakeExchange([ex.once(answer(fault("invalid_price", client_order_id="c1")))])
    with pytest.raises(errors.Refused):
        place(exchange, 1)


def test_a_batch_that_never_left_names_no_single_order() -> None:
    exchange = ex.FakeExchange([ex.always(core.lost(bytes_sent=False), method="POST")])
    with pytest.raises(errors.NotSent) as caught:
        place(exchange, 2)
    assert caught.value.__dict__.get("client_order_id") is None
    with pytest.raises(errors.NotSent) as caught:
        exchange.run(writes.place(core.CURRENT, ex.ticket(7), exchange.context))
    assert caught.value.__dict__["client_order_id"] == "c7"
