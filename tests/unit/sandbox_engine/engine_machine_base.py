"""What random trading happens on: traders and markets, and the comparison after each step."""

from __future__ import annotations

from decimal import Decimal

from engine_harness import Harness
from engine_reference import ReferenceExchange, ReferenceOrder
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from kalshi_ext.sandbox.engine import Answer, admin

TRADERS = ("amy", "bob", "cat")
CENTS = [f"0.{cents}" for cents in range(48, 53)]
FINE = ["0.4901", "0.5000", "0.5099", "0.0007", "0.9993", "0.50"]


class RunCounts:
    """Count over all runs, for the report."""

    commands = 0
    accepted = 0
    trades = 0
    settled = 0


class MachineBase(RuleBasedStateMachine):
    """Hold three traders, three markets at a time, two subaccounts, two shards."""

    @initialize(poor=st.booleans(), seed=st.integers(0, 3))
    def open(self, poor: bool, seed: int) -> None:
        self.harness = Harness(seed=seed, precision="0.01")
        self.reference = ReferenceExchange()
        self.tickers: list[str] = []
        self.fees = [("0.07", "0"), ("0.07", "0.0175"), ("0.035", "0.01")]
        for _ in range(3):
            self.list_market(len(self.tickers))
        self.harness.admin(admin.add_account("cat", subaccounts=2, precision="0.01"))
        for name in TRADERS:
            if poor and name == "bob":
                self.harness.admin(admin.fund(name, "-985"))
            else:
                self.harness.admin(admin.fund(name, "500", subaccount=1))
                self.harness.admin(admin.fund(name, "500", exchange_index=2))
        self.cash = {name: self.total_cash(name) for name in TRADERS}
        self.order_ids: list[str] = []
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
        self.harness.admin(command)
        self.tickers.append(ticker)
        self.reference.rates[ticker] = (taker, maker)

    def ticker(self, market: int) -> str:
        return next(t for t in reversed(self.tickers) if t.endswith(str(market)))

    def price(self, market: int, at: int) -> str:
        return FINE[at % len(FINE)] if market == 1 else CENTS[at]

    def total_cash(self, name: str) -> Decimal:
        return sum(
            (Decimal(row["cash"]) for row in self.harness.truth.balances(account=name)), Decimal()
        )

    def apply_to_reference(self, answer: Answer, order: ReferenceOrder) -> None:
        """Give the reference an accepted order and compare the trades."""
        if answer.status >= 300:
            # 404: an account without collateral on the shard is not known there
            assert answer.status in (400, 404, 409), answer
            return
        RunCounts.accepted += 1
        self.order_ids.append(order.id)
        self.reference.accept(order)
        self.compare_trades()

    def compare_trades(self) -> None:
        events = self.harness.truth.events(since=self.events_seen)
        fills = [event.data for event in events if event.kind == "fill"]
        pairs = zip(fills[::2], fills[1::2], strict=True)
        trades = [
            (maker["order_id"], taker["order_id"], Decimal(maker["price"]), Decimal(maker["count"]))
            for maker, taker in pairs
        ]
        assert trades == self.reference.trades
        RunCounts.trades += len(trades)
        self.reference.trades.clear()

    def start_step(self) -> None:
        self.events_seen = len(self.harness.truth.events())
        RunCounts.commands += 1

    def pick_order(self, pick: int) -> ReferenceOrder | None:
        return self.reference.book[pick % len(self.reference.book)] if self.reference.book else None

    @invariant()
    def books_and_cash_match_the_reference(self) -> None:
        if not hasattr(self, "cash"):
            return
        markets = self.harness.engine._state.markets
        for ticker in map(self.ticker, range(3)):
            book = self.harness.truth.book(ticker)
            for bid, name in ((True, "bids"), (False, "asks")):
                assert book[name] == self.reference.depth(ticker, bid=bid)
                queue = [order.id for order in markets[ticker].side(bid=bid).orders()]
                assert queue == self.reference.queue(ticker, bid=bid)
        for name in TRADERS:
            self.compare_account(name)

    def compare_account(self, name: str) -> None:
        assert self.total_cash(name) == self.cash[name] + self.reference.cash[name]
        for row in self.harness.truth.balances(account=name):
            sub, shard = row["subaccount"], row["exchange_index"]
            tickers = [t for t in map(self.ticker, range(3)) if (t[-1] == "2") == (shard == 2)]
            reserved = sum((self.reference.reserved(name, sub, t) for t in tickers), Decimal(0))
            assert Decimal(row["reserved"]) == reserved, (name, sub, shard)
        for group in self.harness.truth.groups(account=name):
            assert group["triggered"] == self.reference.groups[group["id"]].triggered

    def teardown(self) -> None:
        if hasattr(self, "cash"):
            self.harness.engine.check_invariants(history=True)
