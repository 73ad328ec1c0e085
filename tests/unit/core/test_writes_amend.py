"""Amend and decrease: done when seen to be done past the sending, else sent again or unknown."""

from __future__ import annotations

import json
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.flow import Effect, Sleep
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.amend import scopes_of

LOST = core.lost(bytes_sent=True)
ROW = ex.row()
ID = ROW["order_id"]
DONE = core.reply(200, {"order_id": ID, "remaining_count": "4.00", "fill_count": "0.00"})
AMENDED = core.reply(200, {"order_id": ID, "remaining_count": "6.00", "fill_count": "0.00"})


def amending(exchange: ex.FakeExchange, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6}
    ticket = AmendTicket.of(ID, **(arguments | changes))
    return writes.amend(core.CURRENT, ticket, exchange.context)


def amend(exchange: ex.FakeExchange, **changes: Any) -> Any:
    return exchange.run(amending(exchange, **changes))


def decreasing(exchange: ex.FakeExchange, **arguments: Any) -> Any:
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **arguments)
    return writes.decrease(core.CURRENT, ticket, exchange.context)


def decrease(exchange: ex.FakeExchange, **arguments: Any) -> Any:
    return exchange.run(decreasing(exchange, **arguments))


def amended(**changes: Any) -> dict[str, Any]:
    fields = {
        "yes_price_dollars": "0.5700",
        "remaining_count_fp": "6.00",
        "initial_count_fp": "6.00",
        "last_update_time": at(0.02),
    }
    return ex.row(**(fields | changes))


def at(seconds: float) -> str:
    return journal_codec.instant(core.EPOCH + seconds).isoformat()


@pytest.mark.parametrize("response", [LOST, core.reply(502), ex.refused(400, "AMEND_ORDER_NO_OP")])
def test_an_amend_that_is_seen_done_is_accepted(response: Any) -> None:
    exchange = ex.FakeExchange([ex.once(response)], orders=[amended()])
    ack = amend(exchange)
    assert (ack.order_id, ack.replayed) == (ID, True)
    assert len(exchange.sent("POST")) == 1
    assert exchange.states() == ["acknowledged"]


CHANGES = [amend, lambda exchange: decrease(exchange, to=6)]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "times",
    [
        {"last_update_time": at(0.0)},  # as it was created
        {"last_update_time": at(-1.5), "created_time": at(-9.0)},
        {"last_update_time": None},
        {"created_time": None},
        {"fill_count_fp": "1.00", "remaining_count_fp": "5.00"},  # a fill dates it too
    ],
)
def test_an_order_that_was_as_wanted_before_is_changed_when_no_copy_is_left(
    change: Any, times: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[amended(**times)])
    assert change(exchange).replayed
    assert exchange.waited >= 60
    assert (len(exchange.sent("POST")), exchange.states()) == (1, ["acknowledged"])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("times", [{}, {"last_update_time": at(0.5), "created_time": at(-9.0)}])
def test_an_order_that_changed_since_the_sending_is_done_at_once(
    change: Any, times: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[amended(**times)])
    assert change(exchange).replayed
    assert exchange.waited < 2  # for the second that a Date may hide


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("first", "waits"), [([], False), ([LOST], True)])
def test_what_is_refused_as_no_change_is_done_at_once_where_no_other_copy_was_sent(
    change: Any, first: list[Any], waits: bool
) -> None:
    no_op = ex.refused(400, "AMEND_ORDER_NO_OP")
    old, wanted = (
        ex.row(remaining_count_fp="8.00", initial_count_fp="8.00"),
        amended(created_time=at(-9.0), last_update_time=at(-5.0)),
    )
    exchange = ex.FakeExchange([ex.once(*first, no_op)], orders=[wanted])
    if first:  # the reads show that it is not done, until it went again
        exchange.handlers.append(
            lambda request: (
                core.reply(200, {"order": old})
                if request.path.endswith(ID) and len(exchange.sent("POST")) == 1
                else None
            )
        )
    assert change(exchange).replayed
    assert len(exchange.sent("POST")) == 1 + len(first)
    assert exchange.waited >= 120 if waits else exchange.waited < 2  # a minute for each copy


