"""Subaccounts 0-63: opening, transfers between them, netting, target allocations."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kalshi_ext.sandbox.engine import access, ledger, pages
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import CENT, dollars_text
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, Fields, fields_of, optional_fields
from kalshi_ext.sandbox.engine.records import SubaccountTransfer
from kalshi_ext.sandbox.engine.refusals import (
    Refusal,
    bad_request,
    insufficient_balance,
    invalid,
)
from kalshi_ext.sandbox.engine.rows import subaccount_transfer_row
from kalshi_ext.sandbox.engine.versions import seen

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def create(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do CreateSubaccount: the lowest number not in use."""
    access.need_unlocked(call)
    if ex.settings.subaccount_tier == "advanced" and who.tier == "basic":
        raise Refusal(403, "subaccount_creation_requires_advanced_api_usage_level", "basic level")
    shard = max(optional_fields(call).whole("exchange_index", least=-1, most=LAST_SHARD) or 0, 0)
    if shard not in ex.shards:
        raise invalid("exchange_index does not exist", str(shard))
    number = open_next(ex, who, shard)
    return Answer(201, {"subaccount_number": number})


def open_next(ex: Exchange, who: Account, shard: int = 0) -> int:
    """Open the next subaccount; 400 when all are open."""
    number = len(who.subaccounts)
    if number > LAST_SUBACCOUNT:
        raise invalid(f"no more than {LAST_SUBACCOUNT} subaccounts")
    who.subaccounts.add(number)
    who.purse(number, shard).updated = ex.now
    ex.record("account", account=who.name, subaccount=number, what="subaccount")
    return number


def transfer_id(body: Fields, name: str = "client_transfer_id") -> str:
    """Read an id, which must be a UUID; lower case."""
    text = body.text(name)
    if text and not _UUID.fullmatch(text):
        raise bad_request(f"{name} must be a UUID")
    return text.lower()


def once(who: Account, client_id: str) -> None:
    """Answer 409 for a transfer that was applied before, whatever it said."""
    if client_id in who.transfer_ids:
        raise Refusal(409, "transfer_already_applied", "transfer already applied")


def transfer(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do ApplySubaccountTransfer: integer cents."""
    access.need_unlocked(call)
    body = fields_of(call)
    body.require("client_transfer_id", "from_subaccount", "to_subaccount", "amount_cents")
    client_id = transfer_id(body)
    once(who, client_id)
    source, destination = _ends(who, body)
    shard = max(body.whole("exchange_index", least=-1, most=LAST_SHARD) or 0, 0)
    cents = body.whole("amount_cents", least=1, most=10**15) or 0
    _move(ex, who, source, destination, cents, shard)
    who.transfer_ids.add(client_id)
    return Answer(200, {})


def _ends(who: Account, body: Fields) -> tuple[int, int]:
    source = body.whole("from_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    destination = body.whole("to_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    if source == destination:
        raise invalid("from_subaccount and to_subaccount are the same")
    return access.existing(who, source), access.existing(who, destination)


def _move(
    ex: Exchange, who: Account, source: int, destination: int, cents: int, shard: int
) -> None:
    if who.available(source, shard) < cents * CENT:
        raise insufficient_balance()
    ledger.move_cash(ex, who.purse(source, shard), -cents * CENT)
    ledger.move_cash(ex, who.purse(destination, shard), cents * CENT)
    row = SubaccountTransfer(
        id=ex.new_id(),
        created=ex.now,
        source=source,
        destination=destination,
        cents=cents,
        shard=shard,
    )
    ex.file(who.subaccount_transfers, row)
    ex.record("transfer", account=who.name, **subaccount_transfer_row(row))


def get_transfers(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetSubaccountTransfers."""
    page = pages.page_asked(call.query, "subaccount_transfers")
    locked = access.locked_or(call, None)
    found = (
        row
        for row in ex.shown(pages.newest_first(who.subaccount_transfers, page))
        if locked in (None, row.source, row.destination)
    )
    return Answer(200, pages.answer("transfers", found, page, ex.settings, subaccount_transfer_row))


def get_balances(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetSubaccountBalances: one row for each subaccount and shard in use."""
    locked, as_of = access.locked_or(call, None), ex.as_of()
    rows: list[dict[str, Any]] = []
    for (number, shard), purse in sorted(who.purses.items()):
        if locked in (None, number):
            row = seen(purse, as_of)
            shown = row.cash if ex.settings.balance_shows == "cash" else row.available
            rows.append(
                {
                    "subaccount_number": number,
                    "exchange_index": shard,
                    "balance": dollars_text(shown),
                    "updated_ts": row.updated // 1_000_000,
                }
            )
    return Answer(200, pages.listed("subaccount_balances", rows, ex.settings))


def get_netting(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetSubaccountNetting."""
    locked = access.locked_or(call, None)
    rows = [
        {
            "subaccount_number": number,
            "enabled": who.netting.get((number, shard), False),
            "exchange_index": shard,
        }
        for number, shard in sorted(who.purses)
        if locked in (None, number)
    ]
    return Answer(200, pages.listed("netting_configs", rows, ex.settings))


def set_netting(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do UpdateSubaccountNetting: kept and told; it changes no collateral here (unknown)."""
    body = fields_of(call)
    body.require("subaccount_number", "enabled")
    number = body.whole("subaccount_number", least=0, most=LAST_SUBACCOUNT)
    number = access.existing(who, access.acting(call, number))
    enabled = body.flag("enabled")
    for subaccount, shard in who.purses:
        if subaccount == number:
            who.netting[number, shard] = enabled
    ex.record("account", account=who.name, subaccount=number, what="netting", enabled=enabled)
    return Answer(200)
