"""Transfers between shards and exchange instances, and target allocations."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import ledger
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.commands import Answer
from kalshi_ext.sandbox.engine.errors import (
    ApiError,
    bad_request,
    insufficient_balance,
    invalid_parameters,
    not_found,
)
from kalshi_ext.sandbox.engine.fixed_point import CENT, SECOND, format_dollars
from kalshi_ext.sandbox.engine.pagination import (
    list_field,
    newest_first,
    page_answer,
    parse_page_request,
)
from kalshi_ext.sandbox.engine.records import InstanceTransfer, SubaccountTransfer
from kalshi_ext.sandbox.engine.request_parsing import (
    BodyFields,
    acting_subaccount,
    allowed_subaccount,
    body_fields,
    optional_body_fields,
    require_subaccount,
    require_unlocked_key,
)
from kalshi_ext.sandbox.engine.serializers import instance_transfer_row, subaccount_transfer_row
from kalshi_ext.sandbox.engine.state import row_as_of

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import CashBalance, TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
    from kalshi_ext.sandbox.engine.state import EngineState
if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.commands import Call
    from kalshi_ext.sandbox.engine.state import EngineState


INSTANCES = ("event_contract", "margined")
CENTICENT = 100
"""1/100 cent in micro-dollars: the unit of a transfer request's amount."""
RESERVATIONS = ("none", "max", "sum")