def test_a_time_that_is_cut_to_whole_seconds_may_be_after_the_sending() -> None:
    row = amended(created_time=at(-9.0), last_update_time=at(0.0))
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row], time=core.EPOCH + 2.9)
    assert amend(exchange).replayed
    assert exchange.waited >= 60
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row], time=core.EPOCH + 0.9)
    assert amend(exchange).replayed
    assert exchange.waited < 2


@pytest.mark.parametrize("change", CHANGES)
def test_what_an_earlier_change_of_this_client_left_says_nothing_of_the_next(change: Any) -> None:
    """The Date tells whole seconds; the answer to the change before tells when that was made."""
    answer = {"order_id": ID, "remaining_count": "6.00", "fill_count": "0.00"}
    first = core.reply(200, answer | {"ts_ms": int(core.EPOCH * 1000) + 20})
    row = amended(last_update_time=at(0.0204))  # dated by another clock of the exchange
    exchange = ex.FakeExchange([ex.once(first, LOST)], orders=[row])
    assert not change(exchange).replayed
    assert change(exchange).replayed
    assert exchange.waited >= 60


def test_what_an_interrupted_change_made_says_nothing_of_the_next() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[amended()])
    exchange.crash(amending(exchange))
    assert amend(exchange).replayed  # after the first was found to be done
    assert exchange.waited >= 60
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("change", [amending, lambda exchange: decreasing(exchange, to=6)])
@pytest.mark.parametrize(("changed", "waits"), [(-1.5, True), (0.02, False)])
def test_a_later_process_waits_too_for_what_may_have_been_as_wanted_before(
    change: Any, changed: float, waits: bool
) -> None:
    row = amended(created_time=at(-9.0), last_update_time=at(changed))
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row])
    date = formatdate(exchange.time, usegmt=True)
    exchange.context.exchange_clock.note({"date": date}, exchange.monotonic())
    exchange.crash(change(exchange))
    exchange.restart()
    (found,) = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert found.state is State.RESOLVED
    assert (exchange.waited >= 59) is waits


@pytest.mark.parametrize("work", CHANGES)
def test_the_answer_to_a_cancel_acknowledges_no_other_change(work: Any) -> None:
    answer = core.reply(200, {"order_id": ID, "client_order_id": "c1", "reduced_by": "5.00"})
    exchange = ex.FakeExchange([ex.once(answer)], orders=[amended()])
    assert work(exchange).replayed
    assert len(exchange.sent("POST")) == 1


def test_an_amend_that_is_not_done_goes_again_once_no_copy_can_live() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, AMENDED)], orders=[ROW])
    assert not amend(exchange).replayed
    assert exchange.waited >= 60
    assert len(exchange.sent("POST")) == 2


def test_an_old_state_that_happens_to_be_the_wanted_one_is_not_believed() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[amended()], watermark=30.0)
    amend(exchange)
    assert exchange.waited >= 29


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        ({"price": "0.56", "count": 5, "expires": 1_900_000_000}, ROW),
        ({"price": "0.56", "count": 5, "updated_client_order_id": "c2"}, ROW),
        ({}, amended(yes_price_dollars="0.5600")),
        ({}, amended(remaining_count_fp="5.00")),
        ({"expires": 0}, amended(expiration_time="2030-03-17T17:46:40Z")),
        ({"expires": 1_900_000_000}, amended(expiration_time="2030-03-17T17:46:41Z")),
    ],
)
def test_an_amend_is_done_only_when_all_it_names_is_so(
    arguments: dict[str, Any], row: dict[str, Any]
) -> None:
    remaining = f"{arguments.get('count', 6)}.00"
    answer = core.reply(200, json.loads(AMENDED.body) | {"remaining_count": remaining})
    exchange = ex.FakeExchange([ex.once(LOST, answer)], orders=[row])
    amend(exchange, **arguments)
    assert len(exchange.sent("POST")) == 2


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        ({"expires": 1_900_000_000}, amended(expiration_time="2030-03-17T17:46:40Z")),
        ({"expires": 0}, amended()),
        ({"updated_client_order_id": "c2"}, amended(client_order_id="c2")),
        (
            {"updated_client_order_id": "c2"},
            amended(status="canceled", remaining_count_fp="0.00", client_order_id="c2"),
        ),
        ({}, amended(status="executed", remaining_count_fp="0.00", fill_count_fp="6.00")),
    ],
)
def test_an_amend_is_done_when_all_it_names_is_so(
    arguments: dict[str, Any], row: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row])
    assert amend(exchange, **arguments).replayed


