"""Clients that are wrong about money, groups and being closed, for the judge to find.

As in `broken_clients`: each trusts one thing that it should not, or promises what it does not keep.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import httpx
from attrs import define
from broken_clients import Naive, Said
from hostile_money import ALLOCATION, KEYED, NETTING, SUBACCOUNTS, UNKEYED
from hostile_scenario import WantedOrder

from kalshi_ext import Misuse, NotSent, OutcomeUnknown, Refused

GROUPS = "/portfolio/order_groups"


@define
class SaidGroup:
    """What a naive client takes for a group."""

    id: str


class NaiveMoney(Naive):
    """Moves money and changes groups; any success is believed, and a timeout is "not sent"."""

    async def write(self, method: str, path: str, body: Any = None) -> Any:
        """Send a write and return its document."""
        try:
            answer = await self.send(method, path, body)
        except httpx.HTTPError:
            return await self.lost_write(method, path, body)
        if not answer.is_success:
            raise Refused(answer.text)
        return answer.json() if answer.content else {}

    async def lost_write(self, method: str, path: str, body: Any) -> Any:
        """Say what an answer that never came means."""
        raise NotSent("timed out")

    async def subaccounts_transfer(
        self, amount: Decimal, *, client_transfer_id: str, **ends: int
    ) -> None:
        """Move money under a key."""
        body = {**ends, "amount_cents": int(amount * 100), "client_transfer_id": client_transfer_id}
        await self.write("POST", KEYED, body)

    async def portfolio_transfer(self, amount: Decimal, **ends: str) -> Any:
        """Move money between instances."""
        body = {**ends, "amount": int(amount * 10_000)}
        return (await self.write("POST", UNKEYED, body)).get("transfer_id", "t-none")

    async def subaccounts_create(self) -> Any:
        """Make a subaccount."""
        return (await self.write("POST", SUBACCOUNTS, {})).get("subaccount_number", 99)

    async def order_groups_create(self, *, contracts_limit: int) -> SaidGroup:
        """Make a group."""
        body = {"contracts_limit_fp": f"{contracts_limit}.00"}
        made = await self.write("POST", f"{GROUPS}/create", body)
        return SaidGroup(made.get("order_group_id", "g-none"))

    async def order_groups_set_limit(self, group_id: str, limit: int) -> None:
        """Change a group's limit."""
        body = {"contracts_limit_fp": f"{limit}.00"}
        await self.write("PUT", f"{GROUPS}/{group_id}/limit", body)

    async def order_groups_reset(self, group_id: str) -> None:
        """Let a group take orders again."""
        await self.write("PUT", f"{GROUPS}/{group_id}/reset", {})

    async def order_groups_trigger(self, group_id: str) -> None:
        """Stop a group."""
        await self.write("PUT", f"{GROUPS}/{group_id}/trigger", {})

    async def order_groups_delete(self, group_id: str) -> None:
        """Remove a group."""
        await self.write("DELETE", f"{GROUPS}/{group_id}")

    async def subaccounts_set_netting(self, subaccount: int, *, enabled: bool) -> None:
        """Switch netting."""
        await self.write("PUT", NETTING, {"subaccount_number": subaccount, "enabled": enabled})

    async def portfolio_set_target_allocation(self, percent: dict[int, int]) -> None:
        """Set the shares."""
        shares = [{"exchange_index": shard, "percent": share} for shard, share in percent.items()]
        await self.write("POST", ALLOCATION, {"allocations": shares})


class SendsMoneyAgain(NaiveMoney):
    """What has no key is sent again at once, and what names a state; the first is forgotten."""

    async def lost_write(self, method: str, path: str, body: Any) -> Any:
        return await self.write(method, path, body)


class TakesANewKey(NaiveMoney):
    """A repeat goes under a key of its own."""

    async def lost_write(self, method: str, path: str, body: Any) -> Any:
        return await self.write(method, path, {**body, "client_transfer_id": str(uuid.uuid4())})


class TakesSilenceForYes(NaiveMoney):
    """What is lost is taken for done."""

    async def lost_write(self, method: str, path: str, body: Any) -> Any:
        return {}


class KeepsNothingOpen(NaiveMoney):
    """Says that it is unknown, and keeps nothing of it."""

    async def lost_write(self, method: str, path: str, body: Any) -> Any:
        raise OutcomeUnknown("lost")


class KeepsItOpenForEver(NaiveMoney):
    """Keeps what is unknown of a transfer, and learns nothing from the repeat under its key."""

    async def subaccounts_transfer(
        self, amount: Decimal, *, client_transfer_id: str, **ends: int
    ) -> None:
        self.states[client_transfer_id] = "unknown"
        raise OutcomeUnknown("lost")


class SaysThatItWasClosed(Naive):
    """A call whose client was closed meanwhile is taken for one that sent nothing."""

    async def lost(self, wanted: WantedOrder, body: Any, error: Exception | None) -> Said:
        raise self.denied(wanted, Misuse("this client is closed"))
