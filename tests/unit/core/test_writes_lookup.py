"""Lookups: how fresh reads are, how far a lookup goes, and what it may not skip."""

from __future__ import annotations

from typing import Any

import core_samples as core
import fake_exchange as ex
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext import errors, reads, writes
from kalshi_ext.contract.page_sizes import PAGE_SIZES
from kalshi_ext.models import OrderAck
from kalshi_ext.protocol.context import Policy
from kalshi_ext.reads.watermark import Watermark, read_watermark
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import ack_contradiction

LOST = core.lost(bytes_sent=True)
ORDERS, HISTORY, FILLS = "/portfolio/orders", "/historical/orders", "/portfolio/fills"
STAMP = "/exchange/user_data_timestamp"
FILL = {
    "fill_id": "f1",
    "order_id": ex.row()["order_id"],
    "ticker": ex.TICKER,
    "book_side": "bid",
    "outcome_side": "yes",
    "count_fp": "5.00",
}


def place(exchange: ex.FakeExchange, number: int = 1) -> Any:
    return exchange.run(writes.place(core.CURRENT, ex.ticket(number), exchange.context))


def find(exchange: ex.FakeExchange, contract: Any = core.CURRENT) -> Any:
    return exchange.run(
        reads.find_order(contract, "c1", ListQuery(ticker=ex.TICKER), exchange.context)
    )


def test_what_is_found_alive_is_not_waited_for_nor_looked_for_elsewhere() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row()])
    place(exchange)
    assert exchange.waited == 0.0
    assert exchange.sent("GET", HISTORY) + exchange.sent("GET", FILLS) == []


def test_history_and_fills_are_read_only_once_no_copy_can_live() -> None:
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())])
    place(exchange)
    assert len(exchange.sent("GET", ORDERS)) > 10
    assert (len(exchange.sent("GET", HISTORY)), len(exchange.sent("GET", FILLS))) == (1, 1)


def test_an_order_found_in_history_needs_no_fills() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], history=[ex.row(status="executed")])
    place(exchange)
    assert exchange.sent("GET", FILLS) == []


def test_a_filled_order_that_cannot_be_read_may_be_the_one() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], fills=[FILL])
    exchange.handlers.append(ex.always(core.reply(500), method="GET", ending=FILL["order_id"]))
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)
    assert len(exchange.sent("POST")) == 1


@pytest.mark.parametrize("row", ["a text", 17, [], {"client_order_id": 7}])
def test_a_row_that_names_nothing_may_be_the_order(row: Any) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[row])
    with pytest.raises(errors.OutcomeUnknown):
        place(exchange)


def test_finding_reads_history_only_for_what_is_not_alive() -> None:
    live = ex.FakeExchange(orders=[ex.row()], history=[ex.row(status="executed")])
    assert find(live).status == "resting"
    assert live.sent("GET", HISTORY) == []
    ended = ex.FakeExchange(history=[ex.row(status="executed")])
    assert find(ended).status == "executed"
    assert find(ex.FakeExchange()) is None


def test_finding_reads_no_history_where_the_contract_has_none() -> None:
    exchange = ex.FakeExchange()
    assert find(exchange, core.CLASSIC) is None
    assert [request.path for request in exchange.requests] == [ORDERS]


def watermark_of(exchange: ex.FakeExchange, contract: Any = core.CURRENT) -> Watermark:
    watermark: Watermark = exchange.run(read_watermark(contract, exchange.context))
    return watermark


@pytest.mark.parametrize("offset", [-1e6, -20.0, 0.0, 20.0, 1e6])
def test_freshness_is_told_on_the_exchanges_clock(offset: float) -> None:
    exchange = ex.FakeExchange(offset=offset)
    watermark = watermark_of(exchange)
    assert watermark.exchange_time == core.EPOCH + 1
    assert watermark.as_of == pytest.approx(core.EPOCH + 0.01)
    assert watermark.read_at == pytest.approx(1_000.01)


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_without_a_date_nothing_is_fresh(date: str | None) -> None:
    body = {"as_of_time": journal_codec.instant(core.EPOCH).isoformat()}
    headers = {"server": "x"} | ({} if date is None else {"date": date})
    exchange = ex.FakeExchange(
        [ex.always(core.reply(200, body, **headers), method="GET", ending=STAMP)]
    )
    assert watermark_of(exchange).as_of is None