@pytest.mark.parametrize("status", ["canceled", "executed"])
def test_an_amend_of_an_order_that_ended_without_it_is_refused(status: str) -> None:
    exchange = ex.FakeExchange(
        [ex.once(LOST)], orders=[ex.row(status=status, remaining_count_fp="0.00")]
    )
    with pytest.raises(errors.Refused, match=f"is {status} by now"):
        amend(exchange)
    assert exchange.states() == ["refused"]


def test_an_order_that_moved_to_history_is_looked_for_there() -> None:
    row = amended(status="executed", remaining_count_fp="0.00", fill_count_fp="6.00")
    exchange = ex.FakeExchange([ex.once(LOST)], history=[ex.row(2), row])
    assert amend(exchange).replayed


def test_an_order_that_moved_to_history_is_looked_for_there_without_its_ticker_too() -> None:
    row = ex.row(status="executed", remaining_count_fp="0.00", fill_count_fp="5.00")
    exchange = ex.FakeExchange([ex.once(LOST)], history=[ex.row(2), row])
    ticket = DecreaseTicket.of(Target.of(ID), to=2)
    with pytest.raises(errors.OutcomeUnknown, match=r"executed by now, 5.00 contracts"):
        exchange.run(writes.decrease(core.CURRENT, ticket, exchange.context))


FILLED = ex.row(status="executed", remaining_count_fp="0.00", fill_count_fp="5.00")
CANCELLED = ex.row(status="canceled", remaining_count_fp="0.00", fill_count_fp="1.00")
CHANGES = [
    lambda exchange, contract: core_amend(exchange, contract),
    lambda exchange, contract: core_decrease(exchange, contract, by=1),
    lambda exchange, contract: core_decrease(exchange, contract, to=2),
]


def core_amend(exchange: ex.FakeExchange, contract: Any) -> Any:
    ticket = AmendTicket.of(ID, price="0.40", count=6, side="bid", ticker=ex.TICKER)
    if contract is core.CLASSIC:
        ticket = AmendTicket.of(
            ID, price="0.40", count=6, side="yes", action="buy", ticker=ex.TICKER,
            client_order_id="c1", updated_client_order_id="c2",
        )  # fmt: skip
    return exchange.run(writes.amend(contract, ticket, exchange.context))


def core_decrease(exchange: ex.FakeExchange, contract: Any, **size: int) -> Any:
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **size)
    return exchange.run(writes.decrease(contract, ticket, exchange.context))


@pytest.mark.parametrize("row", [FILLED, CANCELLED], ids=["filled", "cancelled"])
@pytest.mark.parametrize("where", ["orders", "history"])
@pytest.mark.parametrize("answer", [ex.not_found(), ex.refused(409, "weird")])
@pytest.mark.parametrize("change", CHANGES, ids=["amend", "by", "to"])
def test_a_change_that_meets_an_ended_order_says_so_and_carries_the_order(
    change: Any, answer: Any, where: str, row: dict[str, Any]
) -> None:
    # The order rests when it is read before, and has ended when the change arrives.
    answers = [core.reply(200, {"order": ROW})] if change is CHANGES[1] else []
    first_read = ex.once(*answers, method="GET", ending=ID)
    exchange = ex.FakeExchange([ex.once(answer), first_read], **{where: [row]})
    with pytest.raises(errors.OrderClosed, match="by now") as caught:
        change(exchange, core.CURRENT)
    assert caught.value.order.order_id == caught.value.order_id == ID
    assert caught.value.order_status == row["status"] == caught.value.order.status
    assert len(exchange.sent("POST")) == 1
    assert exchange.states() == ["refused"]


