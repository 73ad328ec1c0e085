"""Random orders: placing, amending, decreasing, cancelling."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from engine_harness import START, UNKNOWN
from engine_machine_base import TRADERS, MachineBase
from engine_reference import ReferenceOrder
from hypothesis import strategies as st
from hypothesis.stateful import rule

WHO = st.sampled_from(TRADERS)
SIDE = st.sampled_from(["bid", "ask"])
COUNT = st.sampled_from(["0.01", "0.3", "1", "2.50", "7", "10"])
MARKET = st.sampled_from([0, 0, 0, 1, 2])
PRICE = st.integers(0, 4)
SUB = st.sampled_from([0, 0, 0, 1])
PICK = st.integers(0, 10**6)
TIF = st.sampled_from(["good_till_canceled"] * 4 + ["immediate_or_cancel", "fill_or_kill"])
RALLY = st.lists(st.tuples(WHO, SIDE, PRICE, COUNT, TIF, PICK), min_size=1, max_size=12)


class OrderRules(MachineBase):
    """Place and change orders."""

    @rule(
        who=WHO,
        side=SIDE,
        market=MARKET,
        at=PRICE,
        count=COUNT,
        sub=SUB,
        tif=TIF,
        stp=st.sampled_from(["taker_at_cross", "maker"]),
        flags=st.sampled_from([{}, {}, {}, {"post_only": True}, {"cancel_order_on_pause": True}]),
        expires=st.sampled_from([None, None, 3, 30]),
        pick=PICK,
    )
    def place(self, who, side, market, at, count, sub, tif, stp, flags, expires, pick) -> None:
        self.place_one(who, side, market, at, count, sub, tif, stp, flags, expires, pick)

    def place_one(self, who, side, market, at, count, sub, tif, stp, flags, expires, pick) -> None:
        self.start_step()
        ticker, price = self.ticker(market), self.price(market, at)
        group = self.groups[pick % len(self.groups)] if self.groups and pick % 3 == 0 else None
        body: dict[str, Any] = {
            "ticker": ticker,
            "subaccount": sub,
            "time_in_force": tif,
            "self_trade_prevention_type": stp,
            **flags,
        }
        when = None
        if expires and tif == "good_till_canceled":
            when = int(self.harness.now.timestamp()) + expires
            body["expiration_time"] = when
        if group and group[0] == who:
            body["order_group_id"] = group[1]
        answer = self.harness.order(side, price, count, by=who, **body)
        order = ReferenceOrder(
            id=answer.body.get("order_id", ""),
            account=who,
            subaccount=sub,
            ticker=ticker,
            bid=side == "bid",
            price=Decimal(price),
            remaining=Decimal(count),
            stp=stp,
            tif=tif,
            group=body.get("order_group_id"),
            on_pause="cancel_order_on_pause" in flags,
            expires=None if when is None else when - START.timestamp(),
        )
        self.apply_to_reference(answer, order)

    @rule(market=MARKET, orders=RALLY)
    def rally(self, market, orders) -> None:
        for who, side, at, count, tif, pick in orders:
            self.place_one(who, side, market, at, count, 0, tif, "maker", {}, None, pick)

    @rule(
        who=WHO,
        market=st.sampled_from([0, 0, 2]),
        at=PRICE,
        count=st.integers(1, 9),
        words=st.sampled_from(["yes buy", "yes sell", "no buy", "no sell"]),
    )
    def place_classic(self, who, market, at, count, words) -> None:
        self.start_step()
        side, action = words.split()
        cents, bid = 48 + at, words in ("yes buy", "no sell")
        price = {"yes_price": cents} if side == "yes" else {"no_price": 100 - cents}
        ticker = self.ticker(market)
        body = {
            "ticker": ticker,
            "side": side,
            "action": action,
            "count": count,
            "type": "limit",
            "client_order_id": str(uuid.uuid4()),
            **price,
        }
        answer = self.harness.call("createOrder", body, by=who)
        order = ReferenceOrder(
            id=answer.body.get("order", {}).get("order_id", ""),
            account=who,
            subaccount=0,
            ticker=ticker,
            bid=bid,
            price=Decimal(cents) / 100,
            remaining=Decimal(count),
        )
        self.apply_to_reference(answer, order)

    @rule(who=WHO, side=SIDE, market=MARKET, count=COUNT)
    def reduce(self, who, side, market, count) -> None:
        self.start_step()
        ticker = self.ticker(market)
        price = "0.99" if side == "bid" else "0.01"
        position = self.reference.positions[who, 0, ticker]
        answer = self.harness.order(
            side,
            price,
            count,
            by=who,
            ticker=ticker,
            reduce_only=True,
            time_in_force="immediate_or_cancel",
        )
        capped = min(Decimal(count), max(-position if side == "bid" else position, Decimal(0)))
        assert capped or answer.body.get("fill_count", "0.00") == "0.00"
        order = ReferenceOrder(
            id=answer.body.get("order_id", ""),
            account=who,
            subaccount=0,
            ticker=ticker,
            bid=side == "bid",
            price=Decimal(price),
            remaining=capped,
            tif="immediate_or_cancel",
        )
        self.apply_to_reference(answer, order)
        assert abs(self.reference.positions[who, 0, ticker]) <= abs(position)

    @rule(pick=PICK)
    def cancel(self, pick) -> None:
        order = self.pick_order(pick)
        if order is None:
            return
        self.start_step()
        query = {"subaccount": order.subaccount, "market_ticker": order.ticker}
        answer = self.harness.cancel(order.id, by=order.account, **query)
        assert Decimal(answer.body["reduced_by"]) == order.remaining
        self.reference.cancel_matching(id=order.id)

    @rule(pick=PICK)
    def cancel_what_is_over(self, pick) -> None:
        order_id = self.order_ids[pick % len(self.order_ids)] if self.order_ids else UNKNOWN
        if self.reference.find(order_id) is None:
            self.start_step()
            assert self.harness.cancel(order_id, exchange_index=-1).status == 404

    @rule(pick=PICK, by=COUNT, to=st.booleans())
    def decrease(self, pick, by, to) -> None:
        order = self.pick_order(pick)
        if order is None:
            return
        self.start_step()
        body = {"reduce_to" if to else "reduce_by": by, "exchange_index": -1}
        path = {"order_id": order.id}
        answer = self.harness.call(
            "DecreaseOrderV2", body, by=order.account, path=path, subaccount=order.subaccount
        )
        wanted = Decimal(by) if to else order.remaining - Decimal(by)
        order.remaining = max(min(order.remaining, wanted), Decimal(0))
        assert Decimal(answer.body["remaining_count"]) == order.remaining
        if not order.remaining:
            self.reference.cancel_matching(id=order.id)

    @rule(pick=PICK, at=PRICE, more=COUNT, same=st.booleans())
    def amend(self, pick, at, more, same) -> None:
        order = self.pick_order(pick)
        if order is None:
            return
        self.start_step()
        market = int(order.ticker[-1])
        price = f"{order.price:.4f}" if same else self.price(market, at)
        body = {
            "ticker": order.ticker,
            "side": "bid" if order.bid else "ask",
            "price": price,
            "count": f"{order.filled + Decimal(more):.2f}",
        }
        answer = self.harness.call(
            "AmendOrderV2",
            body,
            by=order.account,
            path={"order_id": order.id},
            subaccount=order.subaccount,
        )
        if answer.status != 200:
            # 404: an account without collateral on the shard is not known there
            assert answer.status in (400, 404, 409), answer
            return
        keeps = Decimal(price) == order.price and Decimal(more) <= order.remaining
        order.price, order.remaining = Decimal(price), Decimal(more)
        if not keeps:
            self.reference.cancel_matching(id=order.id)
            self.reference.accept(order)
        self.compare_trades()

    @rule(who=WHO, sub=st.sampled_from([None, 0, 1]))
    def cancel_all(self, who, sub) -> None:
        self.start_step()
        query = {} if sub is None else {"subaccount": sub}
        assert self.harness.call("CancelAllOrders", by=who, **query).status == 204
        self.reference.cancel_matching(account=who, **query)
