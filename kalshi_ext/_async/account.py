"""client.account and client.exchange: rate limits, usage levels, status and hours."""

from __future__ import annotations

from datetime import datetime

from kalshi_ext import reads, values, writes
from kalshi_ext._async.resource import AsyncResource
from kalshi_ext.models import (
    AccountLimits,
    Budget,
    EndpointCosts,
    ExchangeStatus,
    Market,
    Schedule,
    VolumeProgress,
)
from kalshi_ext.protocol.limits import Deadline


class AsyncAccount(AsyncResource):
    """Rate limits and usage levels (current contract only)."""

    async def limits(self) -> AccountLimits:
        """Return the usage tier and its token buckets."""
        return await self._request(self._contract.account.limits())

    async def endpoint_costs(self) -> EndpointCosts:
        """Return what requests cost in tokens. Public."""
        return await self._request(self._contract.account.endpoint_costs())

    async def volume_progress(self) -> list[VolumeProgress]:
        """Return the volume of the trailing 30 days and the goals of the usage levels."""
        return await self._whole_list(self._contract.account.volume_progress())

    async def upgrade(self, *, deadline: Deadline | None = None) -> None:
        """Ask for the next usage level. Not repeated when its answer is lost: OutcomeUnknown."""
        call = self._contract.account.upgrade()
        await self._run(writes.send_idempotent(call, self._context, deadline=deadline))

    def budget(self) -> Budget | None:
        """Return the tokens, refill and queue of each bucket; None with `pace=None`.

        What this client counts, on the exchange's buckets: nothing is sent.
        """
        pacer = self._context.pacer
        return (
            None if pacer is None else pacer.budget(self._client.session.endpoint.clock.monotonic())
        )


class AsyncExchange(AsyncResource):
    """The exchange itself; needs no credentials (current contract only)."""

    async def status(self) -> ExchangeStatus:
        """Return whether the exchange is up and trading, in total and by shard."""
        return await self._request(self._contract.exchange.status())

    async def schedule(self) -> Schedule:
        """Return trading hours and planned maintenance."""
        return await self._request(self._contract.exchange.schedule())

    async def wait_until_open(self, ticker: str, *, deadline: Deadline | None = None) -> Market:
        """Wait until a market takes orders, and return it.

        Looks at the market, the status of its shard and the schedule, more often the nearer the
        opening is. Raises MarketClosed for a market that has ended, MarketNotOpen (with
        `reopens_at`) at the deadline; without one it waits as long as it takes.
        """
        steps = reads.wait_until_open(
            self._contract, values.path_ticker(ticker), self._context, deadline=deadline
        )
        return await self._client.run(steps)

    async def data_timestamp(self) -> datetime:
        """Return the watermark of reads: how fresh balance, orders, fills and positions are."""
        return await self._request(self._contract.exchange.data_timestamp())
