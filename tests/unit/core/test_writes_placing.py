"""Placing: what each answer proves, and what is done where it proves nothing."""

from __future__ import annotations

import core_exchange as ex
import core_samples as core
import pytest

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.protocol.rate_limits import Pacer, TokenBucket

LOST = core.lost(left=True)
DOUBTS = [LOST, core.reply(500), core.reply(520, b"<html>"), core.reply(201, b"<html>")]


def place(floor: ex.Floor, **more: object) -> OrderAck:
    found: OrderAck = floor.run(writes.place(core.CURRENT, ex.ticket(**more), floor.context))
    return found


def test_an_answer_is_the_order_and_is_in_the_journal() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    ack = place(floor)
    assert (ack.client_order_id, ack.replayed) == ("c1", False)
    entry = floor.journal.get("c1")
    assert entry is not None
    assert (entry.state, entry.order_id) == (State.ACKNOWLEDGED, ack.order_id)


@pytest.mark.parametrize("doubt", DOUBTS)
def test_an_order_that_is_there_is_returned_as_found_and_not_sent_again(
    doubt: Reply | Lost,
) -> None:
    floor = ex.Floor([ex.once(doubt)], orders=[ex.row()])
    ack = place(floor)
    assert ack.replayed
    assert ack.order is not None
    assert len(floor.sent("POST")) == 1
    entry = floor.journal.get("c1")
    assert entry is not None
    assert (entry.state, entry.order_id, entry.attempts) == (State.RESOLVED, ack.order_id, 1)


@pytest.mark.parametrize("doubt", DOUBTS)
def test_an_absent_order_goes_again_under_its_id_once_no_copy_can_live(
    doubt: Reply | Lost,
) -> None:
    floor = ex.Floor([ex.once(doubt, ex.created())])
    assert not place(floor).replayed
    assert floor.waited >= 60
    first, second = floor.sent("POST")
    assert first.body == second.body


def test_absence_needs_reads_fresher_than_the_signatures_end() -> None:
    floor = ex.Floor([ex.once(LOST, ex.created())], watermark=40.0)
    place(floor)
    assert floor.waited >= 100


@pytest.mark.parametrize("ahead", [-20.0, 20.0])
def test_absence_is_told_on_the_exchanges_clock(ahead: float) -> None:
    floor = ex.Floor([ex.once(LOST, ex.created())], offset=ahead)
    place(floor)
    assert floor.waited >= 60 + ahead - 1


@pytest.mark.parametrize("watermark", [None, 10_000.0])
def test_without_a_fresh_watermark_the_outcome_stays_unknown(watermark: float | None) -> None:
    floor = ex.Floor([ex.once(LOST)], watermark=watermark)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        place(floor)
    assert caught.value.client_order_id == "c1"
    assert len(floor.sent("POST")) == 1
    assert 180 <= floor.waited < 400
    assert [entry.key for entry in floor.journal.open_entries()] == ["c1"]


def test_a_watermark_from_the_future_is_not_believed() -> None:
    floor = ex.Floor([ex.once(LOST, ex.created())], watermark=-500.0)
    place(floor)
    assert floor.waited >= 60


def test_a_failed_read_is_no_absence() -> None:
    fail = ex.always(core.reply(500), method="GET", ending="/portfolio/orders")
    floor = ex.Floor([ex.once(LOST), fail])
    with pytest.raises(errors.OutcomeUnknown):
        place(floor)
    assert len(floor.sent("POST")) == 1


@pytest.mark.parametrize("ending", ["/historical/orders", "/portfolio/fills"])
def test_history_and_fills_must_be_readable_too(ending: str) -> None:
    floor = ex.Floor([ex.once(LOST), ex.always(core.reply(500), method="GET", ending=ending)])
    with pytest.raises(errors.OutcomeUnknown):
        place(floor)
    assert len(floor.sent("POST")) == 1


