"""Transfers between shards and exchange instances, and target allocations."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine import access, ledger, pages
from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.amounts import SECOND
from kalshi_ext.sandbox.engine.api import Answer
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, Fields, fields_of
from kalshi_ext.sandbox.engine.records import InstanceTransfer
from kalshi_ext.sandbox.engine.refusals import (
    Refusal,
    insufficient_balance,
    invalid,
    not_found,
)
from kalshi_ext.sandbox.engine.rows import instance_transfer_row
from kalshi_ext.sandbox.engine.subaccounts import once, transfer_id

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account, Purse
    from kalshi_ext.sandbox.engine.api import Call
    from kalshi_ext.sandbox.engine.state import Exchange

INSTANCES = ("event_contract", "margined")
CENTICENT = 100
"""1/100 cent in micro-dollars: the unit of a transfer request's amount."""
RESERVATIONS = ("none", "max", "sum")


def transfer(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do IntraExchangeInstanceTransfer: integer centicents in, dollars out."""
    access.need_unlocked(call)
    body = fields_of(call)
    body.require("source", "destination", "amount")
    client_id = transfer_id(body)
    if client_id:
        once(who, client_id)
    row = _read(ex, who, body)
    source = body.whole("source_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    _start(ex, who, access.existing(who, source), row)
    who.transfer_ids.update([client_id] if client_id else [])
    return Answer(200, {"transfer_id": row.id})


def _read(ex: Exchange, who: Account, body: Fields) -> InstanceTransfer:
    shards = [
        body.whole(name, least=0, most=LAST_SHARD) or 0
        for name in ("source_exchange_shard", "destination_exchange_shard")
    ]
    subaccount = body.whole("destination_subaccount", least=0, most=LAST_SUBACCOUNT) or 0
    for shard in shards:
        _may_transfer(ex, shard)
    return InstanceTransfer(
        id="",
        created=ex.now,
        source=body.word("source", INSTANCES),
        destination=body.word("destination", INSTANCES),
        source_shard=shards[0],
        destination_shard=shards[1],
        destination_subaccount=access.existing(who, subaccount),
        amount=(body.whole("amount", least=1, most=10**15) or 0) * CENTICENT,
    )


def _may_transfer(ex: Exchange, shard: int) -> None:
    if shard not in ex.shards:
        raise invalid("exchange shard does not exist", str(shard))
    if shard in ex.pauses.transfers or shard in ex.pauses.exchange:
        raise Refusal(503, "service_unavailable", "transfers are paused")


def _purse(who: Account, instance: str, subaccount: int, shard: int) -> Purse:
    if instance == "margined":
        return who.margin(subaccount, shard)
    return who.purse(subaccount, shard)


def _start(ex: Exchange, who: Account, subaccount: int, row: InstanceTransfer) -> None:
    source = (row.source, subaccount, row.source_shard)
    if source == (row.destination, row.destination_subaccount, row.destination_shard):
        raise invalid("source and destination are the same")
    purses = who.margined if row.source == "margined" else who.purses
    purse = purses.get((subaccount, row.source_shard))
    if purse is None or purse.available < row.amount:
        raise insufficient_balance()
    ledger.move_cash(ex, purse, -row.amount)
    target = _purse(who, row.destination, row.destination_subaccount, row.destination_shard)
    row.id = ex.new_id()
    who.in_transit += row.amount
    ex.file(who.transfers, row)
    seconds = ex.settings.instance_transfer_seconds
    if seconds:
        ex.later(ex.now + seconds * SECOND, partial(_finish, ex, who, row, target))
    else:
        _finish(ex, who, row, target)


def _finish(ex: Exchange, who: Account, row: InstanceTransfer, target: Purse) -> None:
    who.in_transit -= row.amount
    ledger.move_cash(ex, target, row.amount)
    row.done = True
    ex.record("transfer", account=who.name, **instance_transfer_row(row))


def get_all(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfers."""
    access.need_unlocked(call)
    page = pages.page_asked(call.query, "instance_transfers", most=500)
    found = ex.shown(pages.newest_first(who.transfers, page))
    return Answer(200, pages.answer("transfers", found, page, ex.settings, instance_transfer_row))


def get_one(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetIntraExchangeInstanceTransfer."""
    access.need_unlocked(call)
    for row in ex.shown(reversed(who.transfers)):
        if row.id == call.path["transfer_id"]:
            return Answer(200, {"transfer": instance_transfer_row(row)})
    raise not_found()


def get_allocation(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do GetTargetBalanceAllocation."""
    access.need_unlocked(call)
    rows = [{"exchange_index": k, "percent": v} for k, v in sorted(who.allocations.items())]
    return Answer(200, {"allocations": rows, "resting_margin_reservation": ex.reservation(who)})


def set_allocation(ex: Exchange, who: Account, call: Call) -> Answer:
    """Do SetTargetBalanceAllocation: percents of 100 in all."""
    access.need_unlocked(call)
    body = fields_of(call)
    rows = [Fields(raw) for raw in body.rows("allocations", 101)]
    wanted: dict[int, int] = {}
    for row in rows:
        row.require("exchange_index", "percent")
        shard = row.whole("exchange_index", least=0, most=LAST_SHARD) or 0
        if shard in wanted or shard not in ex.shards:
            raise invalid("exchange_index is unknown or named twice", str(shard))
        wanted[shard] = row.whole("percent", least=0, most=100) or 0
    if sum(wanted.values()) != 100:
        raise invalid("percents must add up to 100", str(sum(wanted.values())))
    _reserve_as(ex, who, body.word("resting_margin_reservation", RESERVATIONS))
    who.allocations = wanted
    if ex.settings.allocation_sweep == "at_once":
        _sweep(ex, who)
    return Answer(200, {})


def _sweep(ex: Exchange, who: Account) -> None:
    # what orders hold back stays where it is; the first shard takes what does not divide
    free = {shard: max(who.available(0, shard), 0) for shard in sorted(ex.shards)}
    total = sum(free.values())
    wanted = {shard: total * who.allocations.get(shard, 0) // 100 for shard in free}
    wanted[min(who.allocations)] += total - sum(wanted.values())
    for shard, share in wanted.items():
        if share != free[shard]:
            ledger.move_cash(ex, who.purse(0, shard), share - free[shard])


def _reserve_as(ex: Exchange, who: Account, mode: str) -> None:
    if not mode:
        return
    before, who.reservation = who.reservation, mode
    for holding in who.holdings.values():
        ledger.reserve(ex, who, holding)
    if any(purse.available < 0 for purse in who.purses.values()):
        who.reservation = before
        for holding in who.holdings.values():
            ledger.reserve(ex, who, holding)
        raise insufficient_balance()
