"""Writes that are simply sent again: they name a state or end something."""

from __future__ import annotations

from typing import TypeVar

from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import NotFound
from kalshi_ext.protocol.flow import Context, Flow, send_with_retries
from kalshi_ext.protocol.messages import Call
from kalshi_ext.protocol.pagination import Paginator
from kalshi_ext.requests.filters import ListQuery
from kalshi_ext.writes.lookup import read_all
from kalshi_ext.writes.outcomes import Executed, judge

T = TypeVar("T")


def send_idempotent(call: Call[T], context: Context) -> Flow[T]:
    """Do a write that the matrix lets be repeated at once, or never."""
    outcome = yield from send_with_retries(call, context)
    verdict = judge(call, outcome, context)
    if isinstance(verdict, Executed):
        return verdict.value
    raise verdict.error


def delete_group(
    contract: Contract, group_id: str, subaccount: int | None, shard: int | None, context: Context
) -> Flow[None]:
    """Delete an order group; where a repeat meets 404, the list says whether it is gone."""
    call = contract.order_groups.delete(group_id, subaccount, shard)
    outcome = yield from send_with_retries(call, context)
    verdict = judge(call, outcome, context)
    if isinstance(verdict, Executed):
        return
    if isinstance(verdict.error.__cause__, NotFound):  # after an attempt that may have done it
        walk = Paginator(contract.order_groups.list(ListQuery(subaccount=subaccount)), context)
        groups, ended = yield from read_all(walk)
        if ended and not walk.invalid_rows and group_id not in {group.id for group in groups}:
            return
    raise verdict.error
