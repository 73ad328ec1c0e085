"""Cards that place orders: a cent each, cancelled again, and one that buys for half a dollar."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kalshi_ext.probe.bench import ORDERS, Bench, Resting, Skipped
from kalshi_ext.probe.card import AtMost, OneOf, Values, card
from kalshi_ext.probe.reads import LIST

CENT = Decimal("0.01")
HIGHEST_PRICE = Decimal("0.50")  # dollars for one contract that is bought for good


@card(
    "How is a client_order_id that rests refused?",
    assumed={"status": 409, "code": "order_already_exists", "names_the_order": False},
    depends="an id that is not refused would double an order the network copied",
    risk=4 * CENT,
)
def duplicate(bench: Bench) -> Values:
    order_id, body = bench.must_place()
    again = bench.place(body)
    found = order_id in again.text
    other = bench.place({**body, "price": "0.0200"})
    return {**again.refusal(), "names_the_order": found, "other_content_status": other.status}


@card("How long is an id taken after a cancel?", risk=CENT)
def id_after_cancel(bench: Bench) -> Values:
    order_id, body = bench.must_place()
    bench.cancel(order_id)
    return _taken_for(bench, body)


@card(
    "After a fill: how long until it is listed, and until its id is free?",
    assumed={"fill_listed_after": AtMost(10)},
    risk=HIGHEST_PRICE + CENT,
)
def after_fill(bench: Bench) -> Values:
    """Buy one contract: how long until the fill is listed, and until its order's id is free."""
    body = _bought(bench)
    order_id = str(body.pop("order_id"))

    def listed() -> bool:
        return bool(bench.get("/portfolio/fills", order_id=order_id).rows("fills"))

    lag = _seen_after(bench, listed)
    # The id again, as an order that cannot fill.
    again = bench.order_body(client_order_id=body["client_order_id"])
    return {"fill_listed_after": lag, **_taken_for(bench, again)}


def _bought(bench: Bench) -> dict[str, Any]:
    """Buy one contract of YES, or else of NO. Raises Skipped where neither is for sale."""
    for side in ("bid", "ask"):  # an ask at half a dollar buys NO for half a dollar
        price = f"{HIGHEST_PRICE:f}"
        body = bench.order_body(side=side, price=price, time_in_force="immediate_or_cancel")
        answer = bench.place(body)
        if Decimal(str(answer.object.get("fill_count", "0"))) == 1:
            bench.resting.pop(str(answer.object["order_id"]), None)
            return {**body, "order_id": answer.object["order_id"]}
        if answer.status == 201:  # nothing was bought, and an IOC rests nowhere
            bench.risk_left += HIGHEST_PRICE
    raise Skipped(f"nobody sells {bench.ticker} at {HIGHEST_PRICE}: say another --ticker")


def _taken_for(bench: Bench, body: dict[str, Any]) -> Values:
    """Send an id again until it is taken, at most for the bench's patience."""
    started, wait = time.monotonic(), 0.0
    while True:
        answer = bench.place(body)
        passed = time.monotonic() - started
        if answer.status == 201:
            return {"free_after_seconds": round(passed, 1)}
        if answer.status != 409:
            return {"free_after_seconds": None, **answer.refusal()}
        if passed >= bench.patience:
            return {"taken_for_seconds": round(passed, 1), "free_after_seconds": None}
        wait = min(max(0.5, 2 * wait), 10.0, bench.patience - passed + 0.01)
        time.sleep(wait)


def _seen_after(bench: Bench, seen: Callable[[], bool]) -> float | None:
    """Ask until something is seen: the seconds it took, None when it never was."""
    started = time.monotonic()
    while True:
        if seen():
            return round(time.monotonic() - started, 2)
        if time.monotonic() - started >= bench.patience:
            return None
        time.sleep(0.05)


