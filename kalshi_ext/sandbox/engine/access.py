"""What a key may touch: scopes, and the subaccount it may be locked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kalshi_ext.sandbox.engine.accounts import LAST_SUBACCOUNT
from kalshi_ext.sandbox.engine.bodies import LAST_SHARD, query_integer
from kalshi_ext.sandbox.engine.refusals import invalid_parameters, permission_denied

if TYPE_CHECKING:
    from kalshi_ext.sandbox.engine.accounts import TradingAccount
    from kalshi_ext.sandbox.engine.api import Call, Caller


def require_scope(caller: Caller, scope: str) -> None:
    """Answer 403 when the key lacks a scope."""
    if scope not in caller.scopes:
        raise permission_denied(f"the key lacks the scope {scope}")


def require_unlocked_key(request: Call) -> None:
    """Answer 403 to a key locked to one subaccount."""
    if request.caller and request.caller.subaccount is not None:
        raise permission_denied("the key is locked to one subaccount")


def allowed_subaccount(request: Call, wanted: int | None) -> int | None:
    """Give the subaccount meant: the key's own where it is locked, 403 for any other."""
    locked = request.caller.subaccount if request.caller else None
    if locked is None:
        return wanted
    if wanted is not None and wanted != locked:
        raise permission_denied("the key is locked to another subaccount")
    return locked


def acting_subaccount(request: Call, wanted: int | None) -> int:
    """Give the subaccount an operation acts on; the primary one by default."""
    return allowed_subaccount(request, wanted) or 0


def query_acting_subaccount(request: Call) -> int:
    """Give the subaccount named in the query; the primary one by default."""
    return acting_subaccount(
        request, query_integer(request.query, "subaccount", least=0, most=LAST_SUBACCOUNT)
    )


def query_listed_subaccount(request: Call) -> int | None:
    """Give the subaccount to list; None: all."""
    return allowed_subaccount(
        request, query_integer(request.query, "subaccount", least=0, most=LAST_SUBACCOUNT)
    )


def require_subaccount(account: TradingAccount, subaccount: int) -> int:
    """Answer 400 for a subaccount that was never made."""
    if subaccount not in account.subaccounts:
        raise invalid_parameters("subaccount does not exist", str(subaccount))
    return subaccount


def query_shard(request: Call) -> int | None:
    """Give exchange_index from the query: -1 means automatic."""
    return query_integer(request.query, "exchange_index", least=-1, most=LAST_SHARD)
