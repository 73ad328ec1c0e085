"""Cancels: repeated at once, and a 404 is looked into."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import bulk, errors, writes
from kalshi_ext.journal import JournalError
from kalshi_ext.protocol.context import LockOwner
from kalshi_ext.protocol.flow import Begin, Monotonic, Record, Send
from kalshi_ext.protocol.messages import Call, Operation, Repeat, Request
from kalshi_ext.requests import Target

LOST = core.lost(bytes_sent=True)
ID, OTHER = ex.row(1)["order_id"], ex.row(2)["order_id"]
DONE = core.reply(200, {"order_id": ID, "reduced_by": "5.00"})
GONE = ex.row(status="canceled", remaining_count_fp="0.00")


def cancel(exchange: ex.FakeExchange, **arguments: Any) -> Any:
    return exchange.run(writes.cancel(core.CURRENT, Target.of(ID, **arguments), exchange.context))


def cancel_many(exchange: ex.FakeExchange) -> list[Any]:
    targets = [Target.of(ID), Target.of(OTHER)]
    results: list[Any] = exchange.run(bulk.cancel_many(core.CURRENT, targets, exchange.context))
    return results


def test_a_cancel_is_answered() -> None:
    exchange = ex.FakeExchange([ex.once(DONE, method="DELETE")])
    assert cancel(exchange).reduced_by == 5
    assert list(exchange.journal.entries()) == []


@pytest.mark.parametrize("response", [LOST, core.reply(502)])
def test_a_cancel_in_doubt_is_repeated_at_once(response: Any) -> None:
    exchange = ex.FakeExchange([ex.once(response, DONE, method="DELETE")])
    assert not cancel(exchange).replayed
    assert len(exchange.sent("DELETE")) == 2


@pytest.mark.parametrize(
    "last", [ex.not_found(), ex.refused(409, "x"), core.lost(bytes_sent=False)]
)
def test_after_a_doubtful_attempt_the_order_itself_tells(last: Any) -> None:
    exchange = ex.FakeExchange([ex.once(LOST, *[last] * 4, method="DELETE")], orders=[GONE])
    assert cancel(exchange).replayed


@pytest.mark.parametrize(
    "body",
    [
        {"order_id": ID},
        {"order_id": ID, "fill_count": "0.00", "remaining_count": "5.00"},
        {"order_id": ID, "client_order_id": "c1", "remaining_count": "5.00"},
        {"order_id": OTHER, "reduced_by": "5.00"},
    ],
)
def test_an_answer_of_another_operation_cancels_nothing(body: dict[str, str]) -> None:
    exchange = ex.FakeExchange([ex.once(core.reply(200, body), method="DELETE")], orders=[GONE])
    assert cancel(exchange).replayed
    exchange = ex.FakeExchange([ex.once(core.reply(200, body), DONE, method="DELETE")])
    exchange.orders = [ex.row()]
    assert cancel(exchange).reduced_by == 5  # it rested still, and was cancelled


def test_a_404_of_a_cancelled_order_is_its_cancel() -> None:
    exchange = ex.FakeExchange(orders=[GONE])
    assert cancel(exchange).replayed


def test_a_404_of_a_cancelled_order_in_history_is_its_cancel() -> None:
    exchange = ex.FakeExchange(history=[GONE])
    assert cancel(exchange, ticker=ex.TICKER).replayed


def test_a_404_of_an_executed_order_says_so() -> None:
    exchange = ex.FakeExchange(orders=[ex.row(status="executed")])
    with pytest.raises(errors.OrderClosed, match="is executed by now") as caught:
        cancel(exchange)
    assert (caught.value.order_status, caught.value.status) == ("executed", 404)
    assert caught.value.order.order_id == caught.value.order_id == ID


def test_a_404_of_a_resting_order_cancels_it_where_it_lives() -> None:
    exchange = ex.FakeExchange([ex.once(ex.not_found(), DONE, method="DELETE")])
    exchange.orders = [ex.row(exchange_index=2)]
    assert cancel(exchange).reduced_by == 5
    query = dict(exchange.sent("DELETE")[1].query)
    assert (query["exchange_index"], query["market_ticker"]) == ("2", ex.TICKER)


def test_a_lagging_read_is_waited_for() -> None:
    responses = [core.reply(200, {"order": ex.row()})] * 9
    exchange = ex.FakeExchange([ex.once(*responses, method="GET", ending=ID)], orders=[GONE])
    assert cancel(exchange).replayed
    assert exchange.waited > 20


def test_an_order_that_nobody_knows_is_not_found() -> None:
    exchange = ex.FakeExchange()
    with pytest.raises(errors.NotFound):
        cancel(exchange)
    assert (len(exchange.sent("DELETE")), len(exchange.sent("GET", ID))) == (1, 5)
    assert exchange.waited == 3.75


@pytest.mark.parametrize("response", [core.reply(500), LOST])
def test_a_404_whose_order_cannot_be_read_is_unknown(response: Any) -> None:
    exchange = ex.FakeExchange([ex.always(response, method="GET", ending=ID)])
    with pytest.raises(errors.OutcomeUnknown) as caught:
        cancel(exchange)
    assert caught.value.order_id == ID
    assert 179 < exchange.time - core.EPOCH < 180.1


def test_a_refused_cancel_is_refused() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(403, "permission_denied"), method="DELETE")])
    with pytest.raises(errors.Forbidden):
        cancel(exchange)
    assert len(exchange.requests) == 1


def test_a_cancel_refused_where_the_order_lives_is_refused() -> None:
    replies = [ex.not_found(), ex.refused(409, "trading_is_paused")]
    exchange = ex.FakeExchange([ex.once(*replies, method="DELETE")], orders=[ex.row()])
    with pytest.raises(errors.TradingPaused):
        cancel(exchange)


def test_an_answer_about_another_order_is_not_believed() -> None:
    wrong_ack = core.reply(200, {"order_id": OTHER, "reduced_by": "5.00"})
    exchange = ex.FakeExchange([ex.once(wrong_ack, method="DELETE")], orders=[GONE])
    assert cancel(exchange).replayed


def test_an_answer_about_another_order_of_an_order_that_cannot_be_read_is_unknown() -> None:
    wrong_ack = core.reply(200, {"order_id": OTHER, "reduced_by": "5.00"})
    exchange = ex.FakeExchange([ex.once(wrong_ack, method="DELETE")])
    with pytest.raises(errors.OutcomeUnknown, match="the answer names another order"):
        cancel(exchange)


def entries(*rows: dict[str, Any]) -> Any:
    return core.reply(200, {"orders": list(rows)})


DONE_1 = {"order_id": ID, "client_order_id": "c1", "reduced_by": "5.00"}
DONE_2 = {"order_id": OTHER, "client_order_id": "c2", "reduced_by": "5.00"}


def test_a_batch_of_cancels_is_answered_in_the_order_asked() -> None:
    exchange = ex.FakeExchange([ex.once(entries(DONE_2, DONE_1), method="DELETE")])
    assert [ack.order_id for ack in cancel_many(exchange)] == [ID, OTHER]
    assert len(exchange.requests) == 1


@pytest.mark.parametrize(
    "entries_of_other",
    [
        [],
        [{"order_id": OTHER, "error": {"code": "not_found", "message": "no"}}],
        [{"order_id": OTHER, "error": {"code": "internal_server_error", "message": "no"}}],
        [{"order_id": OTHER, "error": {"message": "no"}}],
    ],
)
def test_what_a_batch_of_cancels_leaves_open_is_looked_into(
    entries_of_other: list[dict[str, Any]],
) -> None:
    gone = ex.row(2, status="canceled", remaining_count_fp="0.00")
    exchange = ex.FakeExchange(
        [ex.once(entries(DONE_1, *entries_of_other), method="DELETE")], orders=[gone]
    )
    first, second = cancel_many(exchange)
    assert (first.replayed, second.replayed, second.order_id) == (False, True, OTHER)


def test_a_refused_entry_of_a_batch_of_cancels_is_refused() -> None:
    no = {"order_id": OTHER, "error": {"code": "permission_denied", "message": "no"}}
    exchange = ex.FakeExchange([ex.once(entries(DONE_1, no), method="DELETE")])
    assert cancel_many(exchange)[1].code == "permission_denied"
    assert len(exchange.requests) == 1


@pytest.mark.parametrize("response", [core.reply(500), LOST, ex.not_found()])
def test_a_batch_of_cancels_without_an_answer_is_looked_into_order_by_order(response: Any) -> None:
    gone = [ex.row(n, status="canceled", remaining_count_fp="0.00") for n in (1, 2)]
    exchange = ex.FakeExchange(
        [ex.always(response, method="DELETE", ending="/batched")], orders=gone
    )
    assert [ack.replayed for ack in cancel_many(exchange)] == [True, True]


def test_a_batch_of_cancels_refused_as_a_whole_raises() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(403, "permission_denied"), method="DELETE")])
    with pytest.raises(errors.Forbidden):
        cancel_many(exchange)


def test_an_order_that_cannot_be_cancelled_keeps_its_error_beside_the_others() -> None:
    exchange = ex.FakeExchange([ex.once(entries(DONE_1), method="DELETE")])
    first, second = cancel_many(exchange)
    assert first.order_id == ID
    assert isinstance(second, errors.NotFound)


def test_only_misses_in_a_row_count() -> None:
    reads = [*[ex.not_found()] * 4, core.reply(400), *[ex.not_found()] * 4]
    exchange = ex.FakeExchange([ex.once(*reads, method="GET", ending=ID)], orders=[GONE])
    assert cancel(exchange).replayed


def test_history_is_read_only_for_an_order_of_a_known_ticker_that_is_not_alive() -> None:
    nameless = ex.FakeExchange()
    with pytest.raises(errors.NotFound):
        cancel(nameless)
    failing = ex.FakeExchange([ex.once(core.reply(400), method="GET", ending=ID)], orders=[GONE])
    cancel(failing, ticker=ex.TICKER)
    assert nameless.sent("GET", "/historical/orders") == []
    assert failing.sent("GET", "/historical/orders") == []


# Counts as both contracts name them.
FILLED: dict[str, Any] = {
    "status": "executed",
    "remaining_count_fp": "0.00",
    "fill_count_fp": "5.00",
    "remaining_count": 0,
    "fill_count": 5,
    "side": "yes",
    "action": "buy",
    "yes_price": 56,
}


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC], ids=["current", "classic"])
@pytest.mark.parametrize(
    "answers",
    [[ex.not_found()], [LOST] * 4, [LOST, ex.not_found()], [ex.refused(409, "order_filled")]],
)
def test_a_cancel_that_meets_a_fill_says_so_and_carries_the_order(
    answers: list[Any], contract: Any
) -> None:
    exchange = ex.FakeExchange([ex.once(*answers, method="DELETE")], orders=[ex.row(**FILLED)])
    with pytest.raises(errors.OrderClosed) as caught:
        exchange.run(writes.cancel(contract, Target.of(ID, ticker=ex.TICKER), exchange.context))
    assert caught.value.order_status == "executed"
    assert caught.value.order.order_id == caught.value.order_id == ID


def test_a_cancel_refused_in_unknown_words_is_looked_into_once() -> None:
    weird = ex.refused(409, "weird")
    cancelled = ex.FakeExchange([ex.once(weird, method="DELETE")], orders=[GONE])
    assert cancel(cancelled).replayed
    resting = ex.FakeExchange([ex.once(weird, method="DELETE")], orders=[ex.row()])
    with pytest.raises(errors.Conflict, match="weird"):
        cancel(resting)
    unreadable = ex.FakeExchange([ex.once(weird, method="DELETE")])
    with pytest.raises(errors.Conflict, match="weird"):
        cancel(unreadable)
    assert [len(each.requests) for each in (cancelled, resting, unreadable)] == [2, 2, 2]


def test_an_entry_of_a_batch_of_cancels_that_meets_a_fill_says_so() -> None:
    no = {"order_id": OTHER, "error": {"code": "not_found", "message": "no"}}
    exchange = ex.FakeExchange([ex.once(entries(DONE_1, no), method="DELETE")])
    exchange.orders = [ex.row(2, **FILLED)]
    error = cancel_many(exchange)[1]
    assert isinstance(error, errors.OrderClosed)
    assert (error.order_id, error.order.fill_count) == (OTHER, 5)


@pytest.mark.parametrize("answer", [LOST, ex.not_found()])
def test_an_unknown_cancel_advises_to_cancel_again(answer: Any) -> None:
    unreadable = ex.always(core.reply(500), method="GET", ending=ID)
    exchange = ex.FakeExchange([ex.always(answer, method="DELETE"), unreadable])
    with pytest.raises(errors.OutcomeUnknown, match="call it again") as caught:
        cancel(exchange)
    assert "do not send it again" not in str(caught.value)
    assert "within 180 s" in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_cancel_whose_order_may_not_be_read_is_unknown_at_once(status: int) -> None:
    refused = ex.always(ex.refused(status, "permission_denied"), method="GET", ending=ID)
    exchange = ex.FakeExchange([refused])
    with pytest.raises(errors.OutcomeUnknown, match="could not be read"):
        cancel(exchange)
    assert exchange.waited == 0


class Slow(ex.FakeExchange):
    """An exchange whose requests all time out."""

    def perform(self, effect: Any) -> Any:
        if isinstance(effect, Send):
            self.time += effect.timeout
        return super().perform(effect)


@pytest.mark.parametrize("many", [False, True])
def test_looking_into_a_cancel_ends_within_its_time_and_one_timeout(many: bool) -> None:
    exchange = Slow([lambda _: LOST])
    if many:
        results = cancel_many(exchange)
        assert [type(each) for each in results] == [errors.OutcomeUnknown] * 2
    else:
        with pytest.raises(errors.OutcomeUnknown):
            cancel(exchange)
    assert exchange.time - core.EPOCH <= 180 + 10 + 1


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_cancelled() -> None:
    empty = ex.always(entries(), method="DELETE", ending="/batched")
    unreadable = ex.always(core.reply(500), method="GET", ending=ID)
    done = ex.once(ex.not_found(), core.reply(200, DONE_2), method="DELETE")
    exchange = ex.FakeExchange([empty, unreadable, done])
    cancelled_at: list[float] = []
    exchange.handlers.insert(
        0,
        lambda request: (
            cancelled_at.append(exchange.time)  # type: ignore[func-returns-value]
            if request.method == "DELETE" and request.path.endswith(OTHER)
            else None
        ),
    )
    first, second = cancel_many(exchange)
    assert isinstance(first, errors.OutcomeUnknown)
    assert second.order_id == OTHER
    assert cancelled_at[0] - core.EPOCH < 1


def test_a_cancel_whose_client_is_closed_while_looking_is_unknown() -> None:
    def closed(request: Any) -> Any:
        if request.method == "GET":
            raise errors.Misuse("this client is closed")
        return None

    exchange = ex.FakeExchange([closed])
    with pytest.raises(errors.OutcomeUnknown, match="this client is closed"):
        cancel(exchange)


@pytest.mark.parametrize("contract", [core.CURRENT, core.CLASSIC])
def test_what_a_batch_of_cancels_did_is_told_by_a_client_closed_after_it(contract: Any) -> None:
    def closed_after_the_batch(request: Any) -> Any:
        if len(exchange.requests) > 1:
            raise errors.Misuse("this client is closed")
        return LOST

    exchange = ex.FakeExchange([closed_after_the_batch])
    targets = [Target.of(ID), Target.of(OTHER)]
    results = exchange.run(bulk.cancel_many(contract, targets, exchange.context))
    assert [type(each) for each in results] == [errors.OutcomeUnknown] * 2
    assert all("this client is closed" in each.args[0] for each in results)


def test_a_group_whose_client_is_closed_while_looking_is_unknown() -> None:
    def closed(request: Any) -> Any:
        if request.method == "GET":
            raise errors.Misuse("this client is closed")
        return None

    exchange = ex.FakeExchange([closed, ex.once(LOST, ex.not_found(), method="DELETE")])
    with pytest.raises(errors.OutcomeUnknown, match="this client is closed"):
        exchange.run(writes.delete_group(core.CURRENT, "g", None, None, exchange.context))


def test_a_cancel_that_met_a_404_goes_on_without_a_journal_that_fails() -> None:
    exchange = ex.FakeExchange([ex.once(ex.not_found(), method="DELETE")])
    perform = exchange.perform

    def failing(effect: Any) -> Any:
        if isinstance(effect, Record):
            raise JournalError("the disk is gone")
        return perform(effect)

    exchange.perform = failing  # type: ignore[method-assign]
    with pytest.raises(errors.NotFound):
        cancel(exchange)


def test_a_cancel_whose_timestamp_is_refused_again_and_again_speaks_of_the_clock() -> None:
    expired = core.reply(401, {"error": {"code": "header_timestamp_expired", "message": "m"}})
    dated = evolve(expired, headers={"date": formatdate(core.EPOCH + 3600, usegmt=True)})
    exchange = ex.FakeExchange([ex.always(dated, method="DELETE")], orders=[ex.row()])
    with pytest.raises(errors.TimestampExpired, match="set this machine's clock"):
        cancel(exchange)
    assert len(exchange.sent("DELETE")) == 4
    once_more = ex.FakeExchange([ex.once(dated, dated, DONE, method="DELETE")])
    assert cancel(once_more).reduced_by == 5


def test_a_cancel_uses_no_journal_and_waits_for_no_lock() -> None:
    exchange = ex.FakeExchange([ex.once(ex.not_found(), DONE, method="DELETE")], orders=[ex.row()])
    effects = set()
    perform = exchange.perform
    exchange.perform = lambda effect: effects.add(type(effect)) or perform(effect)  # type: ignore[method-assign,func-returns-value]
    other = LockOwner()
    exchange.context.locks.acquire([f"order {ID}", ID], other)
    cancel(exchange)
    assert effects == {Begin, Send, Monotonic}


def test_what_may_be_repeated_says_so_when_it_stays_unknown() -> None:
    calls = {
        core.CURRENT.orders.cancel_all(None): "call it again",
        core.CURRENT.order_groups.trigger("g1", None, None): "call it again",
        core.CURRENT.account.upgrade(): "do not send it again before",
    }
    for call, advice in calls.items():
        exchange = ex.FakeExchange([lambda _: LOST])
        with pytest.raises(errors.OutcomeUnknown, match=advice):
            exchange.run(writes.send_idempotent(call, exchange.context))


@pytest.mark.parametrize("code", ["trading_is_paused", "invalid_order", "permission_denied"])
def test_a_refused_entry_after_a_batch_in_doubt_does_not_deny_what_the_batch_did(code: str) -> None:
    # The first batch was executed, and its answer lost.
    entry = {"order_id": ID, "reduced_by": "0.00", "error": {"code": code, "message": "no"}}
    answers = ex.once(
        core.lost(bytes_sent=True), core.reply(200, {"orders": [entry]}), method="DELETE"
    )
    gone = ex.row(status="canceled", remaining_count_fp="0.00")
    exchange = ex.FakeExchange([answers], orders=[gone])
    (result,) = exchange.run(bulk.cancel_many(core.CURRENT, [Target.of(ID)], exchange.context))
    assert result.replayed


@pytest.mark.parametrize("body", [{}, {"order_groups": []}])
def test_a_group_is_gone_only_where_a_list_with_its_key_does_not_show_it(body: Any) -> None:
    deleted = ex.once(core.lost(bytes_sent=True), ex.not_found(), method="DELETE")
    groups = ex.always(core.reply(200, body), method="GET")
    exchange = ex.FakeExchange([deleted, groups])
    flow = writes.delete_group(core.CURRENT, "g1", None, None, exchange.context)
    if body:
        exchange.run(flow)
    else:
        with pytest.raises(errors.OutcomeUnknown):
            exchange.run(flow)


def test_a_404_after_a_batch_in_doubt_does_not_deny_what_the_batch_did() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, LOST, LOST, LOST, method="DELETE")])
    targets = [Target.of(ID, ticker=ex.TICKER)]
    (result,) = exchange.run(bulk.cancel_many(core.CURRENT, targets, exchange.context))
    assert isinstance(result, errors.OutcomeUnknown)


@pytest.mark.parametrize("refusal", [(409, "trading_is_paused"), (400, "bad_request"), (404, "x")])
@pytest.mark.parametrize("rests", [True, False])
def test_a_refusal_after_a_cancel_in_doubt_does_not_deny_it(
    refusal: tuple[int, str], rests: bool
) -> None:
    answers = [LOST, LOST, LOST, LOST, *[ex.refused(*refusal)] * 99]
    exchange = ex.FakeExchange([ex.once(*answers, method="DELETE")], orders=[ex.row()] * rests)
    targets = [Target.of(ID, ticker=ex.TICKER)]
    (result,) = exchange.run(bulk.cancel_many(core.CURRENT, targets, exchange.context))
    assert isinstance(result, errors.OutcomeUnknown)


@pytest.mark.parametrize("strays", [1, 4])
def test_a_success_with_the_body_of_another_operation_proves_no_wanted_state(strays: int) -> None:
    stray, done = ex.created(), core.reply(204)
    exchange = ex.FakeExchange([ex.once(*[stray] * strays, done, method="DELETE")])
    flow = writes.send_idempotent(core.CURRENT.orders.cancel_all(None), exchange.context)
    if strays == 1:
        exchange.run(flow)
    else:
        with pytest.raises(errors.OutcomeUnknown, match="has a body"):
            exchange.run(flow)
    assert len(exchange.sent("DELETE")) == min(strays + 1, 4)


@pytest.mark.parametrize("repeat", [core.reply(200, b"{}"), ex.not_found(), ex.refused(409, "no")])
def test_a_group_is_not_deleted_by_the_answer_to_another_operation(repeat: Any) -> None:
    gone = ex.always(core.reply(200, {"order_groups": []}), method="GET", ending="order_groups")
    exchange = ex.FakeExchange([ex.once(ex.created(), repeat, method="DELETE"), gone])
    flow = writes.delete_group(core.CURRENT, "g1", None, None, exchange.context)
    if repeat.status == 409:  # of the repeat alone
        with pytest.raises(errors.OutcomeUnknown, match="an earlier attempt may have been"):
            exchange.run(flow)
    else:
        exchange.run(flow)
    assert len(exchange.sent("DELETE")) == 2


@pytest.mark.parametrize("first", [core.reply(404), core.reply(405)])
def test_a_wish_that_the_exchange_knows_under_another_path_goes_there(first: Any) -> None:
    known, other = (
        core.call(core.operation(Repeat.ABSOLUTE)),
        Operation("Other", "POST", "/other", "ops.other", Repeat.ABSOLUTE, frozenset({201})),
    )
    moved = Call(other, Request("POST", "/other"), lambda document: document["done"])
    exchange = ex.FakeExchange(
        [ex.once(first, ending="/op"), ex.once(core.reply(201, {"done": 7}), ending="/other")]
    )
    steps = writes.send_idempotent(evolve(known, otherwise=moved), exchange.context)
    assert exchange.run(steps) == 7
    assert [each.path for each in exchange.requests] == ["/op", "/other"]