@card(
    "How far does the list of orders lag behind a write?",
    assumed={"new": AtMost(10), "cancelled": AtMost(10)},
    depends="on classic a lag over `read_lag` can hide an order",
    risk=CENT,
)
def lag_of_list(bench: Bench) -> Values:
    order_id, body = bench.must_place()

    def listed() -> bool:
        rows = bench.get(LIST, ticker=bench.ticker, status="resting", limit=100).rows("orders")
        return any(row.get("client_order_id") == body["client_order_id"] for row in rows)

    new = _seen_after(bench, listed)
    bench.cancel(order_id)
    # What was never listed does not leave the list either.
    gone = None if new is None else _seen_after(bench, lambda: not listed())
    return {"new": new, "cancelled": gone}


@card(
    "How far does one order lag behind a write?",
    assumed={"new": AtMost(10), "cancelled": AtMost(10)},
    risk=CENT,
)
def lag_of_order(bench: Bench) -> Values:
    order_id, _ = bench.must_place()
    new = _seen_after(bench, lambda: bench.get(f"{LIST}/{order_id}").status == 200)
    bench.cancel(order_id)

    def cancelled() -> bool:
        answer = bench.get(f"{LIST}/{order_id}")
        return answer.status == 404 or answer.object["order"]["status"] == "canceled"

    return {"new": new, "cancelled": None if new is None else _seen_after(bench, cancelled)}


@card(
    "In what order does a batch answer?",
    assumed={"entries": 4, "order": OneOf(("as asked", "reversed", "another"))},
    depends="entries without ids are looked up one by one",
    risk=4 * CENT,
)
def batch_answer(bench: Bench) -> Values:
    bodies = [bench.order_body() for _ in range(4)]
    bodies[1]["price"] = "0.0000"  # refused
    bench.spend(4 * CENT)
    answer = bench.ask("POST", f"{ORDERS}/batched", body={"orders": bodies})
    rows = answer.rows("orders")
    for row in rows:
        if row.get("order_id"):
            bench.resting[str(row["order_id"])] = Resting(bench.ticker, CENT)
    asked = [body["client_order_id"] for body in bodies]
    told = [row.get("client_order_id") for row in rows]
    codes = [row["error"]["code"] for row in rows if row.get("error")]
    if not rows:
        codes.append(answer.error[0])
    return {
        "status": answer.status,
        "entries": len(rows),
        "order": _order_of(asked, told),
        "refused_codes": codes,
    }


def _order_of(asked: list[Any], told: list[Any]) -> str:
    if not told:
        return "none"
    if None in told:
        return "without ids"
    if told == asked:
        return "as asked"
    return "reversed" if told == asked[::-1] else "another"


@card(
    "What does a cancel answer, and a second one?",
    assumed={"has_order_id": True, "has_reduced_by": True, "again_status": 404},
    depends="a cancel's answer would not be believed",
    risk=CENT,
)
def cancel_answer(bench: Bench) -> Values:
    order_id, _ = bench.must_place()
    answer = bench.cancel(order_id)
    again = bench.cancel(order_id)
    body = answer.object
    names = ("client_order_id", "order_id", "reduced_by")
    return {f"has_{name}": name in body for name in names} | {
        "again_status": again.status,
        "again_code": again.error[0],
    }


@card("Is an order off shard 0 found without its ticker?", risk=CENT)
def order_off_shard(bench: Bench) -> Values:
    markets = bench.get("/markets", status="open", limit=200).rows("markets")
    off = [row for row in markets if row.get("exchange_index") not in (None, 0)]
    if not off:
        raise Skipped("no open market on another shard than 0 was listed")
    ticker = str(off[0]["ticker"])
    order_id, _ = bench.must_place(ticker=ticker)
    found = _seen_after(bench, lambda: bench.get(f"{LIST}/{order_id}").status == 200)
    with_ticker = bench.get(f"{LIST}/{order_id}", market_ticker=ticker).status
    bare = bench.ask("DELETE", f"{ORDERS}/{order_id}")
    return {
        "get_without_ticker": found is not None,
        "get_with_ticker_status": with_ticker,
        "bare_cancel_status": bare.status,
    }


