"""Transfers between shards and exchange instances, and target allocations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import access, ledger, pages
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import SECOND
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, BodyFields, body_fields
from kalshi_ext.sandbox.engine.records import InstanceTransfer
from kalshi_ext.sandbox.engine.refusals import (
    ApiError,
    insufficient_balance,
    invalid_parameters,
    not_found,
)
from kalshi_ext.sandbox.engine.rows import instance_transfer_row
from kalshi_ext.sandbox.engine.subaccounts import check_transfer_id, parse_transfer_id

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import CashBalance, TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

INSTANCES = ("event_contract", "margined")
CENTICENT = 100
"""1/100 cent in micro-dollars: the unit of a transfer request's amount."""
RESERVATIONS = ("none", "max", "sum")


def transfer_between_shards(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do IntraExchangeInstanceTransfer: integer centicents in, dollars out."""
    access.require_unlocked_key(request)
    body = body_fields(request)
    body.require("source", "destination", "amount")
    client_id = parse_transfer_id(body)
    if client_id:
        check_transfer_id(account, client_id)
    row = _parse_instance_transfer(state, account, body)
    source = body.bounded_integer("source_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    _start_transfer(state, account, access.require_subaccount(account, source), row)
    account.transfer_ids.update([client_id] if client_id else [])
    return Answer(200, {"transfer_id": row.id})


def _parse_instance_transfer(
    state: ExchangeState, account: TradingAccount, body: BodyFields
) -> InstanceTransfer:
    shards = [
        body.bounded_integer(name, least=0, most=LAST_SHARD) or 0
        for name in ("source_exchange_shard", "destination_exchange_shard")
    ]
    subaccount = body.bounded_integer("destination_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    for shard in shards:
        _check_shard(state, shard)
    return InstanceTransfer(
        id="",
        created=state.now,
        source=body.choice("source", INSTANCES),
        destination=body.choice("destination", INSTANCES),
        source_shard=shards[0],
        destination_shard=shards[1],
        destination_subaccount=access.require_subaccount(account, subaccount),
        amount=(body.bounded_integer("amount", least=1, most=10**15) or 0) * CENTICENT,
    )


def _check_shard(state: ExchangeState, shard: int) -> None:
    if shard not in state.shards:
        raise invalid_parameters("exchange shard does not exist", str(shard))
    if shard in state.pauses.transfers or shard in state.pauses.exchange:
        raise ApiError(503, "service_unavailable", "transfers are paused")


def _instance_balance(
    account: TradingAccount, instance: str, subaccount: int, shard: int
) -> CashBalance:
    if instance == "margined":
        return account.margined_balance(subaccount, shard)
    return account.balance(subaccount, shard)


def _start_transfer(
    state: ExchangeState, account: TradingAccount, subaccount: int, row: InstanceTransfer
) -> None:
    source = (row.source, subaccount, row.source_shard)
    if source == (row.destination, row.destination_subaccount, row.destination_shard):
        raise invalid_parameters("source and destination are the same")
    balances = account.margined_balances if row.source == "margined" else account.balances
    balance = balances.get((subaccount, row.source_shard))
    if balance is None or balance.available < row.amount:
        raise insufficient_balance()
    ledger.move_cash(state, balance, -row.amount)
    target = _instance_balance(
        account, row.destination, row.destination_subaccount, row.destination_shard
    )
    row.id = state.new_id()
    account.in_transit += row.amount
    state.insert_sorted(account.transfers, row)
    seconds = state.settings.instance_transfer_seconds
    if seconds:
        state.schedule(
            state.now + seconds * SECOND, partial(_finish_transfer, state, account, row, target)
        )
    else:
        _finish_transfer(state, account, row, target)


def _finish_transfer(
    state: ExchangeState, account: TradingAccount, row: InstanceTransfer, target: CashBalance
) -> None:
    account.in_transit -= row.amount
    ledger.move_cash(state, target, row.amount)
    row.done = True
    state.record_event("transfer", account=account.name, **instance_transfer_row(row))


def get_instance_transfers(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfers."""
    access.require_unlocked_key(request)
    page = pages.parse_page_request(request.query, "instance_transfers", most=500)
    found = state.visible_rows(pages.newest_first(account.transfers, page))
    return Answer(
        200, pages.page_body("transfers", found, page, state.settings, instance_transfer_row)
    )


def get_instance_transfer(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfer."""
    access.require_unlocked_key(request)
    for row in state.visible_rows(reversed(account.transfers)):
        if row.id == request.path["transfer_id"]:
            return Answer(200, {"transfer": instance_transfer_row(row)})
    raise not_found()


def get_allocation(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetTargetBalanceAllocation."""
    access.require_unlocked_key(request)
    rows = [{"exchange_index": k, "percent": v} for k, v in sorted(account.allocations.items())]
    return Answer(
        200, {"allocations": rows, "resting_margin_reservation": state.reservation_mode(account)}
    )


def set_allocation(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do SetTargetBalanceAllocation: percents of 100 in all."""
    access.require_unlocked_key(request)
    body = body_fields(request)
    rows = [BodyFields(raw) for raw in body.entries("allocations", 101)]
    wanted: dict[int, int] = {}
    for row in rows:
        row.require("exchange_index", "percent")
        shard = row.bounded_integer("exchange_index", least=0, most=LAST_SHARD) or 0
        if shard in wanted or shard not in state.shards:
            raise invalid_parameters("exchange_index is unknown or named twice", str(shard))
        wanted[shard] = row.bounded_integer("percent", least=0, most=100) or 0
    if sum(wanted.values()) != 100:
        raise invalid_parameters("percents must add up to 100", str(sum(wanted.values())))
    _set_reservation(state, account, body.choice("resting_margin_reservation", RESERVATIONS))
    account.allocations = wanted
    if state.settings.allocation_sweep == "at_once":
        _move_to_targets(state, account)
    return Answer(200, {})


def _move_to_targets(state: ExchangeState, account: TradingAccount) -> None:
    # what orders hold back stays where it is; the first shard takes what does not divide
    free = {shard: max(account.available(0, shard), 0) for shard in sorted(state.shards)}
    total = sum(free.values())
    wanted = {shard: total * account.allocations.get(shard, 0) // 100 for shard in free}
    wanted[min(account.allocations)] += total - sum(wanted.values())
    for shard, share in wanted.items():
        if share != free[shard]:
            ledger.move_cash(state, account.balance(0, shard), share - free[shard])


def _set_reservation(state: ExchangeState, account: TradingAccount, mode: str) -> None:
    if not mode:
        return
    before, account.reservation = account.reservation, mode
    for holding in account.holdings.values():
        ledger.update_reserve(state, account, holding)
    if any(balance.available < 0 for balance in account.balances.values()):
        account.reservation = before
        for holding in account.holdings.values():
            ledger.update_reserve(state, account, holding)
        raise insufficient_balance()
