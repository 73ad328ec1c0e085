"""A name stands for one content: what differs is said, wherever the conflict is noticed."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import bulk, errors, writes
from kalshi_ext.contract.types import BookSide, TimeInForce
from kalshi_ext.writes import journal_codec

PRICE = (Decimal("0.56"), Decimal("0.57"))
# What a second ticket asks for, and what then differs: (asked, recorded).
CHANGES: list[tuple[dict[str, Any], dict[str, tuple[Any, Any]]]] = [
    ({"count": 6}, {"count": (Decimal(6), Decimal(5))}),
    ({"price": "0.57"}, {"price": PRICE[::-1]}),
    ({"side": "ask"}, {"book_side": (BookSide.ASK, BookSide.BID)}),
    ({"post_only": True}, {"post_only": (True, None)}),
    ({"subaccount": 3}, {"subaccount": (3, None)}),
    ({"expires": 1_900_000_000}, {"expires": (1_900_000_000, None)}),
    (
        {"time_in_force": "fill_or_kill", "count": 7},
        {
            "time_in_force": (TimeInForce.FILL_OR_KILL, TimeInForce.GOOD_TILL_CANCELED),
            "count": (Decimal(7), Decimal(5)),
        },
    ),
]


def place(exchange: ex.FakeExchange, **changes: Any) -> Any:
    return exchange.run(writes.place(core.CURRENT, ex.ticket(**changes), exchange.context))


def conflict(exchange: ex.FakeExchange, **changes: Any) -> errors.DuplicateIdConflict:
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        place(exchange, **changes)
    return caught.value


@pytest.mark.parametrize(("changes", "differs"), CHANGES)
def test_a_recorded_order_of_another_content_says_what_differs(
    changes: dict[str, Any], differs: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    place(exchange)
    assert conflict(exchange, **changes).differs == differs


@pytest.mark.parametrize(("changes", "differs"), CHANGES)
def test_an_id_that_stands_twice_in_a_batch_says_what_differs(
    changes: dict[str, Any], differs: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange()
    tickets = [ex.ticket(), ex.ticket(**changes)]
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        exchange.run(bulk.place_many(core.CURRENT, tickets, exchange.context))
    assert caught.value.differs == differs


def test_a_secret_that_was_given_as_a_ticker_is_in_no_conflict() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    place(exchange)
    token = "Zq9xW3vK7mP2sT5nR8yL"
    changed = evolve(ex.ticket(), ticker=f"Authorization: Bearer {token}")
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        exchange.run(writes.place(core.CURRENT, changed, exchange.context))
    error = caught.value
    assert set(error.differs) == {"ticker"}
    assert token not in f"{error!r} {error.differs} {pickle.dumps(error)!r}"


def test_a_field_that_only_a_later_version_recorded_differs() -> None:
    recorded = json.loads(journal_codec.encode_ticket(ex.ticket())) | {"iceberg": "1"}
    differs = journal_codec.ticket_differences(ex.ticket(), json.dumps(recorded))
    assert differs == {"iceberg": (None, "1")}


def test_an_order_found_under_our_id_says_what_differs_and_so_does_its_entry_later() -> None:
    exchange = ex.FakeExchange(
        [ex.once(ex.refused(409, "order_already_exists"))],
        orders=[ex.row(yes_price_dollars="0.5700", book_side="ask", outcome_side="no")],
    )
    differs = {"book_side": (BookSide.BID, BookSide.ASK), "price": PRICE}
    assert conflict(exchange).differs == differs
    assert conflict(exchange).differs == differs  # from the journal


def test_a_taken_id_whose_order_was_not_seen_differs_in_nothing_known() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(409, "order_already_exists"))])
    assert conflict(exchange).differs == {}
    assert errors.DuplicateIdConflict("no").differs == {}


def test_what_differs_survives_pickling() -> None:
    error = errors.DuplicateIdConflict("no", differs={"price": PRICE})
    assert pickle.loads(pickle.dumps(error)).differs == {"price": PRICE}
