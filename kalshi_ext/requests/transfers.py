"""Transfers of money: their keys, their two ends, and the shares of the balance on each shard."""

from __future__ import annotations

import uuid
from contextlib import suppress
from itertools import islice
from typing import Any, ClassVar

from attrs import frozen

from kalshi_ext.arguments import (
    Checked,
    must_be,
    optional,
    plain,
    whole_number,
)
from kalshi_ext.contract.types import ExchangeInstance
from kalshi_ext.errors import Misuse
from kalshi_ext.requests.vocabulary import member, shard_number, subaccount_number
from kalshi_ext.values.money import MAX_DOLLARS

_MAX_CENTICENTS = int(MAX_DOLLARS) * 10_000


def transfer_key(value: object, name: str = "client_transfer_id") -> str:
    """Return the idempotency key of a transfer, made here for None. Raises Misuse."""
    if value is None:
        return str(uuid.uuid4())
    given = plain(value)
    if type(given) is uuid.UUID:
        return str(given)
    with suppress(ValueError):
        if type(given) is str:
            # One spelling for each UUID: the journal compares keys as text.
            return str(uuid.UUID(given.strip()))
    raise must_be(name, value, "a UUID")


def subaccount_pair(source: object, destination: object) -> tuple[int, int]:
    """Check the two subaccounts of a transfer, which differ. Raises Misuse."""
    pair = (
        whole_number(source, "from_subaccount", 0, 63),
        whole_number(destination, "to_subaccount", 0, 63),
    )
    if pair[0] == pair[1]:
        raise Misuse(f"to_subaccount must be another one than from_subaccount, not {pair[1]} too")
    return pair


def allocation(percent: object) -> dict[int, int]:
    """Check {exchange_index: whole percent}, at most 100 in all. Raises Misuse."""
    rule = "a mapping {exchange_index: whole percent}"
    listed: list[tuple[Any, Any]] = []
    with suppress(Exception):  # an object of the caller's, and what it raises is theirs too
        listed = _items(percent)
    if not listed:
        raise must_be("percent", percent, rule)
    shares = {_shard(shard): _share(share) for shard, share in listed}
    total = sum(shares.values())
    if total > 100:
        raise must_be("percent", percent, f"at most 100 in all, which are {total} here,")
    return shares


def _items(percent: Any) -> list[tuple[Any, Any]]:
    return list(islice(percent.items(), 1_000))


def _shard(value: object) -> int:
    shard = plain(value)
    # −1 routes an order by its ticker; a share of the balance has no ticker.
    if type(shard) is int and shard < 0:
        raise Misuse(f"percent must name shards from 0 up, not {shard}")
    return whole_number(shard, "percent: exchange_index", 0, 100)


def _share(value: object) -> int:
    share = plain(value)
    if type(share) is not int or not 0 <= share <= 100:
        raise must_be("percent", value, "whole numbers from 0 to 100")
    return share


def _instance(value: object, name: str) -> str:
    return member(ExchangeInstance, value, name).value


def _centicents(value: object, name: str) -> int:
    return whole_number(value, name, 1, _MAX_CENTICENTS)


@frozen(kw_only=True, eq=False, repr=False)
class InstanceTransferTicket(Checked):
    """Money to move between exchange instances or shards; `amount` in centicents (1/100 cent)."""

    source: str
    destination: str
    amount: int
    source_exchange_shard: int | None = None
    destination_exchange_shard: int | None = None
    source_subaccount: int | None = None
    destination_subaccount: int | None = None
    client_transfer_id: str | None = None

    _checks: ClassVar = {
        "source": _instance,
        "destination": _instance,
        "amount": _centicents,
        "source_exchange_shard": shard_number,
        "destination_exchange_shard": shard_number,
        "source_subaccount": subaccount_number,
        "destination_subaccount": subaccount_number,
        "client_transfer_id": optional(transfer_key),
    }

    def _check_together(self) -> None:
        # Shard and subaccount are 0 where none is named (documented).
        begin = (self.source, self.source_exchange_shard or 0, self.source_subaccount or 0)
        end = (
            self.destination,
            self.destination_exchange_shard or 0,
            self.destination_subaccount or 0,
        )
        if begin == end:
            raise Misuse(
                "destination must be another place than source: name another instance, "
                "destination_exchange_shard or destination_subaccount"
            )
