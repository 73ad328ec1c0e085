"""An account's cash in its places: subaccounts 0-63, shards, instances, and what moves between.

    ApplySubaccountTransfer        between subaccounts on one shard; integer cents
    IntraExchangeInstanceTransfer  between shards, or to the margined instance; integer centicents
    SetTargetBalanceAllocation     percents by shard; moves nothing unless so switched

A client_transfer_id works once for both kinds of transfer, whatever else they say (documented: the
second one is a 409). It is taken only when the transfer was accepted, so a refused one may be
sent again.
"""

from __future__ import annotations

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
from kalshi_ext.sandbox.engine.operations import handles
from kalshi_ext.sandbox.engine.pagination import (
    list_field,
    newest_first,
    page_answer,
    parse_page_request,
)
from kalshi_ext.sandbox.engine.portfolio_reads import shown_balance
from kalshi_ext.sandbox.engine.records import InstanceTransfer, SubaccountTransfer
from kalshi_ext.sandbox.engine.request_parsing import (
    UUID,
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
    from kalshi_ext.sandbox.engine.commands import ApiRequest
    from kalshi_ext.sandbox.engine.state import EngineState

INSTANCES = ("event_contract", "margined")
CENTICENT = 100
"""1/100 cent in micro-dollars: the unit of a transfer request's amount."""
RESERVATIONS = ("none", "max", "sum")


@handles("CreateSubaccount")
def create_subaccount(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    require_unlocked_key(request)
    # assumed: anybody may (`subaccount_tier`)
    if state.settings.subaccount_tier == "advanced" and account.tier == "basic":
        raise ApiError(403, "subaccount_creation_requires_advanced_api_usage_level", "basic level")
    shard = max(optional_body_fields(request).shard() or 0, 0)
    if shard not in state.shards:
        raise invalid_parameters("exchange_index does not exist", str(shard))
    number = open_next_subaccount(state, account, shard)
    return Answer(201, {"subaccount_number": number})


def open_next_subaccount(state: EngineState, account: TradingAccount, shard: int = 0) -> int:
    """Open the next subaccount; 400 when all are open."""
    # numbers are never given back, so the count is the lowest free one
    number = len(account.subaccounts)
    if number > LAST_SUBACCOUNT:
        raise invalid_parameters(f"no more than {LAST_SUBACCOUNT} subaccounts")
    account.subaccounts.add(number)
    account.balance(number, shard).updated = state.now
    state.record_event("account", account=account.name, subaccount=number, what="subaccount")
    return number


def parse_transfer_id(body: BodyFields) -> str:
    """Read an id, which must be a UUID; upper and lower case name the same one."""
    text = body.string("client_transfer_id")
    if text and not UUID.fullmatch(text):
        raise bad_request("client_transfer_id must be a UUID")
    return text.lower()


def check_transfer_id(account: TradingAccount, client_id: str) -> None:
    """Answer 409 for a transfer id that was used, whatever the transfer says."""
    if client_id in account.transfer_ids:
        raise ApiError(409, "transfer_already_applied", "transfer already applied")


@handles("ApplySubaccountTransfer")
def transfer_between_subaccounts(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
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


@handles("GetSubaccountTransfers")
def get_subaccount_transfers(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
    page = parse_page_request(request.query, "subaccount_transfers")
    locked = allowed_subaccount(request, None)
    rows = (
        row
        for row in state.visible_rows(newest_first(account.subaccount_transfers, page))
        # a locked key sees a transfer that its subaccount gave or got
        if locked in (None, row.source, row.destination)
    )
    return page_answer("transfers", rows, page, state.settings, subaccount_transfer_row)


@handles("GetSubaccountBalances")
def get_subaccount_balances(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
    locked, as_of = allowed_subaccount(request, None), state.as_of()
    rows: list[dict[str, Any]] = []
    for (number, shard), balance in sorted(account.balances.items()):
        if locked in (None, number):
            row = row_as_of(balance, as_of)
            rows.append(
                {
                    "subaccount_number": number,
                    "exchange_index": shard,
                    "balance": format_dollars(shown_balance(state, row)),
                    "updated_ts": row.updated // SECOND,
                }
            )
    return Answer(200, list_field("subaccount_balances", rows, state.settings))


@handles("GetSubaccountNetting")
def get_netting(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
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


@handles("UpdateSubaccountNetting")
def set_netting(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Set netting; assumed: it is kept and shown, and changes no collateral."""
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


@handles("IntraExchangeInstanceTransfer")
def transfer_between_shards(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
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
    source_shard = body.shard("source_exchange_shard", least=0) or 0
    destination_shard = body.shard("destination_exchange_shard", least=0) or 0
    subaccount = body.subaccount("destination_subaccount") or 0
    for shard in (source_shard, destination_shard):
        _check_shard(state, shard)
    return InstanceTransfer(
        id="",
        created=state.now,
        source=body.choice("source", INSTANCES),
        destination=body.choice("destination", INSTANCES),
        source_shard=source_shard,
        destination_shard=destination_shard,
        destination_subaccount=require_subaccount(account, subaccount),
        amount=(body.bounded_integer("amount", least=1, most=10**15) or 0) * CENTICENT,
    )


def _check_shard(state: EngineState, shard: int) -> None:
    if shard not in state.shards:
        raise invalid_parameters("exchange shard does not exist", str(shard))
    if shard in state.pauses.transfers or shard in state.pauses.exchange:
        raise ApiError(503, "service_unavailable", "transfers are paused")


def _start_transfer(
    state: EngineState, account: TradingAccount, subaccount: int, row: InstanceTransfer
) -> None:
    destination = (row.destination_subaccount, row.destination_shard)
    if (row.source, subaccount, row.source_shard) == (row.destination, *destination):
        raise invalid_parameters("source and destination are the same")
    balances = account.margined_balances if row.source == "margined" else account.balances
    balance = balances.get((subaccount, row.source_shard))
    if balance is None or balance.available < row.amount:
        raise insufficient_balance()
    ledger.move_cash(state, balance, -row.amount)
    margined = row.destination == "margined"
    target = (account.margined_balance if margined else account.balance)(*destination)
    row.id = state.new_id()
    # a pending amount is on neither side, and must still count as the account's
    account.in_transit += row.amount
    state.insert_sorted(account.transfers, row)
    finish = partial(_finish_transfer, state, account, row, target)
    # assumed: a transfer is complete at once (`instance_transfer_seconds`)
    seconds = state.settings.instance_transfer_seconds
    if seconds:
        state.schedule(state.now + seconds * SECOND, finish)
    else:
        finish()


def _finish_transfer(
    state: EngineState, account: TradingAccount, row: InstanceTransfer, target: CashBalance
) -> None:
    account.in_transit -= row.amount
    ledger.move_cash(state, target, row.amount)
    row.done = True
    state.record_event("transfer", account=account.name, **instance_transfer_row(row))


@handles("GetIntraExchangeInstanceTransfers")
def get_instance_transfers(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
    require_unlocked_key(request)
    page = parse_page_request(request.query, "instance_transfers", most=500)
    rows = state.visible_rows(newest_first(account.transfers, page))
    return page_answer("transfers", rows, page, state.settings, instance_transfer_row)


@handles("GetIntraExchangeInstanceTransfer")
def get_instance_transfer(
    state: EngineState, account: TradingAccount, request: ApiRequest
) -> Answer:
    require_unlocked_key(request)
    for row in state.visible_rows(reversed(account.transfers)):
        if row.id == request.path["transfer_id"]:
            return Answer(200, {"transfer": instance_transfer_row(row)})
    raise not_found()


@handles("GetTargetBalanceAllocation")
def get_allocation(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    require_unlocked_key(request)
    rows = [{"exchange_index": k, "percent": v} for k, v in sorted(account.allocations.items())]
    mode = state.reservation_mode(account)
    if not account.allocation_chosen:
        # observed: an account that never chose is answered an empty list and nothing else
        return Answer(200, {"allocations": []})
    return Answer(200, {"allocations": rows, "resting_margin_reservation": mode})


@handles("SetTargetBalanceAllocation")
def set_allocation(state: EngineState, account: TradingAccount, request: ApiRequest) -> Answer:
    """Set the target allocation: percents that add up to 100, each shard named once."""
    require_unlocked_key(request)
    body = body_fields(request)
    percents = _parse_percents(state, body)
    _set_reservation(state, account, body.choice("resting_margin_reservation", RESERVATIONS))
    account.allocations, account.allocation_chosen = percents, True
    if state.settings.allocation_sweep == "at_once":
        _move_to_targets(state, account)
    return Answer(200, {})


def _parse_percents(state: EngineState, body: BodyFields) -> dict[int, int]:
    percents: dict[int, int] = {}
    for row in [BodyFields(raw) for raw in body.entries("allocations", 101)]:
        row.require("exchange_index", "percent")
        shard = row.shard(least=0) or 0
        if shard in percents or shard not in state.shards:
            raise invalid_parameters("exchange_index is unknown or named twice", str(shard))
        percents[shard] = row.bounded_integer("percent", least=0, most=100) or 0
    if sum(percents.values()) != 100:
        raise invalid_parameters("percents must add up to 100", str(sum(percents.values())))
    return percents


def _move_to_targets(state: EngineState, account: TradingAccount) -> None:
    # Assumed (`allocation_sweep`): only free cash of the primary subaccount moves, and what orders
    # hold back stays. The first shard takes what does not divide.
    free = {shard: max(account.available(0, shard), 0) for shard in sorted(state.shards)}
    total = sum(free.values())
    targets = {shard: total * account.allocations.get(shard, 0) // 100 for shard in free}
    targets[min(account.allocations)] += total - sum(targets.values())
    for shard, target in targets.items():
        if target != free[shard]:
            ledger.move_cash(state, account.balance(0, shard), target - free[shard])


def _set_reservation(state: EngineState, account: TradingAccount, mode: str) -> None:
    if not mode:
        return
    before, account.reservation = account.reservation, mode
    _update_reserves(state, account)
    # assumed: refused where the cash does not cover what orders would then hold back; only the
    # attempt shows it, and it is undone
    if any(balance.available < 0 for balance in account.balances.values()):
        account.reservation = before
        _update_reserves(state, account)
        raise insufficient_balance()


def _update_reserves(state: EngineState, account: TradingAccount) -> None:
    for holding in account.holdings.values():
        ledger.update_reserve(state, account, holding)