def test_reads_of_a_contract_without_a_watermark_are_taken_to_lag() -> None:
    exchange = ex.FakeExchange()
    assert watermark_of(exchange, core.CLASSIC) == Watermark(
        990.0, 1_000.0, 1_000.0, is_dated=False
    )
    find(exchange, core.CLASSIC)  # an answer with a Date
    watermark = watermark_of(exchange, core.CLASSIC)
    assert watermark.exchange_time == pytest.approx(core.EPOCH + 1, abs=0.02)
    assert watermark.as_of == watermark.exchange_time - 10


def test_an_order_of_the_classic_contract_is_absent_once_no_copy_and_no_lag_is_left() -> None:
    exchange = ex.FakeExchange([ex.once(LOST)])
    exchange.context = core.context(resend=False)
    with pytest.raises(errors.NotSent):
        exchange.run(writes.place(core.CLASSIC, ex.ticket(), exchange.context))
    assert 70 <= exchange.waited < 80


@pytest.mark.parametrize(
    "counts", [{"remaining_count": None, "fill_count": "5.00"}, {"fill_count": None}]
)
def test_an_acknowledgement_may_leave_a_count_out(counts: dict[str, Any]) -> None:
    exchange = ex.FakeExchange([ex.once(ex.created(**counts))])
    assert not place(exchange).replayed


def test_an_acknowledgement_of_another_market_is_not_believed() -> None:
    order = find(ex.FakeExchange(orders=[ex.row(ticker="KXOTHER-1")]))
    ack = OrderAck(order_id="o1", client_order_id="c1", ticker=None, order=order, raw={})
    assert ack_contradiction(ex.ticket(), ack) == "it names another ticker"
    ours = find(ex.FakeExchange(orders=[ex.row()]))
    assert ack_contradiction(ex.ticket(), evolve(ack, order=ours)) is None


def test_the_order_of_a_fill_that_was_seen_already_is_not_read_again() -> None:
    other_row = ex.row(client_order_id="c9")
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())], orders=[other_row], fills=[FILL])
    place(exchange)
    assert len(exchange.sent("GET", FILLS)) == 1
    assert exchange.sent("GET", other_row["order_id"]) == []


@pytest.mark.parametrize("updated", [None, "2027-01-15T08:00:20+00:00"])
def test_a_found_order_was_acknowledged_when_it_last_changed(updated: str | None) -> None:
    exchange = ex.FakeExchange([ex.once(LOST)], orders=[ex.row(last_update_time=updated)])
    ack = place(exchange)
    seconds = 0 if updated is None else 20
    assert ack.time == journal_codec.instant(core.EPOCH + seconds)


@given(*[st.floats(0, 1e9) | st.integers(0, 200)] * 2)
def test_a_policy_that_could_never_prove_an_absence_is_refused(
    resolve_within: float, signature_life: float
) -> None:
    times = {"resolve_within": resolve_within, "signature_life": signature_life}
    if resolve_within >= signature_life:
        assert Policy(**times).resolve_within == resolve_within
        return
    with pytest.raises(errors.Misuse, match="shorter than signature_life"):
        Policy(**times)


def test_a_patience_shorter_than_the_usual_life_of_a_signature_is_refused() -> None:
    with pytest.raises(errors.Misuse):
        Policy(resolve_within=59.9)
    with pytest.raises(errors.Misuse):
        Policy(signature_life=180.1)


def test_no_wait_at_all_is_a_policy() -> None:
    assert Policy(poll=0.0, read_lag=0).poll == 0.0


def test_look_ups_of_unknown_outcomes_ask_for_no_larger_page_than_the_contract_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for operation in PAGE_SIZES:
        monkeypatch.setitem(PAGE_SIZES, operation, 200)
    exchange = ex.FakeExchange([ex.once(LOST, ex.created())])
    place(exchange)
    for path in (ORDERS, HISTORY, FILLS):
        sent = [dict(each.query)["limit"] for each in exchange.sent("GET", path)]
        assert sent, path
        assert set(sent) == {"200"}, path
