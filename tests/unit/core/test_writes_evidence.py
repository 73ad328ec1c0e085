"""What an answer or a list must not be taken for: words, fields and times that nobody has met."""

from __future__ import annotations

from decimal import Decimal
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
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes.cancel import cancel_many
from kalshi_ext.writes.place import place_many

LOST = core.lost(bytes_sent=True)
ROW: dict[str, Any] = ex.row()
ORDER_ID: str = ROW["order_id"]
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
    "beside",
    [{"error": "some shards did not answer"}, {"data": [ex.row()]}, {"errors": [{"n": 1}]}],
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


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 06 Nov 2022 08:49:37 GMT", 1667724577.0),
        ("sunday, 6-nov-2022 08:49:37 UTC", 1667724577.0),
        ("06 Nov 2022 08:49:37 +0000", 1667724577.0),
        ("Sun, 06 Nov 2022 10:19:37 +0130", 1667724577.0),
        ("Sun, 06 Nov 2022 03:49:37 -0500", 1667724577.0),
        ("Sun, 06 Nov 2022 08:49:37", 1667724577.0),
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800.0),
        ("Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("Sun, 06 Nox 2022 08:49:37 GMT", None),
        ("Sun, 06 Nov 2022 24:49:37 GMT", None),
        ("1667724577", None),
        ("", None),
    ],
)
def test_a_date_is_read_as_a_server_may_write_it(date: str, seconds: float | None) -> None:
    assert parse_date(date) == seconds


# Errors beside a success, of every write

ORDER = Target.of(ORDER_ID, ticker=ex.TICKER)
CANCELED = ex.row(status="canceled", remaining_count_fp="0.00")
ERROR = {"code": "invalid_order", "message": "no"}
REFUSED_BESIDE = [{"error": ERROR}, {"error": "no"}, {"errors": [ERROR]}, {"success": False}]
OTHERWISE = [*REFUSED_BESIDE, {"status": "rejected"}]


def change(name: str, contract: Contract, exchange: ex.FakeExchange) -> Any:
    """Run one change of an order; return its answer or its error."""
    order = contract.orders.get(ORDER_ID).decode({"order": ex.row()})
    context = exchange.context = Context(policy=Policy(backoff=core.no_jitter(first=0.0)))
    changed: dict[str, Any] = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6}
    flows: dict[str, Any] = {
        "amend": lambda: writes.amend(contract, AmendTicket.of(order, **changed), context),
        "decrease": lambda: writes.decrease(contract, DecreaseTicket.of(ORDER, by=2), context),
        "cancel": lambda: writes.cancel(contract, ORDER, context),
    }
    try:
        return exchange.run(flows[name]())
    except errors.KalshiError as error:
        return error


def answer_of(name: str, contract: Contract, told: dict[str, Any]) -> Reply:
    """Make the answer to a change, with something more told."""
    counts = {"amend": "6.00", "decrease": "3.00", "cancel": "0.00"}
    if contract is core.CURRENT:
        counted = {"fill_count": "0.00", "remaining_count": counts[name]}
        own = {"reduced_by": "5.00"} if name == "cancel" else counted
        return core.reply(200, {"order_id": ORDER_ID, **own, **told})
    row: dict[str, Any] = {
        "remaining_count_fp": counts[name],
        "status": told.get("status", "resting"),
    }
    if name == "cancel":
        row["status"] = told.get("status", "canceled")
    if name == "amend":
        row |= {"yes_price_dollars": "0.5700", "initial_count_fp": "6.00"}
    beside = {key: value for key, value in told.items() if key != "status"}
    return core.reply(200, {"order": ex.row(**row), "reduced_by": None, **beside})


@pytest.mark.parametrize("name", ["amend", "decrease", "cancel"])
def test_an_answer_that_tells_nothing_otherwise_is_believed(name: str, contract: Contract) -> None:
    answer = answer_of(name, contract, {})
    exchange = ex.FakeExchange([ex.once(answer), ex.once(answer, method="DELETE")], orders=[ROW])
    assert not change(name, contract, exchange).replayed


@pytest.mark.parametrize("told", OTHERWISE)
@pytest.mark.parametrize("name", ["amend", "decrease", "cancel"])
def test_a_change_is_not_done_by_an_answer_that_tells_otherwise(
    name: str, told: dict[str, Any], contract: Contract
) -> None:
    answer = answer_of(name, contract, told)
    handlers = [ex.always(answer, method=method) for method in ("POST", "DELETE")]
    exchange = ex.FakeExchange(handlers, orders=[ROW])  # nothing was done
    result = change(name, contract, exchange)
    assert isinstance(result, errors.OutcomeUnknown | errors.NotSent)


@pytest.mark.parametrize("told", [{"ticker": "KXSNOW-26DEC31-NYC"}, {"book_side": "ask"}])
def test_an_amend_is_not_done_by_an_answer_about_another_book(told: dict[str, Any]) -> None:
    answer = ex.always(answer_of("amend", core.CURRENT, told), method="POST")
    exchange = ex.FakeExchange([answer], orders=[ROW])
    assert isinstance(change("amend", core.CURRENT, exchange), errors.NotSent)


