"""A fingerprint of the whole state, independent of reads."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from attrs import Attribute, asdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.state import ExchangeState

_LISTS = ("settlements", "deposits", "withdrawals", "subaccount_transfers", "transfers")


def state_digest(state: ExchangeState) -> str:
    """Hash everything that later answers depend on, token buckets and lag apart."""
    sha = sha256()
    for line in _digest_lines(state):
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def _digest_lines(state: ExchangeState) -> Iterator[str]:
    yield f"{state.id_count} {state.queue_sequence} {state.exchange_revenue} {state.fill_count} {asdict(state.settings)}"
    yield f"{sorted(state.pauses.trading)} {sorted(state.pauses.exchange)} {asdict(state.cutoffs)}"
    for market in state.markets.values():
        yield f"{market.ticker} {market.status} {market.value} {market.last_price}"
        for side in (market.bids, market.asks):
            yield " ".join(f"{order.id}:{order.remaining}@{order.price}" for order in side.orders())
    for order in state.orders.values():
        yield repr(asdict(order, recurse=False, filter=_is_scalar))
    for account in state.accounts.values():
        yield from _account_lines(account)


def _is_scalar(attribute: Attribute[Any], value: object) -> bool:
    return attribute.name != "snapshots" and (value is None or isinstance(value, int | str))


def _account_lines(account: TradingAccount) -> Iterator[str]:
    yield repr(asdict(account, recurse=False, filter=_is_scalar))
    yield f"{sorted(account.subaccounts)} {account.netting} {account.allocations}"
    yield f"{sorted(account.transfer_ids)} {account.sweeps} {list(account.open_orders)}"
    for where, balance in [*account.balances.items(), *account.margined_balances.items()]:
        yield f"{where} {balance.cash} {balance.reserved} {balance.updated}"
    for holding in account.holdings.values():
        yield f"{holding.id} {asdict(holding, recurse=False, filter=_is_scalar)!r}"
    for fill in account.fills:
        yield repr(asdict(fill, recurse=False, filter=_is_scalar))
    for name in _LISTS:
        for row in getattr(account, name):
            yield repr(asdict(row, recurse=False, filter=_is_scalar))
    for group in account.groups.values():
        yield f"{group.id} {group.limit} {group.triggered} {list(group.orders)}"