def test_an_order_in_history_is_found() -> None:
    floor = ex.Floor([ex.once(LOST)], history=[ex.row(status="executed")])
    assert place(floor).replayed


def test_an_order_that_only_its_fill_names_is_found() -> None:
    row = ex.row(status="executed", fill_count_fp="5.00", remaining_count_fp="0.00")
    fill = {
        "fill_id": "f1",
        "order_id": row["order_id"],
        "ticker": ex.TICKER,
        "book_side": "bid",
        "outcome_side": "yes",
        "count_fp": "5.00",
    }
    shown = core.reply(200, {"order": row})
    floor = ex.Floor(
        [ex.once(LOST), ex.always(shown, method="GET", ending=row["order_id"])], fills=[fill]
    )
    assert place(floor).order_id == row["order_id"]


def test_an_order_beyond_the_first_page_is_found() -> None:
    pages = [
        core.reply(200, {"orders": [ex.row(2)], "cursor": "next"}),
        core.reply(200, {"orders": [ex.row(1)], "cursor": ""}),
    ]
    floor = ex.Floor([ex.once(LOST), ex.once(*pages, method="GET", ending="/portfolio/orders")])
    assert place(floor).client_order_id == "c1"


def test_an_unreadable_row_does_not_hide_the_order_beside_it() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[{"order_id": None}, ex.row()])
    assert place(floor).replayed


def test_an_unreadable_row_may_be_the_order_unless_it_names_another() -> None:
    nameless = ex.Floor([ex.once(LOST)], orders=[{"order_id": None}])
    with pytest.raises(errors.OutcomeUnknown):
        place(nameless)
    others = ex.Floor(
        [ex.once(LOST, ex.created())], orders=[{"order_id": None, "client_order_id": "c9"}]
    )
    assert not place(others).replayed


def test_the_empty_id_of_orders_placed_elsewhere_matches_nothing() -> None:
    floor = ex.Floor([ex.once(LOST, ex.created())], orders=[ex.row(client_order_id="")])
    assert not place(floor).replayed


def test_each_look_asks_for_the_largest_pages_since_before_the_sending() -> None:
    floor = ex.Floor([ex.once(LOST)], orders=[ex.row()])
    place(floor)
    query = dict(floor.sent("GET", "/portfolio/orders")[0].query)
    assert query["limit"] == "1000"
    assert core.EPOCH - 310 <= int(query["min_ts"]) <= core.EPOCH - 290


def test_orders_are_looked_for_since_the_sending_where_the_clock_was_set_back_before_it() -> None:
    expired = core.reply(
        401,
        {"error": {"code": "header_timestamp_expired", "message": "old"}},
        date="Fri, 15 Jan 2027 08:00:00 GMT",
    )
    floor = ex.Floor([ex.once(expired, LOST)], orders=[ex.row()], offset=3_600.0)
    place(floor)
    query = dict(floor.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) <= core.EPOCH


def test_the_policy_may_forbid_to_send_again() -> None:
    floor = ex.Floor([ex.once(LOST)])
    floor.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent, match="was not executed and can no longer be"):
        place(floor)
    assert len(floor.sent("POST")) == 1


def test_rounds_bound_how_often_an_absent_order_is_sent() -> None:
    floor = ex.Floor([ex.always(LOST, method="POST")])
    with pytest.raises(errors.NotSent):
        place(floor)
    assert len(floor.sent("POST")) == 3
    entry = floor.journal.get("c1")
    assert entry is not None
    assert (entry.state, entry.attempts) == (State.NOT_SENT, 3)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "insufficient_balance"), (403, "permission_denied"), (409, "market_closed")],
)
def test_a_refusal_is_final_and_nothing_is_looked_for(status: int, code: str) -> None:
    floor = ex.Floor([ex.once(ex.refused(status, code))])
    with pytest.raises(errors.Refused) as caught:
        place(floor)
    assert caught.value.code == code
    assert len(floor.requests) == 1
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.REFUSED