@pytest.mark.parametrize("change", CHANGES[:2], ids=["amend", "by"])
def test_the_answer_to_an_earlier_request_about_the_order_proves_no_change(change: Any) -> None:
    as_created = core.reply(200, {"order_id": ID, "remaining_count": "0", "fill_count": "5.00"})
    first_read = ex.once(core.reply(200, {"order": ROW}), method="GET", ending=ID)
    reads = [first_read] if change is CHANGES[1] else []
    exchange = ex.FakeExchange([ex.once(as_created), *reads], orders=[FILLED])
    with pytest.raises(errors.OrderClosed):
        change(exchange, core.CURRENT)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (0, {}),
        (0, {"client_order_id": "c1", "ts_ms": 1}),
        (0, {"remaining_count": "2.00", "ts_ms": 1}),  # of a decrease, which tells no fills
        (1, {}),
        (1, {"remaining_count": "5.00", "ts_ms": 1}),  # of an earlier decrease
        (2, {}),
        (2, {"client_order_id": "c1", "fill_count": "0.00"}),
    ],
)
def test_an_answer_that_does_not_count_what_a_change_leaves_proves_none(
    change: int, body: dict[str, Any]
) -> None:
    exchange = ex.FakeExchange([ex.once(core.reply(200, {"order_id": ID, **body}))], orders=[ROW])
    exchange.context = Context(policy=evolve(exchange.context.policy, resend_within=1.0))
    with pytest.raises(errors.NotSent, match="proven not done"):
        CHANGES[change](exchange, core.CURRENT)


ENDS = [
    (CHANGES[0], FILLED, True),  # it was filled to another size, at another price
    (CHANGES[0], CANCELLED, True),  # another price
    (CHANGES[0], ex.row(status="canceled", remaining_count_fp="0", yes_price_dollars="0.4"), False),
    (CHANGES[1], FILLED, True),  # all of it was filled
    (CHANGES[1], ex.row(status="executed", remaining_count_fp="0", fill_count_fp="3"), False),
    (CHANGES[1], CANCELLED, False),
    # What was filled equals by chance what the change would have left.
    (CHANGES[1], ex.row(status="canceled", remaining_count_fp="0", fill_count_fp="4"), False),
    (
        CHANGES[0],
        ex.row(
            status="canceled",
            remaining_count_fp="0",
            fill_count_fp="6",
            initial_count_fp="6",
            yes_price_dollars="0.4",
        ),
        False,
    ),
    # A difference of more than rests may take off what does.
    (CHANGES[1], ex.row(status="canceled", remaining_count_fp="0", fill_count_fp="4.5"), False),
    (CHANGES[2], FILLED, False),
    (CHANGES[2], CANCELLED, False),
]


@pytest.mark.parametrize(("change", "row", "tells"), ENDS)
def test_a_lost_change_of_an_order_that_ended_is_denied_only_where_the_end_tells(
    change: Any, row: dict[str, Any], tells: bool
) -> None:
    answers = [core.reply(200, {"order": ROW})] if change is CHANGES[1] else []
    first_read = ex.once(*answers, method="GET", ending=ID)
    exchange = ex.FakeExchange([ex.once(LOST), first_read], orders=[row])
    with pytest.raises(errors.OrderClosed if tells else errors.OutcomeUnknown, match="by now"):
        change(exchange, core.CURRENT)
    assert exchange.states() == ["refused" if tells else "unknown"]


def test_no_later_order_waits_for_a_change_that_its_orders_end_hides() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created(9))], orders=[FILLED])
    with pytest.raises(errors.OutcomeUnknown):
        core_decrease(exchange, core.CURRENT, to=2)
    exchange.context.pending_writes.loaded = False  # as after a restart
    ack = exchange.run(writes.place(core.CURRENT, ex.ticket(9), exchange.context))
    assert ack.client_order_id == "c9"
    assert exchange.states()[0] == "resolved"


def test_a_fill_that_reads_show_late_is_waited_for_after_a_404() -> None:
    late = ex.once(*[core.reply(200, {"order": ROW})] * 3, method="GET", ending=ID)
    exchange = ex.FakeExchange([ex.once(ex.not_found()), late], orders=[FILLED])
    with pytest.raises(errors.OrderClosed) as caught:
        amend(exchange)
    assert isinstance(caught.value.__cause__, errors.NotFound)
    assert (caught.value.status, caught.value.code) == (404, "not_found")


def test_a_404_of_an_order_that_rests_stays_a_404() -> None:
    exchange = ex.FakeExchange([ex.once(ex.not_found())], orders=[ROW])
    with pytest.raises(errors.NotFound):
        amend(exchange)


@pytest.mark.parametrize("code", ["invalid_price", "insufficient_balance"])
def test_a_refusal_that_says_why_costs_no_read(code: str) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, code))], orders=[FILLED])
    with pytest.raises(errors.BadRequest):
        amend(exchange)
    assert len(exchange.requests) == 1


