"""A fingerprint of the whole state, independent of reads."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attrs import Attribute, asdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.state import Exchange

_ROWS = ("settlements", "deposits", "withdrawals", "subaccount_transfers", "transfers")


def digest(ex: Exchange) -> str:
    """Hash everything that later answers depend on, token buckets and lag apart."""
    sha = sha256()
    for line in _lines(ex):
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def _lines(ex: Exchange) -> Iterator[str]:
    yield f"{ex.counter} {ex.sequence} {ex.kitty} {ex.fill_count} {asdict(ex.settings)}"
    yield f"{sorted(ex.pauses.trading)} {sorted(ex.pauses.exchange)} {asdict(ex.cutoffs)}"
    for market in ex.markets.values():
        yield f"{market.ticker} {market.status} {market.value} {market.last_price}"
        for side in (market.bids, market.asks):
            yield " ".join(f"{order.id}:{order.remaining}@{order.price}" for order in side.orders())
    for order in ex.orders.values():
        yield repr(asdict(order, recurse=False, filter=_scalar))
    for account in ex.accounts.values():
        yield from _account(account)


def _scalar(attribute: Attribute[Any], value: object) -> bool:
    return attribute.name != "past" and (value is None or isinstance(value, int | str))


def _account(account: Account) -> Iterator[str]:
    yield repr(asdict(account, recurse=False, filter=_scalar))
    yield f"{sorted(account.subaccounts)} {account.netting} {account.allocations}"
    yield f"{sorted(account.transfer_ids)} {account.sweeps} {list(account.open)}"
    for where, purse in [*account.purses.items(), *account.margined.items()]:
        yield f"{where} {purse.cash} {purse.reserved} {purse.updated}"
    for holding in account.holdings.values():
        yield f"{holding.id} {asdict(holding, recurse=False, filter=_scalar)!r}"
    for fill in account.fills:
        yield repr(asdict(fill, recurse=False, filter=_scalar))
    for name in _ROWS:
        for row in getattr(account, name):
            yield repr(asdict(row, recurse=False, filter=_scalar))
    for group in account.groups.values():
        yield f"{group.id} {group.limit} {group.triggered} {list(group.orders)}"