@card(
    "Is a create refused that arrives after its group was triggered?",
    assumed={"late_create_refused": True},
    depends="a stop button made of groups would leak",
    risk=2 * CENT,
)
def group_triggered(bench: Bench) -> Values:
    created = bench.ask(
        "POST", "/portfolio/order_groups/create", body={"contracts_limit_fp": "10.00"}
    )
    if created.status not in (200, 201):
        raise Skipped(f"a group was refused: {created.status} {created.error[0]}")
    group = str(created.object["order_group_id"])
    path = f"/portfolio/order_groups/{group}"
    order_id, _ = bench.must_place(order_group_id=group)
    bench.ask("PUT", f"{path}/trigger", body={})
    gone = _seen_after(bench, lambda: _is_over(bench, order_id))
    late = bench.place(bench.order_body(order_group_id=group))
    reset = bench.ask("PUT", f"{path}/reset")
    bench.ask("DELETE", path)
    return {
        "late_create_refused": late.status != 201,
        "late_create_code": late.error[0],
        "order_gone_after": gone,
        "reset_without_body_status": reset.status,
    }


def _is_over(bench: Bench, order_id: str) -> bool:
    answer = bench.get(f"{LIST}/{order_id}")
    return answer.status == 200 and answer.object["order"]["status"] != "resting"


@card("How is a JSON number for a price refused?", assumed={"status": 400})
def json_number(bench: Bench) -> Values:
    return bench.place(bench.order_body(price=0.01)).refusal()


@card("How is an empty body refused?", assumed={"status": 400})
def empty_body(bench: Bench) -> Values:
    return bench.ask(
        "POST", ORDERS, raw=b"", headers={"content-type": "application/json"}
    ).refusal()


@card(
    "How is a market that does not exist refused?", assumed={"status": OneOf((400, 404))}, risk=CENT
)
def unknown_market(bench: Bench) -> Values:
    ticker = f"NO-SUCH-MARKET-{uuid.uuid4().hex[:8].upper()}"
    return bench.place(bench.order_body(ticker=ticker)).refusal()


@card(
    "What answers an order that must fill now and cannot?",
    assumed={"ioc_status": 201, "ioc_counts": ["0.00", "0.00"], "fok_status": 409},
    risk=2 * CENT,
)
def unfilled(bench: Bench) -> Values:
    now = bench.place(bench.order_body(time_in_force="immediate_or_cancel"))
    whole = bench.place(bench.order_body(time_in_force="fill_or_kill"))
    body = now.object
    return {
        "ioc_status": now.status,
        "ioc_counts": [str(body.get("fill_count")), str(body.get("remaining_count"))],
        "fok_status": whole.status,
        "fok_code": whole.error[0],
    }


@card(
    "How is an amend refused that changes nothing?",
    assumed={"code": "AMEND_ORDER_NO_OP"},
    depends="the wanted state is then looked up",
    risk=CENT,
)
def amend_no_change(bench: Bench) -> Values:
    order_id, body = bench.must_place()
    same = {name: body[name] for name in ("ticker", "side", "price", "count")}
    return bench.ask("POST", f"{ORDERS}/{order_id}/amend", body=same).refusal()


@card("How is a price off the grid refused?", assumed={"status": 400}, risk=CENT * 2)
def off_tick(bench: Bench) -> Values:
    return bench.place(bench.order_body(price="0.01234")).refusal()


@card("How is a count of nothing refused?", assumed={"status": 400})
def zero_count(bench: Bench) -> Values:
    return bench.place(bench.order_body(count="0.00")).refusal()


@card("How is a price above a dollar refused?", assumed={"status": 400}, risk=CENT * 2)
def price_over_one(bench: Bench) -> Values:
    return bench.place(bench.order_body(price="1.5000", count="0.01")).refusal()