def test_a_difference_of_an_order_that_ended_before_is_not_sent() -> None:
    exchange = ex.FakeExchange(orders=[FILLED])
    with pytest.raises(errors.OrderClosed):
        core_decrease(exchange, core.CURRENT, by=1)
    assert exchange.sent("POST") == []


@pytest.mark.parametrize("size", [{"to": 0}, {"by": 5}])
def test_a_decrease_to_nothing_is_done_where_the_order_is_cancelled(size: dict[str, int]) -> None:
    gone = ex.row(status="canceled", remaining_count_fp="0.00")
    first_read = ex.once(core.reply(200, {"order": ROW}), method="GET", ending=ID)
    handlers = [ex.once(LOST), *([first_read] if "by" in size else [])]
    exchange = ex.FakeExchange(handlers, orders=[gone])
    assert core_decrease(exchange, core.CURRENT, **size).replayed


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", [ID, "/user_data_timestamp"])
def test_a_difference_whose_order_may_not_be_read_is_refused_at_once(
    status: int, path: str
) -> None:
    refused = ex.always(ex.refused(status, "permission_denied"), method="GET", ending=path)
    exchange = ex.FakeExchange([refused], orders=[ROW])
    exchange.context.recent_writes.add(ID, core.EPOCH)
    with pytest.raises((errors.Forbidden, errors.Unauthorized)) as caught:
        core_decrease(exchange, core.CURRENT, by=1)
    assert caught.value.status == status
    assert (exchange.waited, exchange.sent("POST")) == (0.0, [])


def test_an_order_that_cannot_be_read_leaves_an_unknown() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown) as caught:
        amend(exchange)
    assert caught.value.order_id == ID
    assert exchange.states() == ["unknown"]


@pytest.mark.parametrize("changes", [{"order_id": "another-order"}, {"remaining_count": "7.00"}])
def test_an_answer_about_another_order_or_a_count_that_cannot_be_is_read_again(
    changes: dict[str, str],
) -> None:
    wrong_ack = core.reply(200, json.loads(DONE.body) | changes)
    exchange = ex.FakeExchange([ex.once(wrong_ack)], orders=[amended()])
    assert amend(exchange).replayed


def test_a_refused_amend_is_refused() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        amend(exchange)
    assert (exchange.states(), len(exchange.requests)) == (["refused"], 1)


def test_rounds_bound_how_often_an_amend_is_sent() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST")], orders=[ROW])
    exchange.context = Context(policy=evolve(ex.PATIENT, resolve_within=400.0))
    with pytest.raises(errors.NotSent, match="can no longer be"):
        amend(exchange)
    assert len(exchange.sent("POST")) == 3
    assert exchange.states() == ["not_sent"]


def test_the_policy_may_forbid_to_send_a_change_again() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST")], orders=[ROW])
    exchange.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent):
        amend(exchange)
    assert len(exchange.sent("POST")) == 1


def test_a_change_larger_than_its_bucket_is_recorded_as_never_sent() -> None:
    exchange = ex.FakeExchange()
    exchange.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse, match="smaller batches"):
        amend(exchange)
    assert exchange.states() == ["not_sent"]


def test_a_decrease_to_a_size_is_done_when_no_more_remains() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(remaining_count_fp="2.00")])
    assert decrease(exchange, to=2).remaining_count == 2
    assert len(exchange.sent("POST")) == 1


def test_a_decrease_to_a_size_goes_again_as_it_is() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "2.00"})
    exchange = ex.FakeExchange([ex.once(LOST, done)], orders=[ROW])
    decrease(exchange, to=2)
    first, second = exchange.sent("POST")
    assert first.body == second.body


def test_an_acknowledged_decrease_that_leaves_too_much_is_read_again() -> None:
    exchange = ex.FakeExchange([ex.once(DONE)], orders=[ex.row(remaining_count_fp="2.00")])
    assert decrease(exchange, to=2).replayed


