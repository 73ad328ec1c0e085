"""What a key may touch: scopes, and the subaccount it may be locked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, whole
from kalshi_ext.sandbox.engine.refusals import forbidden, invalid

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import Account
    from kalshi_ext.sandbox.engine.api import Call, Caller


def need_scope(caller: Caller, scope: str) -> None:
    """Answer 403 when the key lacks a scope."""
    if scope not in caller.scopes:
        raise forbidden(f"the key lacks the scope {scope}")


def need_unlocked(call: Call) -> None:
    """Answer 403 to a key locked to one subaccount."""
    if call.caller and call.caller.subaccount is not None:
        raise forbidden("the key is locked to one subaccount")


def locked_or(call: Call, wanted: int | None) -> int | None:
    """Give the subaccount meant: the key's own where it is locked, 403 for any other."""
    locked = call.caller.subaccount if call.caller else None
    if locked is None:
        return wanted
    if wanted is not None and wanted != locked:
        raise forbidden("the key is locked to another subaccount")
    return locked


def acting(call: Call, wanted: int | None) -> int:
    """Give the subaccount an operation acts on; the primary one by default."""
    return locked_or(call, wanted) or 0


def acting_query(call: Call) -> int:
    """Give the subaccount named in the query; the primary one by default."""
    return acting(call, whole(call.query, "subaccount", least=0, most=LAST_SUBACCOUNT))


def listed_query(call: Call) -> int | None:
    """Give the subaccount to list; None: all."""
    return locked_or(call, whole(call.query, "subaccount", least=0, most=LAST_SUBACCOUNT))


def existing(account: Account, subaccount: int) -> int:
    """Answer 400 for a subaccount that was never made."""
    if subaccount not in account.subaccounts:
        raise invalid("subaccount does not exist", str(subaccount))
    return subaccount


def shard_query(call: Call) -> int | None:
    """Give exchange_index from the query: -1 means automatic."""
    return whole(call.query, "exchange_index", least=-1, most=LAST_SHARD)
