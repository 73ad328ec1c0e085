"""Amend and decrease: done when seen to be done past the sending, else sent again or unknown."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.rate_limits import Pacer, TokenBucket
from kalshi_ext.requests import AmendTicket, DecreaseTicket, Target

LOST = core.lost(left=True)
ROW = ex.row()
ID = ROW["order_id"]
DONE = core.reply(200, {"order_id": ID, "remaining_count": "4.00", "fill_count": "0.00"})


def amend(floor: ex.Floor, **more: Any) -> Any:
    words: dict[str, Any] = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6}
    ticket = AmendTicket.of(ID, **(words | more))
    return floor.run(writes.amend(core.CURRENT, ticket, floor.context))


def decrease(floor: ex.Floor, **words: Any) -> Any:
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), **words)
    return floor.run(writes.decrease(core.CURRENT, ticket, floor.context))


def amended(**more: Any) -> dict[str, Any]:
    said = {"yes_price_dollars": "0.5700", "remaining_count_fp": "6.00", "initial_count_fp": "6.00"}
    return ex.row(**(said | more))


def states(floor: ex.Floor) -> list[str]:
    return [entry.state.value for entry in floor.journal.entries()]


@pytest.mark.parametrize("doubt", [LOST, core.reply(502), ex.refused(400, "AMEND_ORDER_NO_OP")])
def test_an_amend_that_is_seen_done_is_accepted(doubt: Any) -> None:
    floor = ex.Floor([ex.once(doubt)], orders=[amended()])
    ack = amend(floor)
    assert (ack.order_id, ack.replayed) == (ID, True)
    assert len(floor.sent("POST")) == 1
    assert states(floor) == ["acknowledged"]


def test_an_amend_that_is_not_done_goes_again_once_no_copy_can_live() -> None:
    floor = ex.Floor([ex.once(LOST, DONE)], orders=[ROW])
    assert not amend(floor).replayed
    assert floor.waited >= 60
    assert len(floor.sent("POST")) == 2


def test_an_old_state_that_happens_to_be_the_wanted_one_is_not_believed() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[amended()], watermark=30.0)
    amend(floor)
    assert floor.waited >= 29


@pytest.mark.parametrize(
    ("words", "row"),
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
    words: dict[str, Any], row: dict[str, Any]
) -> None:
    floor = ex.Floor([ex.once(LOST, DONE)], orders=[row])
    amend(floor, **words)
    assert len(floor.sent("POST")) == 2


@pytest.mark.parametrize(
    ("words", "row"),
    [
        ({"expires": 1_900_000_000}, amended(expiration_time="2030-03-17T17:46:40Z")),
        ({"expires": 0}, amended()),
        ({"updated_client_order_id": "c2"}, amended(client_order_id="c2")),
        ({}, amended(status="canceled", remaining_count_fp="0.00")),
        ({}, amended(status="executed", remaining_count_fp="0.00", fill_count_fp="6.00")),
    ],
)
def test_an_amend_is_done_when_all_it_names_is_so(
    words: dict[str, Any], row: dict[str, Any]
) -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[row])
    assert amend(floor, **words).replayed


@pytest.mark.parametrize("status", ["canceled", "executed"])
def test_an_amend_of_an_order_that_ended_without_it_is_refused(status: str) -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[ex.row(status=status, remaining_count_fp="0.00")])
    with pytest.raises(errors.Refused, match=f"is {status} by now"):
        amend(floor)
    assert states(floor) == ["refused"]


def test_an_order_that_moved_to_history_is_looked_for_there() -> None:
    row = amended(status="executed", remaining_count_fp="0.00", fill_count_fp="6.00")
    floor = ex.Floor([ex.once(LOST)], history=[ex.row(2), row])
    assert amend(floor).replayed


def test_an_order_that_moved_to_history_is_looked_for_there_without_its_ticker_too() -> None:
    row = ex.row(status="executed", remaining_count_fp="0.00", fill_count_fp="5.00")
    floor = ex.Floor([ex.once(LOST)], history=[ex.row(2), row])
    ticket = DecreaseTicket.of(Target.of(ID), to=2)
    assert floor.run(writes.decrease(core.CURRENT, ticket, floor.context)).replayed


def test_an_order_that_cannot_be_read_leaves_an_unknown() -> None:
    floor = ex.Floor([ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown) as caught:
        amend(floor)
    assert caught.value.order_id == ID
    assert states(floor) == ["unknown"]


@pytest.mark.parametrize("lie", [{"order_id": "another-order"}, {"remaining_count": "7.00"}])
def test_an_answer_about_another_order_or_a_count_that_cannot_be_is_read_again(
    lie: dict[str, str],
) -> None:
    wrong = core.reply(200, json.loads(DONE.body) | lie)
    floor = ex.Floor([ex.once(wrong)], orders=[amended()])
    assert amend(floor).replayed


def test_a_refused_amend_is_refused() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest):
        amend(floor)
    assert (states(floor), len(floor.requests)) == (["refused"], 1)


def test_rounds_bound_how_often_an_amend_is_sent() -> None:
    floor = ex.Floor([ex.always(LOST, method="POST")], orders=[ROW])
    with pytest.raises(errors.NotSent, match="can no longer be"):
        amend(floor)
    assert len(floor.sent("POST")) == 3
    assert states(floor) == ["not_sent"]


def test_the_policy_may_forbid_to_send_a_change_again() -> None:
    floor = ex.Floor([ex.always(LOST, method="POST")], orders=[ROW])
    floor.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent):
        amend(floor)
    assert len(floor.sent("POST")) == 1


def test_a_change_larger_than_its_bucket_is_recorded_as_never_sent() -> None:
    floor = ex.Floor()
    floor.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse, match="smaller batches"):
        amend(floor)
    assert states(floor) == ["not_sent"]


def test_a_decrease_to_a_size_is_done_when_no_more_remains() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[ex.row(remaining_count_fp="2.00")])
    assert decrease(floor, to=2).remaining_count == 2
    assert len(floor.sent("POST")) == 1


def test_a_decrease_to_a_size_goes_again_as_it_is() -> None:
    done = core.reply(200, {"order_id": ID, "remaining_count": "2.00"})
    floor = ex.Floor([ex.once(LOST, done)], orders=[ROW])
    decrease(floor, to=2)
    first, second = floor.sent("POST")
    assert first.body == second.body


def test_an_acknowledged_decrease_that_leaves_too_much_is_read_again() -> None:
    floor = ex.Floor([ex.once(DONE)], orders=[ex.row(remaining_count_fp="2.00")])
    assert decrease(floor, to=2).replayed


def by(floor: ex.Floor, *later: dict[str, Any], then: dict[str, Any] | None = None) -> Any:
    """Decrease by 1 while the order becomes something else after the first read.

    `then` is the order once the decrease was sent a second time.
    """

    def again(request: Any) -> Any:
        twice = len(floor.sent("POST")) >= 2 and request.path.endswith(ID)
        return core.reply(200, {"order": then}) if then and twice else None

    floor.answers.append(again)
    shown = [core.reply(200, {"order": row}) for row in (ROW, *later)]
    floor.answers.append(ex.once(*shown, method="GET", ending=ID))
    floor.orders = [later[-1]] if later else [ROW]
    return decrease(floor, by=1)


@pytest.mark.parametrize(
    "later",
    [
        {"remaining_count_fp": "4.00"},
        {"remaining_count_fp": "2.00", "fill_count_fp": "2.00"},
        {"remaining_count_fp": "0.00", "fill_count_fp": "4.00", "status": "executed"},
    ],
)
def test_a_difference_is_done_when_the_total_is_lower_by_it(later: dict[str, str]) -> None:
    floor = ex.Floor([ex.once(LOST)])
    assert by(floor, ex.row(**later)).replayed
    assert len(floor.sent("POST")) == 1


@pytest.mark.parametrize(("left", "filled"), [("5.00", "0.00"), ("3.00", "2.00")])
def test_a_difference_that_is_not_done_goes_again_as_a_size_from_a_fresh_read(
    left: str, filled: str
) -> None:
    floor = ex.Floor([ex.once(LOST, DONE)])
    rest = str(Decimal(left) - 1)
    done = ex.row(remaining_count_fp=rest, fill_count_fp=filled)
    by(floor, ex.row(remaining_count_fp=left, fill_count_fp=filled), then=done)
    body = json.loads(floor.sent("POST")[1].body or b"")
    assert Decimal(body["reduce_to"]) == Decimal(left) - 1
    assert "reduce_by" not in body


def test_a_size_that_fills_made_needless_is_no_difference_and_goes_again() -> None:
    # 5 rest; the difference is lost, seen undone, sent as "down to 4"; 2 fill before it arrives.
    floor = ex.Floor([ex.once(LOST, DONE, DONE)])

    def shown(request: Any) -> Any:
        row = {
            2: ex.row(remaining_count_fp="3.00", fill_count_fp="2.00"),
            3: ex.row(remaining_count_fp="2.00", fill_count_fp="2.00"),
        }.get(len(floor.sent("POST")))
        return core.reply(200, {"order": row}) if row and request.path.endswith(ID) else None

    floor.answers.append(shown)
    assert by(floor).remaining_count == 2
    sizes = [json.loads(sent.body or b"").get("reduce_to") for sent in floor.sent("POST")]
    assert [size and Decimal(size) for size in sizes] == [None, 4, 2]


def test_a_difference_larger_than_what_rests_goes_again_as_none() -> None:
    floor = ex.Floor([ex.once(LOST, DONE)])
    by(floor, ex.row(remaining_count_fp="0.50", fill_count_fp="4.50"))
    assert Decimal(json.loads(floor.sent("POST")[1].body or b"")["reduce_to"]) == 0


def test_a_difference_whose_order_became_something_else_is_unknown() -> None:
    floor = ex.Floor([ex.once(LOST)])
    with pytest.raises(errors.OutcomeUnknown):
        by(floor, ex.row(remaining_count_fp="1.00"))
    assert len(floor.sent("POST")) == 1
    assert states(floor) == ["unknown"]


def test_a_difference_of_an_order_cancelled_meanwhile_is_refused() -> None:
    floor = ex.Floor([ex.once(LOST)])
    with pytest.raises(errors.Refused, match="is canceled by now"):
        by(floor, ex.row(status="canceled", remaining_count_fp="0.00"))


def test_a_second_difference_is_told_from_the_order_as_the_first_left_it() -> None:
    # Reads lag: the order as it was before the first decrease would make the second look done.
    stale, after = ex.row(), ex.row(remaining_count_fp="4.00")
    floor = ex.Floor([ex.once(DONE, LOST, DONE)], orders=[stale], watermark=20.0)
    decrease(floor, by=1)

    def shown() -> dict[str, Any]:
        if len(floor.sent("POST")) == 3:
            return ex.row(remaining_count_fp="3.00")
        return after if floor.waited >= 20 else stale

    floor.answers.append(
        lambda request: core.reply(200, {"order": shown()}) if request.path.endswith(ID) else None
    )
    decrease(floor, by=1)
    assert len(floor.sent("POST")) == 3


@pytest.mark.parametrize("failure", [core.reply(500), LOST, core.reply(200, b"<html>")])
def test_a_difference_is_not_sent_where_the_order_could_not_be_read_before(failure: Any) -> None:
    floor = ex.Floor([ex.always(failure, method="GET", ending=ID)])
    with pytest.raises(errors.NotSent, match="could not be read before"):
        decrease(floor, by=1)
    assert floor.sent("POST") == []


def test_a_difference_of_an_order_that_does_not_exist_says_so() -> None:
    floor = ex.Floor()
    with pytest.raises(errors.NotFound):
        decrease(floor, by=1)
    assert (len(floor.sent("GET", ID)), floor.sent("POST")) == (5, [])
    assert floor.waited == 3.75


def test_a_change_is_in_the_journal_before_it_is_sent() -> None:
    floor = ex.Floor(orders=[ROW])
    seen: list[list[str]] = []
    floor.answers = [
        lambda request: seen.append(states(floor)) if request.method == "POST" else None
    ]
    with pytest.raises(errors.KalshiError):
        amend(floor)
    assert seen == [["intent"]]


def test_an_abandoned_change_is_settled_before_the_next_order() -> None:
    floor = ex.Floor(orders=[amended()])
    ticket = AmendTicket.of(ID, ticker=ex.TICKER, side="bid", price="0.57", count=6)
    flow = writes.amend(core.CURRENT, ticket, floor.context)
    effect = next(flow)
    while type(effect).__name__ != "Send":
        effect = flow.send(floor._perform(effect))
    flow.close()
    floor.answers = [ex.once(ex.created(2))]
    floor.run(writes.place(core.CURRENT, ex.ticket(2), floor.context))
    (first, _) = floor.journal.entries()
    assert (first.state, first.order_id) == (State.RESOLVED, ID)


def test_an_amend_that_stays_unknown_names_its_order_and_says_why() -> None:
    doubts = (
        (LOST, "ReadTimeout"),
        (core.reply(200, b"<html>"), "AmendOrderV2"),
        (ex.refused(400, "AMEND_ORDER_NO_OP"), "no"),
    )
    for doubt, why in doubts:
        floor = ex.Floor([ex.once(doubt)])
        with pytest.raises(errors.OutcomeUnknown, match=why) as caught:
            amend(floor)
        assert (caught.value.order_id, caught.value.operation) == (ID, "AmendOrderV2")


def test_a_refused_amend_names_its_order() -> None:
    floor = ex.Floor([ex.once(ex.refused(400, "invalid_price"))])
    with pytest.raises(errors.BadRequest) as caught:
        amend(floor)
    assert caught.value.order_id == ID


def test_an_amend_that_was_never_executed_says_why() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[ROW])
    floor.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent, match="ReadTimeout"):
        amend(floor)


def test_a_409_of_an_amend_is_looked_into_only_where_it_says_nothing() -> None:
    told = ex.Floor([ex.once(ex.refused(409, "weird"))], orders=[amended()])
    with pytest.raises(errors.Conflict):
        amend(told)
    assert told.sent("GET", ID) == []
    silent = ex.Floor([ex.once(ex.refused(409, None))], orders=[amended()])
    assert amend(silent).replayed


def test_a_change_in_doubt_is_unknown_in_the_journal_while_it_is_looked_for() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[amended()])
    seen: list[list[str]] = []
    floor.answers.append(
        lambda request: seen.append(states(floor)) if request.path.endswith(ID) else None
    )
    amend(floor)
    assert seen[0] == ["unknown"]


def test_a_difference_that_the_contract_cannot_say_is_refused_before_anything_is_read() -> None:
    floor = ex.Floor(orders=[ROW])
    ticket = DecreaseTicket.of(Target.of(ID, ticker=ex.TICKER), by="0.50")
    with pytest.raises(errors.Misuse):
        floor.run(writes.decrease(core.CLASSIC, ticket, floor.context))
    assert floor.requests == []
