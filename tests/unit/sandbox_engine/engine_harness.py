"""A harness around the engine: a clock under control and short methods for requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from engine_contract import check_against_contract

from kalshi_ext.sandbox.engine import Admin, Answer, ApiRequest, Caller, Engine, Settings, admin

START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
TICKER = "KXTEST-26NOV23-A"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
"""An order id that no order has."""


class Harness:
    """Hold an engine, a clock and two funded accounts, amy and bob."""

    def __init__(self, *, funds: str = "1000", precision: str = "0.0001", **settings: Any) -> None:
        """Open one market on shard 0. No rate limits, unless they are asked for."""
        settings = {"classic_writes": "served", "rate_limits": False} | settings
        # What was recorded differs from the documents: nothing can judge it by them.
        self.is_documented = settings.get("classic_dialect") != "recorded"
        self.engine = Engine(Settings.from_mapping(settings))
        self.now = START
        self.log: list[tuple[datetime, Any]] = []
        self.admin(admin.add_market(TICKER))
        for name in ("amy", "bob"):
            account = admin.add_account(name, funds=funds, subaccounts=2, precision=precision)
            self.admin(account)

    @property
    def truth(self) -> Any:
        return self.engine.truth

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def execute(self, command: Any) -> Answer:
        answer = self.engine.execute(command, now=self.now)
        self.log.append((self.engine.now, command))
        self.engine.check_invariants()
        return answer

    def admin(self, command: Admin) -> dict[str, Any]:
        answer = self.execute(command)
        assert answer.status == 200, answer
        return answer.body

    def call(
        self,
        operation: str,
        body: Any = None,
        *,
        by: str | Caller = "amy",
        path: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        caller = Caller(by) if isinstance(by, str) else by
        texts = {name: str(value) for name, value in query.items()}
        kind = "absent" if body is None else "json"
        answer = self.execute(ApiRequest(operation, caller, path or {}, texts, body, kind))
        if self.is_documented:
            check_against_contract(operation, answer.status, answer.body)
        return answer

    def get(self, operation: str, *, by: str | Caller = "amy", **query: object) -> Any:
        answer = self.call(operation, by=by, **query)
        assert answer.status == 200, answer
        return answer.body

    def order(
        self, side: str, price: str, count: str = "10", /, by: str | Caller = "amy", **more: Any
    ) -> Answer:
        body = {
            "ticker": TICKER,
            "side": side,
            "price": price,
            "count": count,
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        return self.call("CreateOrderV2", body | more, by=by)

    def place(self, side: str, price: str, count: str = "10", /, **more: Any) -> str:
        """Place an order that must be accepted; return its id."""
        answer = self.order(side, price, count, **more)
        assert answer.status == 201, answer
        return str(answer.body["order_id"])

    def stored_order(self, order_id: str) -> dict[str, Any]:
        """Give an order as it is, whatever lagging reads show."""
        row = self.truth.order(order_id)
        assert row is not None
        return row

    def cancel(self, order_id: str, *, by: str | Caller = "amy", **query: object) -> Answer:
        return self.call("CancelOrderV2", by=by, path={"order_id": order_id}, **query)

    def amend(
        self, order_id: str, side: str, price: str, count: str, *, by: str = "amy", **more: Any
    ) -> Answer:
        body = {"ticker": TICKER, "side": side, "price": price, "count": count} | more
        return self.call("AmendOrderV2", body, by=by, path={"order_id": order_id})

    def cash(self, account: str, *, subaccount: int = 0, shard: int = 0) -> str:
        for row in self.truth.balances(account=account):
            where = (row["instance"], row["subaccount"], row["exchange_index"])
            if where == ("event_contract", subaccount, shard):
                return str(row["cash"])
        raise AssertionError(f"{account} has no balance {subaccount}/{shard}")

    def book(self) -> tuple[list[list[str]], list[list[str]]]:
        book = self.truth.book(TICKER)
        return book["bids"], book["asks"]


def error_code(answer: Answer) -> tuple[int, str]:
    """Give the status and code of a refusal, in whichever shape it came."""
    return answer.status, answer.body.get("error", answer.body)["code"]
