"""Random trading, judged after every operation by the invariants, the model and the contract."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from engine_desk import START, Desk
from engine_model import Group, Model, Resting
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kalshi_ext.sandbox.engine import Answer, admin

TRADERS = ("amy", "bob", "cat")
WHO = st.sampled_from(TRADERS)
SIDE = st.sampled_from(["bid", "ask"])
COUNT = st.sampled_from(["0.01", "0.3", "1", "2.50", "7", "10"])
MARKET = st.sampled_from([0, 0, 0, 1, 2])
CENTS = [f"0.{cents}" for cents in range(48, 53)]
FINE = ["0.4901", "0.5000", "0.5099", "0.0007", "0.9993", "0.50"]
PRICE = st.integers(0, 4)
SUB = st.sampled_from([0, 0, 0, 1])
PICK = st.integers(0, 10**6)
TIF = st.sampled_from(["good_till_canceled"] * 4 + ["immediate_or_cancel", "fill_or_kill"])
RALLY = st.lists(st.tuples(WHO, SIDE, PRICE, COUNT, TIF, PICK), min_size=1, max_size=12)


class Tally:
    """Count over all runs, for the report."""

    commands = 0
    accepted = 0
    trades = 0
    settled = 0


class Trading(RuleBasedStateMachine):
    """Three traders, three markets at a time, two subaccounts, two shards."""

    @initialize(poor=st.booleans(), seed=st.integers(0, 3))
    def open(self, poor: bool, seed: int) -> None:
        self.desk = Desk(seed=seed)
        self.model = Model()
        self.tickers: list[str] = []
        self.fees = [("0.07", "0"), ("0.07", "0.0175"), ("0.035", "0.01")]
        for _ in range(3):
            self.list_market(len(self.tickers))
        self.desk.admin(admin.add_account("cat", subaccounts=2))
        for name in TRADERS:
            if poor and name == "bob":
                self.desk.admin(admin.fund(name, "-985"))
            else:
                self.desk.admin(admin.fund(name, "500", subaccount=1))
                self.desk.admin(admin.fund(name, "500", exchange_index=2))
        self.cash = {name: self.money(name) for name in TRADERS}
        self.placed: list[str] = []
        self.groups: list[tuple[str, str]] = []
        self.paused = False

    def list_market(self, at: int) -> None:
        ticker = f"M{len(self.tickers)}-{at % 3}"
        bands = [{"start": "0.0001", "end": "0.9999", "step": "0.0001"}] if at % 3 == 1 else None
        taker, maker = self.fees[at % 3]
        command = admin.add_market(
            ticker,
            exchange_index=2 if at % 3 == 2 else 0,
            price_ranges=bands,
            fee_rate=taker,
            maker_fee_rate=maker,
        )
        self.desk.admin(command)
        self.tickers.append(ticker)
        self.model.rates[ticker] = (taker, maker)

    def ticker(self, market: int) -> str:
        return next(t for t in reversed(self.tickers) if t.endswith(str(market)))

    def price(self, market: int, at: int) -> str:
        return FINE[at % len(FINE)] if market == 1 else CENTS[at]

    def money(self, name: str) -> Decimal:
        return sum(
            (Decimal(row["cash"]) for row in self.desk.truth.balances(account=name)), Decimal()
        )

    def told(self, answer: Answer, order: Resting) -> None:
        """Tell the model of an accepted order and compare the trades."""
        if answer.status >= 300:
            assert answer.status in (400, 409), answer
            return
        Tally.accepted += 1
        self.placed.append(order.id)
        self.model.accept(order)
        self.compare_trades()

    def compare_trades(self) -> None:
        events = self.desk.truth.events(since=self.seen)
        fills = [event.data for event in events if event.kind == "fill"]
        pairs = zip(fills[::2], fills[1::2], strict=True)
        found = [
            (maker["order_id"], taker["order_id"], Decimal(maker["price"]), Decimal(maker["count"]))
            for maker, taker in pairs
        ]
        assert found == self.model.trades
        Tally.trades += len(found)
        self.model.trades.clear()

    def before(self) -> None:
        self.seen = len(self.desk.truth.events())
        Tally.commands += 1

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
        self.before()
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
            when = int(self.desk.now.timestamp()) + expires
            body["expiration_time"] = when
        if group and group[0] == who:
            body["order_group_id"] = group[1]
        answer = self.desk.order(side, price, count, by=who, **body)
        order = Resting(
            id=answer.body.get("order_id", ""),
            account=who,
            subaccount=sub,
            ticker=ticker,
            bid=side == "bid",
            price=Decimal(price),
            left=Decimal(count),
            stp=stp,
            tif=tif,
            group=body.get("order_group_id"),
            on_pause="cancel_order_on_pause" in flags,
            expires=None if when is None else when - START.timestamp(),
        )
        self.told(answer, order)

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
        self.before()
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
        answer = self.desk.call("createOrder", body, by=who)
        order = Resting(
            id=answer.body.get("order", {}).get("order_id", ""),
            account=who,
            subaccount=0,
            ticker=ticker,
            bid=bid,
            price=Decimal(cents) / 100,
            left=Decimal(count),
        )
        self.told(answer, order)

    @rule(who=WHO, side=SIDE, market=MARKET, count=COUNT)
    def reduce(self, who, side, market, count) -> None:
        self.before()
        ticker = self.ticker(market)
        price = "0.99" if side == "bid" else "0.01"
        held = self.model.held[who, 0, ticker]
        answer = self.desk.order(
            side,
            price,
            count,
            by=who,
            ticker=ticker,
            reduce_only=True,
            time_in_force="immediate_or_cancel",
        )
        capped = min(Decimal(count), max(-held if side == "bid" else held, Decimal(0)))
        assert capped or answer.status >= 400
        order = Resting(
            id=answer.body.get("order_id", ""),
            account=who,
            subaccount=0,
            ticker=ticker,
            bid=side == "bid",
            price=Decimal(price),
            left=capped,
            tif="immediate_or_cancel",
        )
        self.told(answer, order)
        assert abs(self.model.held[who, 0, ticker]) <= abs(held)

    def some(self, pick: int) -> Resting | None:
        return self.model.book[pick % len(self.model.book)] if self.model.book else None

    @rule(pick=PICK)
    def cancel(self, pick) -> None:
        order = self.some(pick)
        if order is None:
            return
        self.before()
        query = {"subaccount": order.subaccount, "market_ticker": order.ticker}
        answer = self.desk.cancel(order.id, by=order.account, **query)
        assert Decimal(answer.body["reduced_by"]) == order.left
        self.model.drop(id=order.id)

    @rule(pick=PICK)
    def cancel_what_is_over(self, pick) -> None:
        order_id = self.placed[pick % len(self.placed)] if self.placed else "none"
        if self.model.find(order_id) is None:
            self.before()
            assert self.desk.cancel(order_id, exchange_index=-1).status == 404

    @rule(pick=PICK, by=COUNT, to=st.booleans())
    def decrease(self, pick, by, to) -> None:
        order = self.some(pick)
        if order is None:
            return
        self.before()
        body = {"reduce_to" if to else "reduce_by": by, "exchange_index": -1}
        path = {"order_id": order.id}
        answer = self.desk.call(
            "DecreaseOrderV2", body, by=order.account, path=path, subaccount=order.subaccount
        )
        wanted = Decimal(by) if to else order.left - Decimal(by)
        order.left = max(min(order.left, wanted), Decimal(0))
        assert Decimal(answer.body["remaining_count"]) == order.left
        if not order.left:
            self.model.drop(id=order.id)

    @rule(pick=PICK, at=PRICE, more=COUNT, same=st.booleans())
    def amend(self, pick, at, more, same) -> None:
        order = self.some(pick)
        if order is None:
            return
        self.before()
        market = int(order.ticker[-1])
        price = f"{order.price:.4f}" if same else self.price(market, at)
        body = {
            "ticker": order.ticker,
            "side": "bid" if order.bid else "ask",
            "price": price,
            "count": f"{order.filled + Decimal(more):.2f}",
        }
        answer = self.desk.call(
            "AmendOrderV2",
            body,
            by=order.account,
            path={"order_id": order.id},
            subaccount=order.subaccount,
        )
        if answer.status != 200:
            assert answer.status in (400, 409), answer
            return
        keeps = Decimal(price) == order.price and Decimal(more) <= order.left
        order.price, order.left = Decimal(price), Decimal(more)
        if not keeps:
            self.model.drop(id=order.id)
            self.model.accept(order)
        self.compare_trades()

    @rule(who=WHO, sub=st.sampled_from([None, 0, 1]))
    def cancel_all(self, who, sub) -> None:
        self.before()
        query = {} if sub is None else {"subaccount": sub}
        assert self.desk.call("CancelAllOrders", by=who, **query).status == 204
        self.model.drop(account=who, **query)

    @rule(who=WHO, limit=st.sampled_from([1, 5, 20]), shard=st.sampled_from([0, 2]))
    def open_group(self, who, limit, shard) -> None:
        self.before()
        body = {"contracts_limit": limit, "exchange_index": shard}
        group = self.desk.call("CreateOrderGroup", body, by=who).body["order_group_id"]
        self.groups.append((who, group))
        self.model.groups[group] = Group(Decimal(limit))

    @precondition(lambda self: self.groups)
    @rule(pick=PICK, what=st.sampled_from(["Reset", "Trigger", "Delete"]))
    def turn_group(self, pick, what) -> None:
        self.before()
        who, name = self.groups[pick % len(self.groups)]
        body = None if what == "Delete" else {}
        path = {"order_group_id": name}
        answer = self.desk.call(f"{what}OrderGroup", body, by=who, path=path, exchange_index=-1)
        assert answer.status == 200
        if what == "Reset":
            self.model.groups[name] = Group(self.model.groups[name].limit)
            return
        self.model.trigger(name)
        if what == "Delete":
            self.groups.remove((who, name))

    @precondition(lambda self: self.groups)
    @rule(pick=PICK, limit=st.sampled_from([1, 5, 20]))
    def limit_group(self, pick, limit) -> None:
        self.before()
        who, name = self.groups[pick % len(self.groups)]
        body, path = {"contracts_limit": limit}, {"order_group_id": name}
        self.desk.call("UpdateOrderGroupLimit", body, by=who, path=path, exchange_index=-1)
        group = self.model.groups[name]
        group.limit = Decimal(limit)
        recent = [count for when, count in group.fills if when > self.model.now - 15]
        if not group.triggered and sum(recent) > limit:
            self.model.trigger(name)

    @rule(who=WHO, cents=st.integers(1, 5000), back=st.booleans())
    def between_subaccounts(self, who, cents, back) -> None:
        self.before()
        body = {
            "client_transfer_id": str(uuid.uuid4()),
            "amount_cents": cents,
            "from_subaccount": int(back),
            "to_subaccount": int(not back),
        }
        assert self.desk.call("ApplySubaccountTransfer", body, by=who).status in (200, 400)

    @rule(who=WHO, amount=st.integers(1, 500_000), back=st.booleans())
    def between_shards(self, who, amount, back) -> None:
        self.before()
        body = {
            "source": "event_contract",
            "destination": "event_contract",
            "amount": amount // 100 * 100,
            "source_exchange_shard": 2 * back,
            "destination_exchange_shard": 2 * (not back),
        }
        answer = self.desk.call("IntraExchangeInstanceTransfer", body, by=who)
        assert answer.status in (200, 400)

    @rule(seconds=st.sampled_from([0.5, 2, 8, 16]))
    def wait(self, seconds) -> None:
        self.before()
        self.desk.later(seconds)
        self.desk.engine.advance(now=self.desk.now)
        self.model.wait((self.desk.now - START).total_seconds())

    @rule(on=st.sampled_from([False, False, True]))
    def pause(self, on) -> None:
        if on == self.paused:
            return
        self.before()
        self.paused = on
        self.desk.admin(admin.pause() if on else admin.resume())
        if on:
            self.model.drop(on_pause=True)

    @rule(market=MARKET, value=st.sampled_from(["yes", "no", "0.5", "0.37", "0.3333"]), go=PICK)
    def settle(self, market, value, go) -> None:
        if go % 4:
            return
        self.before()
        Tally.settled += 1
        ticker = self.ticker(market)
        if value in ("yes", "no"):
            self.desk.admin(admin.settle(ticker, value))
        else:
            self.desk.admin(admin.settle(ticker, "scalar", value=value))
        paid = {"yes": Decimal(1), "no": Decimal(0)}.get(value)
        self.model.settle(ticker, Decimal(value) if paid is None else paid)
        self.list_market(market)

    @rule(who=WHO, limit=st.integers(1, 40))
    def read(self, who, limit) -> None:
        self.before()
        for operation, name in (("GetOrders", "orders"), ("GetFills", "fills")):
            found: list[str] = []
            cursor = ""
            while True:
                body = self.desk.get(operation, by=who, limit=limit, cursor=cursor)
                found += [row["fill_id" if name == "fills" else "order_id"] for row in body[name]]
                cursor = body["cursor"]
                if not cursor:
                    break
            truth = getattr(self.desk.truth, name)(account=who)
            assert sorted(found) == sorted(
                row["fill_id" if name == "fills" else "order_id"] for row in truth
            )

    @invariant()
    def books_and_money_are_the_models(self) -> None:
        if not hasattr(self, "cash"):
            return
        markets = self.desk.engine._ex.markets
        for ticker in map(self.ticker, range(3)):
            book = self.desk.truth.book(ticker)
            for bid, name in ((True, "bids"), (False, "asks")):
                assert book[name] == self.model.depth(ticker, bid=bid)
                turns = [order.id for order in markets[ticker].side(bid=bid).orders()]
                assert turns == self.model.queue(ticker, bid=bid)
        for name in TRADERS:
            self.compare_account(name)

    def compare_account(self, name: str) -> None:
        assert self.money(name) == self.cash[name] + self.model.cash[name]
        for row in self.desk.truth.balances(account=name):
            sub, shard = row["subaccount"], row["exchange_index"]
            tickers = [t for t in map(self.ticker, range(3)) if (t[-1] == "2") == (shard == 2)]
            held = sum((self.model.reserved(name, sub, t) for t in tickers), Decimal(0))
            assert Decimal(row["reserved"]) == held, (name, sub, shard)
        for group in self.desk.truth.groups(account=name):
            assert group["triggered"] == self.model.groups[group["id"]].triggered

    def teardown(self) -> None:
        if hasattr(self, "cash"):
            self.desk.engine.check_invariants(history=True)
