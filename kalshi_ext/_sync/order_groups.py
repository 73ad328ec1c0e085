# Derived from kalshi_ext/_async/order_groups.py by scripts/unasync.py; do not edit.
"""client.order_groups: limits on the contracts a group of orders fills in a rolling 15 seconds."""

from __future__ import annotations

from kalshi_ext import values, writes
from kalshi_ext._sync.resource import Resource
from kalshi_ext._sync.rows import Rows
from kalshi_ext.models import OrderGroup
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.requests import Count, shard_number, subaccount_number
from kalshi_ext.requests.filters import list_query


class OrderGroups(Resource):
    """Order groups of the account. `exchange_index` is the shard a group lives on."""

    def create(
        self,
        *,
        contracts_limit: Count,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> OrderGroup:
        """Create a group that may fill `contracts_limit` contracts in a rolling 15 seconds.

        Creating has no idempotency key, so the groups are listed before and, where the answer
        is lost, after.
        """
        limit = values.count(contracts_limit, name="contracts_limit")
        number, shard = subaccount_number(subaccount), shard_number(exchange_index)
        return self._run(
            writes.create_group(
                self._contract, limit, number, shard, self._context, deadline=deadline
            )
        )

    def get(self, group_id: str, *, subaccount: int | None = None) -> OrderGroup:
        """Return one group with the ids of its orders."""
        checked_id = values.path_id(group_id, name="group_id")
        return self._request(
            self._contract.order_groups.get(checked_id, subaccount_number(subaccount))
        )

    def list(
        self,
        *,
        status: str | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
    ) -> Rows[OrderGroup]:
        """Iterate over the groups. `status` exists in the classic contract only."""
        query = list_query(status=status, subaccount=subaccount)
        return self._rows(self._contract.order_groups.list(query), limit, max_pages)

    def delete(
        self,
        group_id: str,
        *,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Cancel the orders of a group and remove it.

        First stops what this client was still going to send of them.
        """
        address = _group_address(group_id, subaccount, exchange_index)
        self._run(writes.delete_group(self._contract, *address, self._context, deadline=deadline))

    def reset(
        self,
        group_id: str,
        *,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Set the group's count of filled contracts to zero, so that it accepts orders again.

        Waits, up to a minute, until no copy of a lost `trigger` or `set_limit` can arrive any more.
        """
        address = _group_address(group_id, subaccount, exchange_index)
        call = self._contract.order_groups.reset(*address)
        self._run(
            writes.send_idempotent(
                call, self._context, deadline=deadline, state_of=("group", address[0])
            )
        )

    def trigger(
        self,
        group_id: str,
        *,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Cancel the orders of a group and refuse new ones until it is reset.

        First stops what this client was still going to send of them. Where the answer to a `reset`
        or `set_limit` of the last minutes was lost, it is sent at once, and once more when no copy
        of that can arrive any more: a minute, or OutcomeUnknown at `deadline`.
        """
        address = _group_address(group_id, subaccount, exchange_index)
        call = self._contract.order_groups.trigger(*address)
        group = ("group", address[0])
        self._run(
            writes.send_idempotent(
                call, self._context, deadline=deadline, stops=group, state_of=group
            )
        )

    def set_limit(
        self,
        group_id: str,
        contracts_limit: Count,
        *,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Change the limit. One under the current rolling volume triggers the group at once."""
        checked_id, number, shard = _group_address(group_id, subaccount, exchange_index)
        limit = values.count(contracts_limit, name="contracts_limit")
        call = self._contract.order_groups.set_limit(checked_id, limit, number, shard)
        self._run(
            writes.send_idempotent(
                call, self._context, deadline=deadline, state_of=("group", checked_id)
            )
        )


def _group_address(
    group_id: str, subaccount: int | None, exchange_index: int | None
) -> tuple[str, int | None, int | None]:
    return (
        values.path_id(group_id, name="group_id"),
        subaccount_number(subaccount),
        shard_number(exchange_index),
    )