@pytest.mark.parametrize("code", ["order_already_exists", "client_order_id_taken", None])
def test_a_409_that_may_mean_that_the_id_is_taken_is_looked_into(code: str | None) -> None:
    floor = ex.Floor([ex.once(ex.refused(409, code))], orders=[ex.row()])
    assert place(floor).replayed


def test_an_id_that_is_taken_may_have_been_taken_at_any_time() -> None:
    floor = ex.Floor([ex.once(ex.refused(409, "order_already_exists"))], orders=[ex.row()])
    place(floor)
    assert dict(floor.sent("GET", "/portfolio/orders")[0].query)["min_ts"] == "0"


def test_an_id_that_is_taken_by_no_order_of_the_ticker_is_a_conflict_and_never_sent_again() -> None:
    floor = ex.Floor([ex.always(ex.refused(409, "order_already_exists"), method="POST")])
    for _ in range(2):
        with pytest.raises(errors.DuplicateIdConflict):
            place(floor)
    assert len(floor.sent("POST")) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"ticker": "KXOTHER-1"},
        {"book_side": "ask", "outcome_side": "no"},
        {"yes_price_dollars": "0.5700"},
        {"initial_count_fp": "6.00"},
    ],
)
def test_another_order_under_our_id_is_a_conflict_that_is_not_forgotten(
    other: dict[str, str],
) -> None:
    floor = ex.Floor([ex.once(ex.refused(409, "order_already_exists"))], orders=[ex.row(**other)])
    for _ in range(2):
        with pytest.raises(errors.DuplicateIdConflict):
            place(floor)
    assert len(floor.sent("POST")) == 1


def test_our_order_amended_since_is_still_ours() -> None:
    later = "2027-01-15T08:00:20+00:00"
    row = ex.row(yes_price_dollars="0.5700", initial_count_fp="6.00", last_update_time=later)
    floor = ex.Floor([ex.once(LOST)], orders=[row])
    assert place(floor).replayed


def test_an_order_made_long_before_the_intent_is_not_ours_however_it_changed() -> None:
    row = ex.row(
        yes_price_dollars="0.5700",
        created_time="2027-01-15T07:00:00+00:00",
        last_update_time="2027-01-15T08:00:20+00:00",
    )
    floor = ex.Floor([ex.once(ex.refused(409, "order_already_exists"))], orders=[row])
    with pytest.raises(errors.DuplicateIdConflict):
        place(floor)


@pytest.mark.parametrize(
    "lie",
    [
        {"client_order_id": "c9"},
        {"fill_count": "6.00"},
        {"remaining_count": "-1.00"},
        {"fill_count": "3.00", "remaining_count": "3.00"},
        {"order_id": ""},
    ],
)
def test_an_acknowledgement_that_cannot_be_is_not_believed(lie: dict[str, str]) -> None:
    floor = ex.Floor([ex.once(ex.created(**lie))], orders=[ex.row()])
    ack = place(floor)
    assert ack.replayed
    assert ack.order_id == ex.row()["order_id"]


def test_an_acknowledgement_without_client_order_id_is_believed() -> None:
    floor = ex.Floor([ex.once(ex.created(client_order_id=None))])
    assert not place(floor).replayed


def test_the_same_id_again_is_the_same_order_without_a_request() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    first, second = place(floor), place(floor)
    assert (second.order_id, second.replayed, second.fill_count) == (first.order_id, True, 0)
    assert second.raw == first.raw
    assert len(floor.requests) == 1


def test_the_same_id_with_another_content_is_refused_before_anything_is_sent() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    place(floor)
    with pytest.raises(errors.DuplicateIdConflict):
        place(floor, count=6)
    assert len(floor.requests) == 1


