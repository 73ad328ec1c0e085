"""Random trading, checked after every operation by invariants, reference and contract."""

from __future__ import annotations

import uuid
from decimal import Decimal

from engine_harness import START
from engine_machine_base import RunCounts
from engine_order_rules import MARKET, PICK, WHO, OrderRules
from engine_reference import ReferenceGroup
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from kalshi_ext.sandbox.engine import admin


class TradingMachine(OrderRules):
    """Three traders send whatever the contract allows, and some of what it does not."""

    @rule(who=WHO, limit=st.sampled_from([1, 5, 20]), shard=st.sampled_from([0, 2]))
    def open_group(self, who, limit, shard) -> None:
        self.start_step()
        body = {"contracts_limit": limit, "exchange_index": shard}
        group = self.harness.call("CreateOrderGroup", body, by=who).body["order_group_id"]
        self.groups.append((who, group))
        self.reference.groups[group] = ReferenceGroup(Decimal(limit))

    @precondition(lambda self: self.groups)
    @rule(pick=PICK, what=st.sampled_from(["Reset", "Trigger", "Delete"]))
    def turn_group(self, pick, what) -> None:
        self.start_step()
        who, name = self.groups[pick % len(self.groups)]
        body = None if what == "Delete" else {}
        path = {"order_group_id": name}
        answer = self.harness.call(f"{what}OrderGroup", body, by=who, path=path, exchange_index=-1)
        assert answer.status == 200
        if what == "Reset":
            self.reference.groups[name] = ReferenceGroup(self.reference.groups[name].limit)
            return
        self.reference.trigger(name)
        if what == "Delete":
            self.groups.remove((who, name))

    @precondition(lambda self: self.groups)
    @rule(pick=PICK, limit=st.sampled_from([1, 5, 20]))
    def limit_group(self, pick, limit) -> None:
        self.start_step()
        who, name = self.groups[pick % len(self.groups)]
        body, path = {"contracts_limit": limit}, {"order_group_id": name}
        self.harness.call("UpdateOrderGroupLimit", body, by=who, path=path, exchange_index=-1)
        group = self.reference.groups[name]
        group.limit = Decimal(limit)
        recent = [count for when, count in group.fills if when > self.reference.now - 15]
        if not group.triggered and sum(recent) > limit:
            self.reference.trigger(name)

    @rule(who=WHO, cents=st.integers(1, 5000), back=st.booleans())
    def between_subaccounts(self, who, cents, back) -> None:
        self.start_step()
        body = {
            "client_transfer_id": str(uuid.uuid4()),
            "amount_cents": cents,
            "from_subaccount": int(back),
            "to_subaccount": int(not back),
        }
        assert self.harness.call("ApplySubaccountTransfer", body, by=who).status in (200, 400)

    @rule(who=WHO, amount=st.integers(1, 500_000), back=st.booleans())
    def between_shards(self, who, amount, back) -> None:
        self.start_step()
        body = {
            "source": "event_contract",
            "destination": "event_contract",
            "amount": amount // 100 * 100,
            "source_exchange_shard": 2 * back,
            "destination_exchange_shard": 2 * (not back),
        }
        answer = self.harness.call("IntraExchangeInstanceTransfer", body, by=who)
        assert answer.status in (200, 400)

    @rule(seconds=st.sampled_from([0.5, 2, 8, 16]))
    def wait(self, seconds) -> None:
        self.start_step()
        self.harness.wait(seconds)
        self.harness.engine.advance(now=self.harness.now)
        self.reference.advance_to((self.harness.now - START).total_seconds())

    @rule(on=st.sampled_from([False, False, True]))
    def pause(self, on) -> None:
        if on == self.paused:
            return
        self.start_step()
        self.paused = on
        self.harness.admin(admin.pause() if on else admin.resume())
        if on:
            self.reference.cancel_matching(on_pause=True)

    @rule(market=MARKET, value=st.sampled_from(["yes", "no", "0.5", "0.37", "0.3333"]), go=PICK)
    def settle(self, market, value, go) -> None:
        if go % 4:
            return
        self.start_step()
        RunCounts.settled += 1
        ticker = self.ticker(market)
        if value in ("yes", "no"):
            self.harness.admin(admin.settle(ticker, value))
        else:
            self.harness.admin(admin.settle(ticker, "scalar", value=value))
        paid = {"yes": Decimal(1), "no": Decimal(0)}.get(value)
        self.reference.settle(ticker, Decimal(value) if paid is None else paid)
        self.list_market(market)

    @rule(who=WHO, limit=st.integers(1, 40))
    def read(self, who, limit) -> None:
        self.start_step()
        for operation, name in (("GetOrders", "orders"), ("GetFills", "fills")):
            ids: list[str] = []
            cursor = ""
            while True:
                body = self.harness.get(operation, by=who, limit=limit, cursor=cursor)
                ids += [row["fill_id" if name == "fills" else "order_id"] for row in body[name]]
                cursor = body["cursor"]
                if not cursor:
                    break
            rows = getattr(self.harness.truth, name)(account=who)
            assert sorted(ids) == sorted(
                row["fill_id" if name == "fills" else "order_id"] for row in rows
            )
