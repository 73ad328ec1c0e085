"""Placing: what each answer proves, and what is done where it proves nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from case_samples import EVERY_CASE
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import errors, writes
from kalshi_ext.journal import State
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import Context, Policy
from kalshi_ext.protocol.messages import Lost, Reply
from kalshi_ext.protocol.pacer import Pacer
from kalshi_ext.protocol.rate_limits import TokenBucket
from kalshi_ext.protocol.responses import NOT_EXECUTED
from kalshi_ext.requests import AmendTicket

LOST = core.lost(bytes_sent=True)
AMBIGUOUS = [LOST, core.reply(500), core.reply(520, b"<html>"), core.reply(201, b"<html>")]


def place(exchange: ex.FakeExchange, **changes: object) -> OrderAck:
    ack: OrderAck = exchange.run(writes.place(core.CURRENT, ex.ticket(**changes), exchange.context))
    return ack


def test_an_answer_is_the_order_and_is_in_the_journal() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    ack = place(exchange)
    assert (ack.client_order_id, ack.replayed) == ("c1", False)
    entry = exchange.entry()
    assert (entry.state, entry.order_id) == (State.ACKNOWLEDGED, ack.order_id)


@pytest.mark.parametrize("response", AMBIGUOUS)
def test_an_order_that_is_there_is_returned_as_found_and_not_sent_again(
    response: Reply | Lost,
) -> None:
    exchange = ex.FakeExchange([ex.once(response)], orders=[ex.row()])
    ack = place(exchange)
    assert ack.replayed
    assert ack.order is not None
    assert len(exchange.sent("POST")) == 1
    entry = exchange.entry()
    assert (entry.state, entry.order_id, entry.attempts) == (State.RESOLVED, ack.order_id, 1)


@pytest.mark.parametrize("response", AMBIGUOUS)
def test_an_absent_order_goes_again_under_its_id_once_no_copy_can_live(
    response: Reply | Lost,
) -> None:
    exchange = ex.FakeExchange([ex.once(response, ex.created())])
    assert not place(exchange).replayed
    assert exchange.waited >= 60
    first, second = exchange.sent("POST")
    assert first.body == second.body


def test_absence_needs_reads_fresher_than_the_signatures_end() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], watermark=40.0)
    place(exchange)
    assert exchange.waited >= 100


@pytest.mark.parametrize("ahead", [-20.0, 20.0])
def test_absence_is_told_on_the_exchanges_clock(ahead: float) -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], offset=ahead)
    place(exchange)
    assert exchange.waited >= 60 + ahead - 1


@pytest.mark.parametrize("watermark", [None, 10_000.0])
def test_without_a_fresh_watermark_the_outcome_stays_unknown(watermark: float | None) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=watermark)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        place(exchange)
    assert caught.value.client_order_id == "c1"
    assert len(exchange.sent("POST")) == 1
    assert 180 <= exchange.monotonic() - 1_000 < 182
    assert [entry.key for entry in exchange.journal.open_entries()] == ["c1"]


def test_a_watermark_from_the_future_is_not_believed() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], watermark=-500.0)
    place(exchange)
    assert exchange.waited >= 60


def test_a_failed_read_is_no_absence() -> None:
    fail = ex.always(core.reply(500), method="GET", ending="/portfolio/orders")
    exchange = ex.FakeExchange([ex.once(LOST), fail])
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("ending", ["/historical/orders", "/portfolio/fills"])
def test_history_and_fills_must_be_readable_too(ending: str) -> None:
    exchange = ex.FakeExchange(
        [ex.once(LOST), ex.always(core.reply(500), method="GET", ending=ending)]
    )
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


def test_an_order_in_history_is_found() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], history=[ex.row(status="executed")])
    assert place(exchange).replayed


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
    response = core.reply(200, {"order": row})
    exchange = ex.FakeExchange(
        [ex.once(LOST), ex.always(response, method="GET", ending=row["order_id"])], fills=[fill]
    )
    assert place(exchange).order_id == row["order_id"]


def test_an_order_beyond_the_first_page_is_found() -> None:
    pages = [
        core.reply(200, {"orders": [ex.row(2)], "cursor": "next"}),
        core.reply(200, {"orders": [ex.row(1)], "cursor": ""}),
    ]
    exchange = ex.FakeExchange(
        [ex.once(LOST), ex.once(*pages, method="GET", ending="/portfolio/orders")]
    )
    assert place(exchange).client_order_id == "c1"


def test_an_unreadable_row_does_not_hide_the_order_beside_it() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[{"order_id": None}, ex.row()])
    assert place(exchange).replayed


def test_an_unreadable_row_may_be_the_order_unless_it_names_another() -> None:
    nameless = ex.FakeExchange([ex.once(LOST)], orders=[{"order_id": None}])
    with pytest.raises(errors.OutcomeUnknown):
        place(nameless)
    named_another = ex.FakeExchange(
        [ex.once(LOST, ex.created())], orders=[{"order_id": None, "client_order_id": "c9"}]
    )
    assert not place(named_another).replayed


BLANKS = ["", None, "absent", " ", "\t", "C1", " c1 ", 7]
ROWS = [
    ({}, True),
    ({"initial_count_fp": None}, True),
    ({"book_side": "both"}, True),
    ({"yes_price_dollars": None}, True),
    ({"created_time": None}, True),
    ({"status": "executed", "fill_count_fp": "5.00", "remaining_count_fp": "0.00"}, True),
    ({"ticker": "KXOTHER-1"}, False),
    ({"book_side": "ask", "outcome_side": "no"}, False),
    ({"yes_price_dollars": "0.5700"}, False),
    ({"initial_count_fp": "6.00"}, False),
    ({"created_time": "2027-01-15T07:00:00+00:00"}, False),
]


@pytest.mark.parametrize("where", ["orders", "history"])
@pytest.mark.parametrize(
    ("blank", "changes", "could_be_ours"),
    [
        (blank, *row)
        for i, blank in enumerate(BLANKS)
        for j, row in enumerate(ROWS)
        if EVERY_CASE or i == 0 or j == 0 or j == 6 + i % 5
    ],
)
def test_a_row_without_an_id_that_could_be_ours_makes_the_absence_unclear(
    blank: object, changes: dict[str, Any], could_be_ours: bool, where: str
) -> None:
    row = ex.row(client_order_id=blank, **changes)
    if blank == "absent":
        del row["client_order_id"]
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], **{where: [row]})
    if not could_be_ours:
        assert not place(exchange).replayed
        return
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert exchange.entry().is_open
    assert len(exchange.sent("POST")) == 1


def test_a_row_without_an_id_hides_no_order_that_is_found() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(2, client_order_id=""), ex.row()])
    assert place(exchange).replayed


@pytest.mark.parametrize("empty", [{}, {"cursor": ""}, {"cursor": None}, {"orders": None}])
@pytest.mark.parametrize("ending", ["/portfolio/orders", "/historical/orders", "/portfolio/fills"])
def test_a_list_answered_without_its_key_proves_no_absence(
    ending: str, empty: dict[str, Any]
) -> None:
    answer = ex.always(core.reply(200, empty), method="GET", ending=ending)
    exchange = ex.FakeExchange([ex.once(LOST, ex.created()), answer])
    if "orders" in empty and ending != "/portfolio/fills":  # null has its key
        assert not place(exchange).replayed
        return
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert exchange.entry().is_open
    assert len(exchange.sent("POST")) == 1


def test_an_unreadable_row_without_an_id_may_be_the_order() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(client_order_id="", status=None)])
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


def test_each_look_asks_for_the_largest_pages_since_before_the_sending() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row()])
    place(exchange)
    query = dict(exchange.sent("GET", "/portfolio/orders")[0].query)
    assert query["limit"] == "1000"
    assert core.EPOCH - 310 <= int(query["min_ts"]) <= core.EPOCH - 290


def test_orders_are_looked_for_since_the_sending_where_the_clock_was_set_back_before_it() -> None:
    expired = core.reply(
        401,
        {"error": {"code": "header_timestamp_expired", "message": "old"}},
        date="Fri, 15 Jan 2027 08:00:00 GMT",
    )
    exchange = ex.FakeExchange([ex.once(expired, LOST)], orders=[ex.row()], offset=3_600.0)
    place(exchange)
    query = dict(exchange.sent("GET", "/portfolio/orders")[0].query)
    assert int(query["min_ts"]) <= core.EPOCH


def test_the_policy_may_forbid_to_send_again() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    exchange.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.NotSent, match="was not executed and can no longer be"):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


def test_rounds_bound_how_often_an_absent_order_is_sent() -> None:
    exchange = ex.FakeExchange([ex.always(LOST, method="POST")])
    exchange.context = Context(policy=evolve(ex.PATIENT, resolve_within=400.0))
    with pytest.raises(errors.NotSent):
        place(exchange)
    assert len(exchange.sent("POST")) == 3
    entry = exchange.entry()
    assert (entry.state, entry.attempts) == (State.NOT_SENT, 3)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "insufficient_balance"), (403, "permission_denied"), (409, "market_closed")],
)
def test_a_refusal_is_final_and_nothing_is_looked_for(status: int, code: str) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(status, code))])
    with pytest.raises(errors.Refused) as caught:
        place(exchange)
    assert caught.value.code == code
    assert len(exchange.requests) == 1
    assert exchange.entry().state is State.REFUSED


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"message":"Forbidden"}', b'{"msg":"no"}'])
@pytest.mark.parametrize("status", sorted(NOT_EXECUTED - {400}))
def test_a_refusal_that_the_exchange_did_not_write_is_looked_into(status: int, body: bytes) -> None:
    exchange = ex.FakeExchange([ex.once(core.reply(status, body))], orders=[ex.row()])
    assert place(exchange).replayed
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_an_id_that_exists_is_a_duplicate_under_whatever_status(status: int) -> None:
    exchange = ex.FakeExchange(
        [ex.once(ex.refused(status, "order_already_exists"))], orders=[ex.row()]
    )
    assert place(exchange).replayed


@pytest.mark.parametrize("status", [400, 403, 404, 422])
@pytest.mark.parametrize(
    "words",
    [
        ("duplicate_client_order_id", "no"),
        ("ORDER_ALREADY_EXISTS", "no"),
        ("client_order_id_in_use", "no"),
        ("invalid_parameters", "this client_order_id already exists"),
        ("bad_request", "client_order_id is taken"),
    ],
)
def test_an_id_that_exists_is_looked_for_in_whatever_words_it_is_told(
    words: tuple[str, str], status: int
) -> None:
    body = {"error": {"code": words[0], "message": words[1]}}
    exchange = ex.FakeExchange([ex.once(core.reply(status, body))], orders=[ex.row()])
    assert place(exchange).replayed


@pytest.mark.parametrize("code", ["order_already_exists", "client_order_id_taken", None])
def test_a_409_that_may_mean_that_the_id_is_taken_is_looked_into(code: str | None) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(409, code))], orders=[ex.row()])
    assert place(exchange).replayed


def test_an_id_that_is_taken_may_have_been_taken_at_any_time() -> None:
    exchange = ex.FakeExchange(
        [ex.once(ex.refused(409, "order_already_exists"))], orders=[ex.row()]
    )
    place(exchange)
    assert dict(exchange.sent("GET", "/portfolio/orders")[0].query)["min_ts"] == "0"


def test_an_id_that_is_taken_by_no_order_of_the_ticker_is_a_conflict_and_never_sent_again() -> None:
    exchange = ex.FakeExchange([ex.always(ex.refused(409, "order_already_exists"), method="POST")])
    for _ in range(2):
        with pytest.raises(errors.DuplicateIdConflict):
            place(exchange)
    assert len(exchange.sent("POST")) == 1


EXISTS = ex.refused(409, "order_already_exists")


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("first", AMBIGUOUS)
def test_an_id_that_exists_after_an_attempt_in_doubt_of_this_call_stays_open_for_good(
    first: Reply | Lost, status: int
) -> None:
    exists = ex.refused(status, "order_already_exists")
    exchange = ex.FakeExchange([ex.once(first, exists)])
    stays_open(exchange, posts=2)


def stays_open(exchange: ex.FakeExchange, posts: int) -> None:
    for _ in range(2):  # the second call looks again and sends nothing
        with pytest.raises(errors.OutcomeUnknown):
            place(exchange)
        assert exchange.entry().is_open
    exchange.restart()
    resolutions = exchange.run(writes.recover(core.CURRENT, exchange.context))
    assert [each.state for each in resolutions] == [State.UNKNOWN]
    assert exchange.entry().is_open
    assert len(exchange.sent("POST")) == posts
    exchange.orders = [ex.row()]
    assert place(exchange).order_id == ex.row()["order_id"]
    assert len(exchange.sent("POST")) == posts


@pytest.mark.parametrize("first", [LOST, ex.refused(400, "insufficient_balance")])
def test_an_id_that_exists_after_an_attempt_of_an_earlier_call_stays_open_for_good(
    first: Reply | Lost,
) -> None:
    exchange = ex.FakeExchange([ex.once(first)])
    exchange.context = Context(policy=Policy(resend=False))
    with pytest.raises(errors.KalshiError):
        place(exchange)
    assert exchange.entry().state in (State.REFUSED, State.NOT_SENT)
    exchange.handlers = [ex.once(EXISTS)]
    stays_open(exchange, posts=2)


def test_an_id_that_exists_after_a_crash_stays_open_for_good() -> None:
    exchange = ex.FakeExchange()
    exchange.crash(writes.place(core.CURRENT, ex.ticket(), exchange.context))
    exchange.restart()
    exchange.handlers = [ex.once(EXISTS)]
    stays_open(exchange, posts=1)


def test_an_id_that_exists_where_an_attempt_of_the_same_sending_may_have_run_stays_open() -> None:
    exchange = ex.FakeExchange([ex.once(evolve(EXISTS, maybe_executed=True))])
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert exchange.entry().is_open


@pytest.mark.parametrize(
    "changes",
    [
        {"ticker": "KXOTHER-1"},
        {"book_side": "ask", "outcome_side": "no"},
        {"yes_price_dollars": "0.5700"},
        {"initial_count_fp": "6.00"},
    ],
)
def test_another_order_under_our_id_is_a_conflict_that_is_not_forgotten(
    changes: dict[str, str],
) -> None:
    exchange = ex.FakeExchange(
        [ex.once(ex.refused(409, "order_already_exists"))], orders=[ex.row(**changes)]
    )
    for _ in range(2):
        with pytest.raises(errors.DuplicateIdConflict):
            place(exchange)
    assert len(exchange.sent("POST")) == 1


AMENDED = {
    "yes_price_dollars": "0.5700",
    "initial_count_fp": "6.00",
    "last_update_time": "2027-01-15T08:00:20+00:00",
}


def amend(exchange: ex.FakeExchange, number: int = 1, **changes: Any) -> None:
    """Amend the order of a number, with an answer that is believed."""
    order_id = ex.row(number)["order_id"]
    arguments = {"ticker": ex.TICKER, "side": "bid", "price": "0.57", "count": 6} | changes
    counts = {"fill_count": "0.00", "remaining_count": f"{arguments['count']}.00"}
    answer = core.reply(200, {"order_id": order_id, **counts})
    exchange.handlers.append(ex.once(answer, ending="/amend"))
    ticket = AmendTicket.of(order_id, **arguments)
    exchange.run(writes.amend(core.CURRENT, ticket, exchange.context))


@pytest.mark.parametrize("recovered", [False, True])
def test_our_order_is_ours_after_an_amend_of_ours(recovered: bool) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    amend(exchange)
    exchange.watermark, exchange.orders = 0.0, [ex.row(**AMENDED)]
    exchange.restart()
    if recovered:
        (resolution,) = exchange.run(writes.recover(core.CURRENT, exchange.context))
        assert resolution.state is State.RESOLVED
    assert place(exchange).replayed


@pytest.mark.parametrize(
    "own", [{}, {"price": "0.58"}, {"count": 7}, {"number": 2}], ids=["none", *"pci"]
)
def test_a_difference_that_no_amend_of_ours_explains_is_a_conflict(own: dict[str, Any]) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    if own:
        amend(exchange, **own)
    exchange.watermark, exchange.orders = 0.0, [ex.row(**AMENDED)]
    with pytest.raises(errors.DuplicateIdConflict):
        place(exchange)
    assert exchange.entry().state is State.REFUSED


GROUP = "0c5e5bd1-2f5e-4f0c-9a3e-5d0f6f1b2a3c"
# What was asked for beside the usual, what the row says, what differs then.
CONTENTS: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    ({}, {}, set()),
    ({"subaccount": 3}, {}, set()),
    ({"subaccount": 3}, {"subaccount_number": 3}, set()),
    ({"subaccount": 3}, {"subaccount_number": 4}, {"subaccount"}),
    ({}, {"subaccount_number": 4}, set()),  # a key may be locked to a subaccount
    ({"expires": 1_900_000_000}, {}, set()),
    ({"expires": 1_900_000_000}, {"expiration_time": "2030-03-17T17:46:40Z"}, set()),
    ({"expires": 1_900_000_000}, {"expiration_time": "2030-03-17T17:46:41Z"}, {"expires"}),
    ({}, {"expiration_time": "2030-03-17T17:46:40Z"}, {"expires"}),
    ({"order_group_id": GROUP}, {"order_group_id": GROUP}, set()),
    ({"order_group_id": GROUP}, {"order_group_id": "another"}, {"order_group_id"}),
    ({}, {"self_trade_prevention_type": "taker_at_cross"}, set()),
    ({}, {"self_trade_prevention_type": "maker"}, {"self_trade_prevention"}),
    ({}, {"time_in_force": "good_till_canceled"}, set()),
    ({}, {"time_in_force": "immediate_or_cancel"}, {"time_in_force"}),
    ({}, {"book_side": "ask", "outcome_side": "no"}, {"book_side"}),
    ({}, {"yes_price_dollars": "0.5700"}, {"price"}),
    ({}, {"initial_count_fp": "4.00"}, {"count"}),
]


@pytest.mark.parametrize("first", [LOST, ex.refused(409, "order_already_exists")])
@pytest.mark.parametrize(("asked", "row", "differs"), CONTENTS)
def test_an_order_under_our_id_is_ours_only_if_its_content_is(
    first: Reply | Lost, asked: dict[str, Any], row: dict[str, Any], differs: set[str]
) -> None:
    exchange = ex.FakeExchange([ex.once(first)], orders=[ex.row(**row)])
    if not differs:
        assert place(exchange, **asked).replayed
        return
    with pytest.raises(errors.DuplicateIdConflict) as caught:
        place(exchange, **asked)
    assert set(caught.value.differs) == differs
    assert caught.value.order.order_id == ex.row()["order_id"]
    assert len(exchange.sent("POST")) == 1


def test_an_order_made_long_before_the_intent_is_not_ours_however_it_changed() -> None:
    row = ex.row(
        yes_price_dollars="0.5700",
        created_time="2027-01-15T07:00:00+00:00",
        last_update_time="2027-01-15T08:00:20+00:00",
    )
    exchange = ex.FakeExchange([ex.once(ex.refused(409, "order_already_exists"))], orders=[row])
    with pytest.raises(errors.DuplicateIdConflict):
        place(exchange)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": "c9"},
        {"fill_count": "6.00"},
        {"remaining_count": "-1.00"},
        {"fill_count": "3.00", "remaining_count": "3.00"},
        {"order_id": ""},
        {"reduced_by": "5.00"},
        {"client_order_id": None, "fill_count": None},
        {"client_order_id": "", "remaining_count": None},
        {"client_order_id": None, "fill_count": None, "remaining_count": None},
    ],
)
def test_an_acknowledgement_that_cannot_be_is_not_believed(changes: dict[str, str]) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(**changes))], orders=[ex.row()])
    ack = place(exchange)
    assert ack.replayed
    assert ack.order_id == ex.row()["order_id"]


@given(
    st.dictionaries(
        st.sampled_from(["client_order_id", "fill_count", "remaining_count", "reduced_by"]),
        st.sampled_from([None, "", "0.00", "2.00", "3.00", "5.00", "6.00", "-1.00", "c1", "c9"]),
    )
)
def test_a_create_is_acknowledged_by_our_id_or_both_counts_and_by_nothing_of_a_cancel(
    fields: dict[str, str | None],
) -> None:
    answer = core.reply(201, {"order_id": ex.row()["order_id"], "ts_ms": 1, **fields})
    exchange = ex.FakeExchange([ex.once(answer)], orders=[ex.row()])
    if place(exchange).replayed:
        return  # looked up
    assert fields.get("reduced_by") in (None, "")
    counts = [fields.get(name) for name in ("fill_count", "remaining_count")]
    assert fields.get("client_order_id") == "c1" or None not in counts
    assert all(Decimal(text) <= 5 for text in counts if text)


def test_an_acknowledgement_without_client_order_id_is_believed() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(client_order_id=None))])
    assert not place(exchange).replayed


def test_the_same_id_again_is_the_same_order_without_a_request() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    first, second = place(exchange), place(exchange)
    assert (second.order_id, second.replayed, second.fill_count) == (first.order_id, True, 0)
    assert second.raw == first.raw
    assert len(exchange.requests) == 1


def test_the_same_id_with_another_content_is_refused_before_anything_is_sent() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    place(exchange)
    with pytest.raises(errors.DuplicateIdConflict):
        place(exchange, count=6)
    assert len(exchange.requests) == 1


def test_a_refused_intent_may_be_tried_again_and_its_attempts_count_on() -> None:
    exchange = ex.FakeExchange(
        [ex.once(LOST, ex.refused(400, "invalid_price"), LOST, ex.created())]
    )
    with pytest.raises(errors.BadRequest):
        place(exchange)
    assert not place(exchange).replayed
    entry = exchange.entry()
    assert (entry.state, entry.attempts) == (State.ACKNOWLEDGED, 4)


def test_a_request_larger_than_its_bucket_is_recorded_as_never_sent() -> None:
    exchange = ex.FakeExchange()
    exchange.context = Context(pacer=Pacer(TokenBucket(10, 10), TokenBucket(5, 5)))
    with pytest.raises(errors.Misuse, match="smaller batches"):
        place(exchange)
    assert exchange.entry().state is State.NOT_SENT
    assert exchange.requests == []


def test_a_journal_that_cannot_be_written_sends_nothing() -> None:
    exchange = ex.FakeExchange()
    exchange.journal.close()
    with pytest.raises(errors.JournalUnwritable):
        place(exchange)
    assert exchange.requests == []


def test_an_order_waits_for_the_verdict_of_an_earlier_one_of_its_ticker() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    with pytest.raises(errors.EarlierWriteUnsettled, match="c1"):
        place(exchange, number=2)
    assert len(exchange.sent("POST")) == 1
    exchange.watermark, exchange.orders = 0.0, [ex.row()]
    exchange.handlers = [ex.once(ex.created(2))]
    assert place(exchange, number=2).client_order_id == "c2"
    assert exchange.entry().state is State.RESOLVED


def test_an_abandoned_order_is_left_to_the_next_one_to_settle() -> None:
    exchange = ex.FakeExchange(orders=[ex.row()])
    flow = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(flow, ex.is_send)
    flow.close()
    assert "c1" not in exchange.context.locks
    exchange.handlers = [ex.once(ex.created(2))]
    place(exchange, number=2)
    assert exchange.entry().state is State.RESOLVED


def test_two_flows_with_one_id_are_one_order() -> None:
    exchange = ex.FakeExchange([ex.once(ex.created())])
    first = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    second = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    effects = {1: next(first), 2: next(second)}
    results: dict[int, OrderAck] = {}
    for _ in range(200):
        for number, flow in ((2, second), (1, first)):
            if number not in results:
                try:
                    effects[number] = flow.send(exchange.perform(effects[number]))
                except StopIteration as stop:
                    results[number] = stop.value
    assert results[1].order_id == results[2].order_id
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("code", ["order_already_exists", None])
def test_a_taken_id_whose_order_cannot_be_looked_for_is_unknown(code: str | None) -> None:
    exchange = ex.FakeExchange([ex.once(ex.refused(409, code))], watermark=None)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        place(exchange)
    assert (caught.value.client_order_id, caught.value.operation) == ("c1", "CreateOrderV2")
    assert (
        "409" in str(caught.value)
        if code is None
        else "this client_order_id exists" in str(caught.value)
    )


def test_an_order_whose_earlier_attempt_cannot_be_found_out_is_unknown_and_not_sent() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], watermark=None)
    for _ in range(2):
        with pytest.raises(errors.OutcomeUnknown) as caught:
            place(exchange)
        assert caught.value.client_order_id == "c1"
    assert len(exchange.sent("POST")) == 1


def test_an_order_that_another_flow_never_ends_is_unknown() -> None:
    exchange = ex.FakeExchange()
    first = writes.place(core.CURRENT, ex.ticket(), exchange.context)
    exchange.run_until(first, ex.is_send)
    with pytest.raises(errors.OutcomeUnknown, match="another call is still busy with c1"):
        place(exchange)
    assert exchange.waited >= 180
    assert exchange.requests == []
    first.close()
