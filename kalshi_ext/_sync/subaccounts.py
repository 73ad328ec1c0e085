# Derived from kalshi_ext/_async/subaccounts.py by scripts/unasync.py; do not edit.
"""client.subaccounts: subaccounts 0 to 63, transfers between them, netting."""

from __future__ import annotations

from kalshi_ext import values, writes
from kalshi_ext._sync.resource import Resource
from kalshi_ext._sync.rows import Rows
from kalshi_ext.arguments import flag, whole_number
from kalshi_ext.models import NettingConfig, SubaccountBalance, SubaccountTransfer
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.requests import Dollars, shard_number, subaccount_pair, transfer_key
from kalshi_ext.requests.filters import list_query


class Subaccounts(Resource):
    """Subaccounts of the account (current contract only)."""

    def create(self, *, exchange_index: int | None = None, deadline: Deadline | None = None) -> int:
        """Create the next subaccount and return its number.

        There is no idempotency key: where the answer is lost, the list of balances is compared with
        the one read before.
        """
        shard = shard_number(exchange_index)
        return self._run(
            writes.create_subaccount(self._contract, shard, self._context, deadline=deadline)
        )

    def balances(self) -> list[SubaccountBalance]:
        """Return the dollars of every subaccount on every shard."""
        return self._whole_list(self._contract.subaccounts.balances())

    def transfer(
        self,
        amount: Dollars,
        *,
        from_subaccount: int,
        to_subaccount: int,
        client_transfer_id: str | None = None,
        exchange_index: int | None = None,
        deadline: Deadline | None = None,
    ) -> str:
        """Move dollars (whole cents) between subaccounts and return the transfer's key.

        The key makes a repeat harmless: the exchange refuses it twice, which counts as executed.
        With a journal this also holds over a crash: the same call under the same key finishes the
        transfer. Raises DuplicateIdConflict where the key already names another transfer.
        """
        key = transfer_key(client_transfer_id)
        call = self._contract.subaccounts.transfer(
            key,
            *subaccount_pair(from_subaccount, to_subaccount),
            values.cents(amount, name="amount"),
            shard_number(exchange_index),
        )
        self._run(writes.transfer_between_subaccounts(call, self._context, deadline=deadline))
        return key

    def transfers(
        self,
        *,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> Rows[SubaccountTransfer]:
        """Iterate over transfers between subaccounts."""
        query = list_query(limit=limit, page_size=page_size)
        return self._rows(self._contract.subaccounts.transfers(query), limit, max_pages)

    def netting(self) -> list[NettingConfig]:
        """Return whether netting is on, for every subaccount."""
        return self._whole_list(self._contract.subaccounts.netting())

    def set_netting(
        self, subaccount: int, *, enabled: bool, deadline: Deadline | None = None
    ) -> None:
        """Switch netting of one subaccount on or off."""
        number = whole_number(subaccount, "subaccount", 0, 63)
        call = self._contract.subaccounts.set_netting(number, flag(enabled, "enabled"))
        self._run(
            writes.send_idempotent(
                call, self._context, deadline=deadline, state_of=("netting", number)
            )
        )