@pytest.mark.parametrize("taken_off", ["0.00", "-5.00"])
def test_a_cancel_that_took_nothing_off_is_looked_up(taken_off: str) -> None:
    answer = core.reply(200, {"order_id": ORDER_ID, "reduced_by": taken_off})
    executed = ex.row(status="executed", fill_count_fp="5.00", remaining_count_fp="0.00")
    exchange = ex.FakeExchange([ex.once(answer, method="DELETE")], orders=[executed])
    assert isinstance(change("cancel", core.CURRENT, exchange), errors.OrderClosed)


@pytest.mark.parametrize("told", REFUSED_BESIDE)
def test_a_group_is_not_made_by_an_answer_that_tells_an_error(
    told: dict[str, Any], contract: Contract
) -> None:
    listing = ex.always(core.reply(200, {"order_groups": [], "cursor": ""}), method="GET")
    answer = ex.once(core.reply(201, {"order_group_id": "g1", **told}))
    exchange = ex.FakeExchange([listing, answer])
    flow = writes.create_group(contract, Decimal(10), None, None, exchange.context)
    with pytest.raises(errors.OutcomeUnknown):
        exchange.run(flow)


@pytest.mark.parametrize(
    "entries",
    [
        [{"order_id": ORDER_ID, "reduced_by": "5.00", "error": ERROR}],
        [{"order_id": ORDER_ID, "reduced_by": "5.00"}, {"order_id": ORDER_ID, "error": ERROR}],
        [{"order_id": ORDER_ID, "error": ERROR}, {"order_id": ORDER_ID, "reduced_by": "5.00"}],
        [{"order_id": ORDER_ID, "reduced_by": "0.00"}],
    ],
)
@pytest.mark.parametrize("row", [ROW, CANCELED], ids=["resting", "canceled"])
def test_an_entry_of_a_batch_of_cancels_that_contradicts_itself_is_looked_up(
    entries: list[dict[str, Any]], row: dict[str, Any], contract: Contract
) -> None:
    answer = ex.once(core.reply(200, {"orders": entries}), method="DELETE")
    exchange = ex.FakeExchange([answer, ex.always(LOST, method="DELETE")], orders=[row])
    (result,) = exchange.run(cancel_many(contract, [ORDER], exchange.context))
    if row is CANCELED:
        assert result.replayed
    else:
        assert isinstance(result, errors.OutcomeUnknown)


@pytest.mark.parametrize("nested", [False, True])
def test_an_order_beside_the_error_of_its_entry_is_looked_up(
    contract: Contract, *, nested: bool
) -> None:
    told: dict[str, Any] = {"order": ROW} if nested else ROW
    entry = {**told, "client_order_id": "c1", "error": ERROR}
    exchange = ex.FakeExchange([ex.once(core.reply(201, {"orders": [entry]}))], orders=[ROW])
    (ack,) = exchange.run(place_many(contract, [ex.ticket()], exchange.context))
    assert ack.order_id == ORDER_ID
    assert ack.replayed


APPLIED = [
    core.reply(409, {"error": {"code": "TransferAlreadyApplied", "message": "no"}}),
    core.reply(409, {"msg": "transfer_already_applied"}),
    core.reply(400, {"error": {"code": "bad_request", "message": "it was already applied"}}),
    core.reply(400, {"error": {"code": "invalid", "message": "client_transfer_id already used"}}),
]


@pytest.mark.parametrize("answer", APPLIED)
@pytest.mark.parametrize("lost", [0, 1])
def test_a_transfer_that_is_told_to_be_applied_is_done_in_any_words(
    answer: Reply, lost: int
) -> None:
    exchange = ex.FakeExchange([ex.once(*[LOST] * lost, answer)])
    key = "5d1a9c52-7f8e-5a0b-9d53-0c6a3e1b7f24"
    call = core.CURRENT.subaccounts.transfer(key, 0, 1, 500, 0)
    exchange.run(writes.transfer_between_subaccounts(call, exchange.context))
    assert exchange.states() == [State.ACKNOWLEDGED]
    assert len(exchange.sent("POST")) == lost + 1


NO_OP = [
    core.reply(400, {"error": {"code": "AMEND_ORDER_NO_OP", "message": "no"}}),
    core.reply(400, {"error": {"code": "AmendOrderNoOp", "message": "no"}}),
    core.reply(400, {"error": {"code": "invalid_order", "message": "amend is a no-op"}}),
    core.reply(409, {"error": {"code": "bad_request", "message": "there is no change to make"}}),
]


@pytest.mark.parametrize("answer", [*NO_OP, *TAKEN[:6]])
def test_a_refusal_of_an_amend_that_may_be_done_already_is_looked_up(
    answer: Reply, contract: Contract
) -> None:
    changes: dict[str, Any] = {"yes_price_dollars": "0.5700", "remaining_count_fp": "6.00"}
    done = ex.row(**changes, initial_count_fp="6.00", client_order_id="c2")
    exchange = ex.FakeExchange([ex.once(answer)], orders=[done])
    order = contract.orders.get(ORDER_ID).decode({"order": ROW})
    changed: dict[str, Any] = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6}
    ticket = AmendTicket.of(order, **changed, updated_client_order_id="c2")
    assert exchange.run(writes.amend(contract, ticket, exchange.context)).replayed