def test_a_refused_intent_may_be_tried_again_and_its_attempts_count_on() -> None:
    floor = ex.Floor([ex.once(LOST, ex.refused(400, "invalid_price"), LOST, ex.created())])
    with pytest.raises(errors.BadRequest):
        place(floor)
    assert not place(floor).replayed
    entry = floor.journal.get("c1")
    assert entry is not None
    assert (entry.state, entry.attempts) == (State.ACKNOWLEDGED, 2)


def test_a_request_larger_than_its_bucket_is_recorded_as_never_sent() -> None:
    floor = ex.Floor()
    floor.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse, match="smaller batches"):
        place(floor)
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.NOT_SENT
    assert floor.requests == []


def test_a_journal_that_cannot_be_written_sends_nothing() -> None:
    floor = ex.Floor()
    floor.journal.close()
    with pytest.raises(errors.JournalUnwritable):
        place(floor)
    assert floor.requests == []


def test_an_order_waits_for_the_verdict_of_an_earlier_one_of_its_ticker() -> None:
    floor = ex.Floor([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(floor)
    with pytest.raises(errors.EarlierWriteUnsettled, match="c1"):
        place(floor, number=2)
    assert len(floor.sent("POST")) == 1
    floor.watermark, floor.orders = 0.0, [ex.row()]
    floor.answers = [ex.once(ex.created(2))]
    assert place(floor, number=2).client_order_id == "c2"
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.RESOLVED


def test_an_abandoned_order_is_left_to_the_next_one_to_settle() -> None:
    floor = ex.Floor(orders=[ex.row()])
    flow = writes.place(core.CURRENT, ex.ticket(), floor.context)
    effect = next(flow)
    while type(effect).__name__ != "Send":
        effect = flow.send(floor._perform(effect))
    flow.close()
    assert "c1" not in floor.context.locks
    floor.answers = [ex.once(ex.created(2))]
    place(floor, number=2)
    entry = floor.journal.get("c1")
    assert entry is not None
    assert entry.state is State.RESOLVED


def test_two_flows_with_one_id_are_one_order() -> None:
    floor = ex.Floor([ex.once(ex.created())])
    first = writes.place(core.CURRENT, ex.ticket(), floor.context)
    second = writes.place(core.CURRENT, ex.ticket(), floor.context)
    effects = {1: next(first), 2: next(second)}
    results: dict[int, OrderAck] = {}
    for _ in range(200):
        for number, flow in ((2, second), (1, first)):
            if number not in results:
                try:
                    effects[number] = flow.send(floor._perform(effects[number]))
                except StopIteration as stop:
                    results[number] = stop.value
    assert results[1].order_id == results[2].order_id
    assert len(floor.sent("POST")) == 1


@pytest.mark.parametrize("code", ["order_already_exists", None])
def test_a_taken_id_whose_order_cannot_be_looked_for_is_unknown(code: str | None) -> None:
    floor = ex.Floor([ex.once(ex.refused(409, code))], watermark=None)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        place(floor)
    assert (caught.value.client_order_id, caught.value.operation) == ("c1", "CreateOrderV2")
    assert (
        "409" in str(caught.value)
        if code is None
        else "this client_order_id exists" in str(caught.value)
    )


def test_an_order_whose_earlier_attempt_cannot_be_found_out_is_unknown_and_not_sent() -> None:
    floor = ex.Floor([ex.once(LOST)], watermark=None)
    for _ in range(2):
        with pytest.raises(errors.OutcomeUnknown) as caught:
            place(floor)
        assert caught.value.client_order_id == "c1"
    assert len(floor.sent("POST")) == 1


def test_an_order_that_another_flow_never_ends_is_unknown() -> None:
    floor = ex.Floor()
    first = writes.place(core.CURRENT, ex.ticket(), floor.context)
    effect = next(first)
    while type(effect).__name__ != "Send":
        effect = first.send(floor._perform(effect))
    with pytest.raises(errors.OutcomeUnknown, match="another call is still busy with c1"):
        place(floor)
    assert floor.waited >= 180
    assert floor.requests == []
    first.close()