def by(
    exchange: ex.FakeExchange, *later_rows: dict[str, Any], resent_row: dict[str, Any] | None = None
) -> Any:
    """Decrease by 1 while the order becomes something else after the first read.

    `resent_row` is the order once the decrease was sent a second time.
    """

    def after_resend(request: Any) -> Any:
        resent = len(exchange.sent("POST")) >= 2 and request.path.endswith(ID)
        return core.reply(200, {"order": resent_row}) if resent_row and resent else None

    exchange.handlers.append(after_resend)
    responses = [core.reply(200, {"order": row}) for row in (ROW, *later_rows)]
    exchange.handlers.append(ex.once(*responses, method="GET", ending=ID))
    exchange.orders = [later_rows[-1]] if later_rows else [ROW]
    return decrease(exchange, by=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"remaining_count_fp": "4.00"},
        {"remaining_count_fp": "2.00", "fill_count_fp": "2.00"},
        {"remaining_count_fp": "0.00", "fill_count_fp": "4.00", "status": "executed"},
    ],
)
def test_a_difference_is_done_when_the_total_is_lower_by_it(changes: dict[str, str]) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    assert by(exchange, ex.row(**changes)).replayed
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize(("remaining", "filled"), [("5.00", "0.00"), ("3.00", "2.00")])
def test_a_difference_that_is_not_done_goes_again_as_a_size_from_a_fresh_read(
    remaining: str, filled: str
) -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DONE)])
    rest = str(Decimal(remaining) - 1)
    done = ex.row(remaining_count_fp=rest, fill_count_fp=filled)
    by(exchange, ex.row(remaining_count_fp=remaining, fill_count_fp=filled), resent_row=done)
    body = json.loads(exchange.sent("POST")[1].body or b"")
    assert Decimal(body["reduce_to"]) == Decimal(remaining) - 1
    assert "reduce_by" not in body


def test_a_size_that_fills_made_needless_is_no_difference_and_goes_again() -> None:
    # 5 rest; the difference is lost, seen undone, sent as "down to 4"; 2 fill before it arrives.
    exchange = ex.FakeExchange([ex.once(LOST, DONE, DONE)])

    def order_read(request: Any) -> Any:
        row = {
            2: ex.row(remaining_count_fp="3.00", fill_count_fp="2.00"),
            3: ex.row(remaining_count_fp="2.00", fill_count_fp="2.00"),
        }.get(len(exchange.sent("POST")))
        return core.reply(200, {"order": row}) if row and request.path.endswith(ID) else None

    exchange.handlers.append(order_read)
    assert by(exchange).remaining_count == 2
    sizes = [json.loads(sent.body or b"").get("reduce_to") for sent in exchange.sent("POST")]
    assert [size and Decimal(size) for size in sizes] == [None, 4, 2]


def test_a_difference_larger_than_what_rests_goes_again_as_none() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, DONE)])
    by(exchange, ex.row(remaining_count_fp="0.50", fill_count_fp="4.50"))
    assert Decimal(json.loads(exchange.sent("POST")[1].body or b"")["reduce_to"]) == 0


def test_a_difference_whose_order_became_something_else_is_unknown() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        by(exchange, ex.row(remaining_count_fp="1.00"))
    assert len(exchange.sent("POST")) == 1
    assert exchange.states() == ["unknown"]


def test_a_second_difference_is_told_from_the_order_as_the_first_left_it() -> None:
    # Reads lag: the order as it was before the first decrease would make the second look done.
    stale, after = ex.row(), ex.row(remaining_count_fp="4.00")
    exchange = ex.FakeExchange([ex.once(DONE, LOST, DONE)], orders=[stale], watermark=20.0)
    decrease(exchange, by=1)

    def current_row() -> dict[str, Any]:
        if len(exchange.sent("POST")) == 3:
            return ex.row(remaining_count_fp="3.00")
        return after if exchange.waited >= 20 else stale

    exchange.handlers.append(
        lambda request: (
            core.reply(200, {"order": current_row()}) if request.path.endswith(ID) else None
        )
    )
    decrease(exchange, by=1)
    assert len(exchange.sent("POST")) == 3


@pytest.mark.parametrize("response", [core.reply(500), LOST, core.reply(200, b"<html>")])
def test_a_difference_is_not_sent_where_the_order_could_not_be_read_before(response: Any) -> None:
    exchange = ex.FakeExchange([ex.always(response, method="GET", ending=ID)])
    with pytest.raises(errors.NotSent, match="could not be read before"):
        decrease(exchange, by=1)
    assert exchange.sent("POST") == []


def test_a_difference_of_an_order_that_does_not_exist_says_so() -> None:
    exchange = ex.FakeExchange()
    with pytest.raises(errors.NotFound):
        decrease(exchange, by=1)
    assert (len(exchange.sent("GET", ID)), exchange.sent("POST")) == (5, [])
    assert exchange.waited == 3.75


