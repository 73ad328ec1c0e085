"""Subaccounts 0-63: opening, transfers between them, netting, target allocations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, ledger, pages
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import CENT, format_dollars
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import (
    LAST_SHARD,
    BodyFields,
    body_fields,
    optional_body_fields,
)
from kalshi_ext.sandbox.engine.records import SubaccountTransfer
from kalshi_ext.sandbox.engine.refusals import (
    ApiError,
    bad_request,
    insufficient_balance,
    invalid_parameters,
)
from kalshi_ext.sandbox.engine.rows import subaccount_transfer_row
from kalshi_ext.sandbox.engine.versions import row_as_of

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import ExchangeState

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def create_subaccount(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do CreateSubaccount: the lowest number not in use."""
    access.require_unlocked_key(request)
    if state.settings.subaccount_tier == "advanced" and account.tier == "basic":
        raise ApiError(403, "subaccount_creation_requires_advanced_api_usage_level", "basic level")
    shard = max(
        optional_body_fields(request).bounded_integer("exchange_index", least=-1, most=LAST_SHARD)
        or 0,
        0,
    )
    if shard not in state.shards:
        raise invalid_parameters("exchange_index does not exist", str(shard))
    number = open_next_subaccount(state, account, shard)
    return Answer(201, {"subaccount_number": number})


def open_next_subaccount(state: ExchangeState, account: TradingAccount, shard: int = 0) -> int:
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
    state: ExchangeState, account: TradingAccount, request: Call
) -> Answer:
    """Do ApplySubaccountTransfer: integer cents."""
    access.require_unlocked_key(request)
    body = body_fields(request)
    body.require("client_transfer_id", "from_subaccount", "to_subaccount", "amount_cents")
    client_id = parse_transfer_id(body)
    check_transfer_id(account, client_id)
    source, destination = _source_and_destination(account, body)
    shard = max(body.bounded_integer("exchange_index", least=-1, most=LAST_SHARD) or 0, 0)
    cents = body.bounded_integer("amount_cents", least=1, most=10**15) or 0
    _move_between_subaccounts(state, account, source, destination, cents, shard)
    account.transfer_ids.add(client_id)
    return Answer(200, {})


def _source_and_destination(account: TradingAccount, body: BodyFields) -> tuple[int, int]:
    source = body.bounded_integer("from_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    destination = body.bounded_integer("to_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    if source == destination:
        raise invalid_parameters("from_subaccount and to_subaccount are the same")
    return access.require_subaccount(account, source), access.require_subaccount(
        account, destination
    )


def _move_between_subaccounts(
    state: ExchangeState,
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


def get_subaccount_transfers(
    state: ExchangeState, account: TradingAccount, request: Call
) -> Answer:
    """Do GetSubaccountTransfers."""
    page = pages.parse_page_request(request.query, "subaccount_transfers")
    locked = access.allowed_subaccount(request, None)
    found = (
        row
        for row in state.visible_rows(pages.newest_first(account.subaccount_transfers, page))
        if locked in (None, row.source, row.destination)
    )
    return Answer(
        200, pages.page_body("transfers", found, page, state.settings, subaccount_transfer_row)
    )


def get_subaccount_balances(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSubaccountBalances: one row for each subaccount and shard in use."""
    locked, as_of = access.allowed_subaccount(request, None), state.as_of()
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
    return Answer(200, pages.list_field("subaccount_balances", rows, state.settings))


def get_netting(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do GetSubaccountNetting."""
    locked = access.allowed_subaccount(request, None)
    rows = [
        {
            "subaccount_number": number,
            "enabled": account.netting.get((number, shard), False),
            "exchange_index": shard,
        }
        for number, shard in sorted(account.balances)
        if locked in (None, number)
    ]
    return Answer(200, pages.list_field("netting_configs", rows, state.settings))


def set_netting(state: ExchangeState, account: TradingAccount, request: Call) -> Answer:
    """Do UpdateSubaccountNetting: kept and told; it changes no collateral here (unknown)."""
    body = body_fields(request)
    body.require("subaccount_number", "enabled")
    number = body.bounded_integer("subaccount_number", least=0, most=LAST_SUBACCOUNT)
    number = access.require_subaccount(account, access.acting_subaccount(request, number))
    enabled = body.boolean("enabled")
    for subaccount, shard in account.balances:
        if subaccount == number:
            account.netting[number, shard] = enabled
    state.record_event(
        "account", account=account.name, subaccount=number, what="netting", enabled=enabled
    )
    return Answer(200)