def transfer_between_shards(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do IntraExchangeInstanceTransfer: integer centicents in, dollars out."""
    require_unlocked_key(request)
    body = body_fields(request)
    body.require("source", "destination", "amount")
    client_id = parse_transfer_id(body)
    if client_id:
        check_transfer_id(account, client_id)
    row = _parse_instance_transfer(state, account, body)
    source = body.subaccount("source_subaccount") or 0
    _start_transfer(state, account, require_subaccount(account, source), row)
    account.transfer_ids.update([client_id] if client_id else [])
    return Answer(200, {"transfer_id": row.id})


def _parse_instance_transfer(
    state: EngineState, account: TradingAccount, body: BodyFields
) -> InstanceTransfer:
    shards = [
        body.shard(name, least=0) or 0
        for name in ("source_exchange_shard", "destination_exchange_shard")
    ]
    subaccount = body.subaccount("destination_subaccount") or 0
    for shard in shards:
        _check_shard(state, shard)
    return InstanceTransfer(
        id="",
        created=state.now,
        source=body.choice("source", INSTANCES),
        destination=body.choice("destination", INSTANCES),
        source_shard=shards[0],
        destination_shard=shards[1],
        destination_subaccount=require_subaccount(account, subaccount),
        amount=(body.bounded_integer("amount", least=1, most=10**15) or 0) * CENTICENT,
    )


def _check_shard(state: EngineState, shard: int) -> None:
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
    state: EngineState, account: TradingAccount, subaccount: int, row: InstanceTransfer
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
    state: EngineState, account: TradingAccount, row: InstanceTransfer, target: CashBalance
) -> None:
    account.in_transit -= row.amount
    ledger.move_cash(state, target, row.amount)
    row.done = True
    state.record_event("transfer", account=account.name, **instance_transfer_row(row))


def get_instance_transfers(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfers."""
    require_unlocked_key(request)
    page = parse_page_request(request.query, "instance_transfers", most=500)
    found = state.visible_rows(newest_first(account.transfers, page))
    return page_answer("transfers", found, page, state.settings, instance_transfer_row)


def get_instance_transfer(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfer."""
    require_unlocked_key(request)
    for row in state.visible_rows(reversed(account.transfers)):
        if row.id == request.path["transfer_id"]:
            return Answer(200, {"transfer": instance_transfer_row(row)})
    raise not_found()


def get_allocation(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetTargetBalanceAllocation."""
    require_unlocked_key(request)
    rows = [{"exchange_index": k, "percent": v} for k, v in sorted(account.allocations.items())]
    return Answer(
        200, {"allocations": rows, "resting_margin_reservation": state.reservation_mode(account)}
    )


def set_allocation(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do SetTargetBalanceAllocation: percents of 100 in all."""
    require_unlocked_key(request)
    body = body_fields(request)
    rows = [BodyFields(raw) for raw in body.entries("allocations", 101)]
    wanted: dict[int, int] = {}
    for row in rows:
        row.require("exchange_index", "percent")
        shard = row.shard(least=0) or 0
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


def _move_to_targets(state: EngineState, account: TradingAccount) -> None:
    # what orders hold back stays where it is; the first shard takes what does not divide
    free = {shard: max(account.available(0, shard), 0) for shard in sorted(state.shards)}
    total = sum(free.values())
    wanted = {shard: total * account.allocations.get(shard, 0) // 100 for shard in free}
    wanted[min(account.allocations)] += total - sum(wanted.values())
    for shard, share in wanted.items():
        if share != free[shard]:
            ledger.move_cash(state, account.balance(0, shard), share - free[shard])


def _set_reservation(state: EngineState, account: TradingAccount, mode: str) -> None:
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


# MERGED """Subaccounts 0-63: opening, transfers between them, netting, target allocations."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def create_subaccount(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do CreateSubaccount: the lowest number not in use."""
    require_unlocked_key(request)
    if state.settings.subaccount_tier == "advanced" and account.tier == "basic":
        raise ApiError(403, "subaccount_creation_requires_advanced_api_usage_level", "basic level")
    shard = max(
        optional_body_fields(request).shard() or 0,
        0,
    )
    if shard not in state.shards:
        raise invalid_parameters("exchange_index does not exist", str(shard))
    number = open_next_subaccount(state, account, shard)
    return Answer(201, {"subaccount_number": number})


def open_next_subaccount(state: EngineState, account: TradingAccount, shard: int = 0) -> int:
    """Open the next subaccount; 400 when all are open."""
    number = len(account.subaccounts)
    if number > LAST_SUBACCOUNT:
        raise invalid_parameters(f"no more than {LAST_SUBACCOUNT} subaccounts")
    account.subaccounts.add(number)
    account.balance(number, shard).updated = state.now
    state.record_event("account", account=account.name, subaccount=number, what="subaccount")
    return number


def parse_transfer_id(body: BodyFields, name: str = "client_transfer_id") -> str:
    """Read an id, which must be a UUID; lower case."""
    text = body.string(name)
    if text and not _UUID.fullmatch(text):
        raise bad_request(f"{name} must be a UUID")
    return text.lower()


def check_transfer_id(account: TradingAccount, client_id: str) -> None:
    """Answer 409 for a transfer that was applied before, whatever it said."""
    if client_id in account.transfer_ids:
        raise ApiError(409, "transfer_already_applied", "transfer already applied")


def transfer_between_subaccounts(
    state: EngineState, account: TradingAccount, request: Call
) -> Answer:
    """Do ApplySubaccountTransfer: integer cents."""
    require_unlocked_key(request)
    body = body_fields(request)
    body.require("client_transfer_id", "from_subaccount", "to_subaccount", "amount_cents")
    client_id = parse_transfer_id(body)
    check_transfer_id(account, client_id)
    source, destination = _source_and_destination(account, body)
    shard = max(body.shard() or 0, 0)
    cents = body.bounded_integer("amount_cents", least=1, most=10**15) or 0
    _move_between_subaccounts(state, account, source, destination, cents, shard)
    account.transfer_ids.add(client_id)
    return Answer(200, {})


def _source_and_destination(account: TradingAccount, body: BodyFields) -> tuple[int, int]:
    source = body.subaccount("from_subaccount") or 0
    destination = body.subaccount("to_subaccount") or 0
    if source == destination:
        raise invalid_parameters("from_subaccount and to_subaccount are the same")
    return require_subaccount(account, source), require_subaccount(account, destination)


def _move_between_subaccounts(
    state: EngineState,
    account: TradingAccount,
    source: int,
    destination: int,
    cents: int,
    shard: int,
) -> None:
    if account.available(source, shard) < cents * CENT:
        raise insufficient_balance()
    ledger.move_cash(state, account.balance(source, shard), -cents * CENT)
    ledger.move_cash(state, account.balance(destination, shard), cents * CENT)
    row = SubaccountTransfer(
        id=state.new_id(),
        created=state.now,
        source=source,
        destination=destination,
        cents=cents,
        shard=shard,
    )
    state.insert_sorted(account.subaccount_transfers, row)
    state.record_event("transfer", account=account.name, **subaccount_transfer_row(row))


def get_subaccount_transfers(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSubaccountTransfers."""
    page = parse_page_request(request.query, "subaccount_transfers")
    locked = allowed_subaccount(request, None)
    found = (
        row
        for row in state.visible_rows(newest_first(account.subaccount_transfers, page))
        if locked in (None, row.source, row.destination)
    )
    return page_answer("transfers", found, page, state.settings, subaccount_transfer_row)


def get_subaccount_balances(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSubaccountBalances: one row for each subaccount and shard in use."""
    locked, as_of = allowed_subaccount(request, None), state.as_of()
    rows: list[dict[str, Any]] = []
    for (number, shard), balance in sorted(account.balances.items()):
        if locked in (None, number):
            row = row_as_of(balance, as_of)
            shown = row.cash if state.settings.balance_shows == "cash" else row.available
            rows.append(
                {
                    "subaccount_number": number,
                    "exchange_index": shard,
                    "balance": format_dollars(shown),
                    "updated_ts": row.updated // 1_000_000,
                }
            )
    return Answer(200, list_field("subaccount_balances", rows, state.settings))


def get_netting(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSubaccountNetting."""
    locked = allowed_subaccount(request, None)
    rows = [
        {
            "subaccount_number": number,
            "enabled": account.netting.get((number, shard), False),
            "exchange_index": shard,
        }
        for number, shard in sorted(account.balances)
        if locked in (None, number)
    ]
    return Answer(200, list_field("netting_configs", rows, state.settings))


def set_netting(state: EngineState, account: TradingAccount, request: Call) -> Answer:
    """Do UpdateSubaccountNetting: kept and told; it changes no collateral here (unknown)."""
    body = body_fields(request)
    body.require("subaccount_number", "enabled")
    number = body.subaccount("subaccount_number")
    number = require_subaccount(account, acting_subaccount(request, number))
    enabled = body.boolean("enabled")
    for subaccount, shard in account.balances:
        if subaccount == number:
            account.netting[number, shard] = enabled
    state.record_event(
        "account", account=account.name, subaccount=number, what="netting", enabled=enabled
    )
    return Answer(200)