def test_a_change_is_in_the_journal_before_it_is_sent() -> None:
    exchange = ex.FakeExchange(orders=[ROW])
    seen: list[list[str]] = []
    exchange.handlers = [
        lambda request: seen.append(exchange.states()) if request.method == "POST" else None
    ]
    with pytest.raises(errors.KalshiError):
        amend(exchange)
    assert seen == [["intent"]]


def test_an_abandoned_change_is_settled_before_the_next_order() -> None:
    exchange = ex.FakeExchange(orders=[amended()])
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    flow = writes.amend(core.CURRENT, ticket, exchange.context)
    exchange.run_until(flow, ex.is_send)
    flow.close()
    exchange.handlers = [ex.once(ex.created(2))]
    exchange.run(writes.place(core.CURRENT, ex.ticket(2), exchange.context))
    (first, _) = exchange.journal.entries()
    assert (first.state, first.order_id) == (State.RESOLVED, ID)


def test_an_amend_that_stays_unknown_names_its_order_and_says_why() -> None:
    responses = (
        (LOST, "ReadTimeout"),
        (core.reply(200, b"<html>"), "AmendOrderV2"),
        (ex.refused(400, "AMEND_ORDER_NO_OP"), "no"),
    )
    for response, why in responses:
        exchange = ex.FakeExchange([ex.once(response)])
        with pytest.raises(errors.OutcomeUnknown, match=why) as caught:
            amend(exchange)
        assert (caught.value.order_id, caught.value.operation) == (ID, "AmendOrderV2")


def test_a_refused_amend_names_its_order() -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest) as caught:
        amend(exchange)
    assert caught.value.order_id == ID


def test_an_amend_that_was_never_executed_says_why() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ROW])
    exchange.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent, match="ReadTimeout"):
        amend(exchange)


def test_a_409_with_an_unknown_code_is_a_refusal_where_the_order_has_not_ended() -> None:
    with_code = ex.FakeExchange([ex.once(ex.refused(409, "weird"))], orders=[amended()])
    with pytest.raises(errors.Conflict):
        amend(with_code)
    assert len(with_code.sent("GET", ID)) == 1
    without_code = ex.FakeExchange([ex.once(ex.refused(409, None))], orders=[amended()])
    assert amend(without_code).replayed


def test_a_change_in_doubt_is_unknown_in_the_journal_while_it_is_looked_for() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[amended()])
    seen: list[list[str]] = []
    exchange.handlers.append(
        lambda request: seen.append(exchange.states()) if request.path.endswith(ID) else None
    )
    amend(exchange)
    assert seen[0] == ["unknown"]


def test_a_difference_that_the_contract_cannot_say_is_refused_before_anything_is_read() -> None:
    exchange = ex.FakeExchange(orders=[ROW])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), by="0.50")
    with pytest.raises(errors.Misuse):
        exchange.run(writes.decrease(core.CLASSIC, ticket, exchange.context))
    assert exchange.requests == []


@pytest.mark.parametrize("subaccount", [None, 3])
def test_a_change_is_stopped_by_whatever_names_its_order_market_or_subaccount(
    subaccount: int | None,
) -> None:
    number = subaccount or 0
    target = Target(order_id=ID, client_order_id="c1", subaccount=subaccount)
    named = {("all", None), ("order", ID), ("order", "c1"), ("subaccount", number)}
    assert set(scopes_of(target)) == named
    assert set(scopes_of(target, "KXA-1")) == named | {("market", ("KXA-1", number))}
    assert ("order", None) not in scopes_of(Target(order_id=ID))


def test_a_change_that_waits_for_another_of_its_order_looks_often() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), to=4)
    flows = [writes.decrease(core.CURRENT, ticket, exchange.context) for _ in range(2)]
    exchange.run_until(flows[0], ex.is_post)
    waits: list[float] = []

    def has_waited(effect: Effect) -> bool:
        waits.extend([effect.seconds] if isinstance(effect, Sleep) else [])
        return len(waits) == 50

    exchange.run_until(flows[1], has_waited)
    assert max(waits) <= 0.1
    flows[0].close()
    exchange.run_until(flows[1], ex.is_post)  # the lock is free
    flows[1].close()
