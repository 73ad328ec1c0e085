"""What an answer or a list must not be taken for: words, fields and times that nobody has met."""

from __future__ import annotations

from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.journal import State
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.exchange_clock import parse_date
from kalshi_ext.protocol.messages import Reply
from kalshi_ext.writes.place import place_many

LOST = core.lost(bytes_sent=True)
ORDER_ID = ex.row()["order_id"]
FILL = {
    "fill_id": "f1",
    "order_id": ORDER_ID,
    "ticker": ex.TICKER,
    "book_side": "bid",
    "outcome_side": "yes",
    "count_fp": "1.00",
}
TAKEN = [
    core.reply(409, {"error": {"code": "ORDER_ALREADY_EXISTS", "message": "no"}}),
    core.reply(409, {"code": "orderAlreadyExists", "message": "no"}),
    core.reply(409, {"msg": "order_already_exists"}),
    core.reply(409, {"error": "client_order_id already exists"}),
    core.reply(400, {"error": {"code": "invalid_order", "message": "id has already been used"}}),
    core.reply(422, {"error": {"code": "invalid", "message": "client_order_id must be unique"}}),
    core.reply(201, {"error": {"code": "order_already_exists", "message": "no"}}),
]


@pytest.fixture(params=[core.CURRENT, core.CLASSIC], ids=["current", "classic"])
def contract(request: pytest.FixtureRequest) -> Contract:
    made: Contract = request.param
    return made


def place(exchange: ex.FakeExchange, contract: Contract = core.CURRENT) -> Any:
    return exchange.run(writes.place(contract, ex.ticket(), exchange.context))


def outcome(exchange: ex.FakeExchange, contract: Contract = core.CURRENT) -> Any:
    exchange.context = Context(policy=Policy(backoff=core.no_jitter(first=0.0)))
    try:
        return place(exchange, contract)
    except errors.KalshiError as error:
        return error


def is_open(exchange: ex.FakeExchange, result: Any) -> bool:
    return isinstance(result, errors.OutcomeUnknown) and exchange.entry().state is State.UNKNOWN


@pytest.mark.parametrize("answer", TAKEN)
def test_that_an_id_exists_after_an_attempt_of_ours_is_evidence_in_any_words(
    answer: Reply, contract: Contract
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST, answer)])
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange, contract)
    assert len(exchange.sent("POST")) == 2
    assert exchange.states() == [State.UNKNOWN]
    exchange.restart()
    (resolution,) = exchange.run(writes.recover(contract, exchange.context))
    assert resolution.state is State.UNKNOWN


@pytest.mark.parametrize("answer", TAKEN)
def test_an_order_whose_id_is_told_to_exist_is_found(answer: Reply, contract: Contract) -> None:
    exchange = ex.FakeExchange([ex.once(answer)], orders=[ex.row()])
    assert place(exchange, contract).order_id == ORDER_ID


@pytest.mark.parametrize("code", ["invalid_order", "bad_request", "invalid_parameters"])
def test_a_duplicate_in_a_batch_is_one_whatever_its_code(code: str) -> None:
    error = {"code": code, "message": "client_order_id already exists"}
    entries = [{"client_order_id": "c1", "error": error}]
    exchange = ex.FakeExchange([ex.once(core.reply(201, {"orders": entries}))], orders=[ex.row()])
    tickets = [ex.ticket()]
    (ack,) = exchange.run(place_many(core.CURRENT, tickets, exchange.context))
    assert ack.order_id == ORDER_ID


def test_an_order_of_a_fill_is_not_known_by_an_answer_about_another_order(
    contract: Contract,
) -> None:
    other = ex.always(core.reply(200, {"order": ex.row(2)}), method="GET", ending=ORDER_ID)
    exchange = ex.FakeExchange([ex.once(LOST), other], fills=[FILL])
    assert is_open(exchange, outcome(exchange, contract))


@pytest.mark.parametrize(
    "beside", [{"error": "some shards did not answer"}, {"data": [ex.row()]}, {"errors": [{}]}]
)
def test_a_list_with_an_error_or_other_rows_beside_it_is_not_whole(
    beside: dict[str, Any], contract: Contract
) -> None:
    page = ex.always(
        core.reply(200, {"orders": [], **beside}), method="GET", ending="/portfolio/orders"
    )
    exchange = ex.FakeExchange([ex.once(LOST), page])
    assert is_open(exchange, outcome(exchange, contract))


@pytest.mark.parametrize(
    "told",
    [
        {"client_order_id": 5},
        {"client_order_id": ["c1"]},
        {"status": "rejected"},
        {"error": {"code": "invalid_order"}},
        {"ticker": "KXSNOW-26DEC31-NYC"},
        {"book_side": "ask"},
    ],
)
def test_an_acknowledgement_that_tells_otherwise_is_looked_up(told: dict[str, Any]) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(**told))], orders=[ex.row()])
    assert place(exchange).replayed


@pytest.mark.parametrize("code", ["upstream_error", "bad_gateway", "server_error", "overloaded"])
def test_a_code_of_a_failing_server_refuses_nothing(code: str) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, code))], orders=[ex.row()])
    assert place(exchange).replayed


@pytest.mark.parametrize(
    "words", [{"time_in_force": "GTC"}, {"self_trade_prevention_type": "none of these"}]
)
def test_a_word_that_nobody_has_met_disowns_no_order(words: dict[str, Any]) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(**words)])
    assert place(exchange).order_id == ORDER_ID


def test_an_order_in_a_group_is_not_one_that_asked_for_none(contract: Contract) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(order_group_id="g1")])
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        place(exchange, contract)
    assert set(caught.value.differs) == {"order_group_id"}


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:07 GMT"])
def test_a_date_that_no_exchange_can_have_is_none(date: str, contract: Contract) -> None:
    assert parse_date(date) is None
    expired = core.reply(401, {"code": "header_timestamp_expired", "message": "no"}, date=date)
    exchange = ex.FakeExchange([ex.once(expired, ex.created())])
    with pytest.raises(errors.TimestampExpired, match="no readable Date"):
        place(exchange, contract)
    exchange.time += 1
    assert exchange.offset == 0.0  # the next order is signed and recorded as ever
