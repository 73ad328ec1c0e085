"""client.portfolio: cash, positions, fills, settlements, payments and transfers."""

from __future__ import annotations

from collections.abc import Mapping

from kalshi_ext import values, writes
from kalshi_ext._async.resource import AsyncResource
from kalshi_ext._async.rows import AsyncRows
from kalshi_ext.contract.types import RestingMarginReservation
from kalshi_ext.models import (
    Balance,
    EventPosition,
    Fill,
    InstanceTransfer,
    Payment,
    Position,
    RestingValue,
    Settlement,
    TargetAllocation,
)
from kalshi_ext.protocol.limits import Deadline
from kalshi_ext.protocol.time_keys import FILLS, SETTLEMENTS
from kalshi_ext.requests import (
    Dollars,
    InstanceTransferTicket,
    Moment,
    allocation,
    member,
    shard_number,
    subaccount_number,
    transfer_key,
)
from kalshi_ext.requests.filters import list_query


class AsyncPortfolio(AsyncResource):
    """The account's portfolio. Lists run newest first."""

    async def balance(
        self, *, subaccount: int | None = None, exchange_index: int | None = None
    ) -> Balance:
        """Return cash and portfolio value in dollars."""
        return await self._request(
            self._contract.portfolio.balance(
                subaccount_number(subaccount), shard_number(exchange_index)
            )
        )

    def positions(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        count_filter: str | None = None,
        settlement_status: str | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Position]:
        """Iterate over positions by market; `settlement_status` unsettled, settled or all.

        `count_filter` keeps those in which one of these is not zero: position, total_traded; as one
        text, with a comma between.
        """
        query = list_query(
            ticker=ticker,
            event_ticker=event_ticker,
            count_filter=count_filter,
            settlement_status=settlement_status,
            subaccount=subaccount,
            exchange_index=exchange_index,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.portfolio.positions(query), limit, max_pages)

    def event_positions(
        self,
        *,
        event_ticker: str | None = None,
        settlement_status: str | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[EventPosition]:
        """Iterate over positions by event."""
        query = list_query(
            event_ticker=event_ticker,
            settlement_status=settlement_status,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows(self._contract.portfolio.event_positions(query), limit, max_pages)

    def fills(
        self,
        *,
        ticker: str | None = None,
        order_id: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        exchange_index: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Fill]:
        """Iterate over live fills; older ones are under `client.history`."""
        query = list_query(
            ticker=ticker,
            order_id=order_id,
            since=since,
            until=until,
            subaccount=subaccount,
            exchange_index=exchange_index,
            limit=limit,
            page_size=page_size,
        )
        return self._rows_by_time(self._contract.portfolio.fills, query, FILLS, limit, max_pages)

    def settlements(
        self,
        *,
        ticker: str | None = None,
        event_ticker: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        subaccount: int | None = None,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Settlement]:
        """Iterate over settlements."""
        query = list_query(
            ticker=ticker,
            event_ticker=event_ticker,
            since=since,
            until=until,
            subaccount=subaccount,
            limit=limit,
            page_size=page_size,
        )
        return self._rows_by_time(
            self._contract.portfolio.settlements, query, SETTLEMENTS, limit, max_pages
        )

    def deposits(
        self,
        *,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Payment]:
        """Iterate over deposits."""
        query = list_query(limit=limit, page_size=page_size)
        return self._rows(self._contract.portfolio.deposits(query), limit, max_pages)

    def withdrawals(
        self,
        *,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[Payment]:
        """Iterate over withdrawals."""
        query = list_query(limit=limit, page_size=page_size)
        return self._rows(self._contract.portfolio.withdrawals(query), limit, max_pages)

    async def resting_value(self) -> RestingValue:
        """Return the value of all resting orders in dollars."""
        return await self._request(self._contract.portfolio.resting_value())

    async def transfer(
        self,
        amount: Dollars,
        *,
        source: str = "event_contract",
        destination: str = "event_contract",
        source_exchange_shard: int | None = None,
        destination_exchange_shard: int | None = None,
        source_subaccount: int | None = None,
        destination_subaccount: int | None = None,
        client_transfer_id: str | None = None,
        deadline: Deadline | None = None,
    ) -> str:
        """Move dollars between instances ('event_contract', 'margined') or shards.

        Returns the transfer id. Steps of $0.0001 (the wire carries centicents). Whether the
        exchange refuses a repeated client_transfer_id here is unknown, so the transfers are
        listed before and, where the answer is lost, after.
        """
        ticket = InstanceTransferTicket(
            source=source,
            destination=destination,
            amount=values.centicents(amount, name="amount"),
            source_exchange_shard=source_exchange_shard,
            destination_exchange_shard=destination_exchange_shard,
            source_subaccount=source_subaccount,
            destination_subaccount=destination_subaccount,
            client_transfer_id=transfer_key(client_transfer_id),
        )
        return await self._run(
            writes.transfer_between_instances(
                self._contract, ticket, self._context, deadline=deadline
            )
        )

    async def get_transfer(self, transfer_id: str) -> InstanceTransfer:
        """Return one transfer between instances."""
        checked_id = values.path_id(transfer_id, name="transfer_id")
        return await self._request(self._contract.portfolio.get_transfer(checked_id))

    def transfers(
        self,
        *,
        limit: int | None = None,
        max_pages: int | None = None,
        page_size: int | None = None,
    ) -> AsyncRows[InstanceTransfer]:
        """Iterate over transfers between instances."""
        query = list_query(limit=limit, page_size=page_size)
        return self._rows(self._contract.portfolio.transfers(query), limit, max_pages)

    async def target_allocation(self) -> TargetAllocation:
        """Return the target share of the balance on each shard."""
        return await self._request(self._contract.portfolio.target_allocation())

    async def set_target_allocation(
        self,
        percent: Mapping[int, int],
        *,
        resting_margin_reservation: str | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Set the target share of the balance on each shard: {exchange_index: whole percent}."""
        call = self._contract.portfolio.set_target_allocation(
            allocation(percent), _reservation(resting_margin_reservation)
        )
        await self._run(
            writes.send_idempotent(
                call, self._context, deadline=deadline, state_of=("target allocation", None)
            )
        )


def _reservation(value: str | None) -> str | None:
    if value is None:
        return None
    return member(RestingMarginReservation, value, "resting_margin_reservation").value
