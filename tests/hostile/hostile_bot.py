"""The bot of a scenario: the public client, sync or async, its journal and its lives.

It is written once: a sync client's calls run on a thread. A crash closes nothing in order: the
client is left and a new one opens the same journal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any

from attrs import define, evolve, field
from hostile_network import HostileNetwork
from hostile_scenario import (
    ALLOCATIONS,
    AMENDS,
    DECREASE_BY,
    DECREASES_TO,
    GROUP_LIMIT,
    INSTANCE_AMOUNTS,
    KEY_ID,
    LIMITS,
    NETTINGS,
    SLOTS,
    TRANSFERS,
    Run,
    Scenario,
    Step,
    SteppingClock,
    Told,
    verdict_of,
)
from hostile_verdicts import OPEN_STATES

from kalshi_ext import (
    AsyncKalshi,
    Backoff,
    Kalshi,
    KalshiError,
    OrderTicket,
    Policy,
    open_journal,
)

# Everything a client counts on, made small; the exchange's own life of a signature is LIFE.
TIMES: dict[str, Any] = {
    "timeout": 0.4,
    "attempts": 3,
    "signature_life": 1.4,
    "resolve_within": 6.0,
    "poll": 0.03,
    "poll_ceiling": 0.3,
    "read_lag": 0.6,
    "rounds": 2,
}
_THREADS = ThreadPoolExecutor(64, thread_name_prefix="bot")


def policy(scenario: Scenario) -> Policy:
    """Return the policy of a scenario's bot."""
    backoff = Backoff(first=0.01, ceiling=0.05)
    return Policy(**TIMES, resend_within=scenario.resend_within, backoff=backoff)


async def on_thread(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call something that blocks, on a thread with this task's clock."""
    call = partial(copy_context().run, function, *args, **options)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, call)


@define
class Bot:
    """One bot, over all its lives."""

    url: str
    pem: bytes
    scenario: Scenario
    clock: SteppingClock
    place: Any  # of its journal: a path, a URL, or None for memory
    client: Any = None
    journal: Any = None
    order_ids: dict[int, str] = field(factory=dict)
    group_id: str | None = None
    there: Callable[[], float] = time.time  # the exchange's clock, Unix seconds
    life: int = 0  # which journal it has opened
    policy: Policy = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.policy = policy(self.scenario)

    async def open(self) -> None:
        """Begin a life: open the journal and a client on it."""
        self.life += 1
        self.journal = await on_thread(open_journal, self.place, now=self.clock.now)
        self._connect()

    def _connect(self) -> None:
        kind = AsyncKalshi if self.scenario.client == "async" else Kalshi
        self.client = kind(
            key_id=KEY_ID,
            private_key=self.pem,
            environment=self.url,
            contract=self.scenario.freedoms.contract,
            policy=self.policy,
            timeout=self.policy.timeout,
            journal=self.journal,
        )

    async def close(self) -> None:
        """End a life."""
        if self.client is not None:
            await self.call("aclose" if self.scenario.client == "async" else "close")
            await on_thread(self.journal.close)
        self.client = None

    async def _with_a_twin(self, number: int, step: Step, run: Run) -> list[Told]:
        """Make calls with two clients at a time, one sync and one async, on one journal."""
        other = "sync" if self.scenario.client == "async" else "async"
        twin = self._twin(other)
        twin.life = self.life
        second = step if step.beside is None else Step(step.beside, step.slot + 1)
        calls = [(bot, each, bot._call_of(each)) for bot, each in ((self, step), (twin, second))]
        takes = [
            bot._take(number, each, work, run) for bot, each, work in calls if work is not None
        ]
        try:
            told = list(await asyncio.gather(*takes))
            for each in told[1:]:
                each.twin = True
            return told
        finally:
            await twin.call("aclose" if other == "async" else "close")

    def _twin(self, other: Any) -> Bot:
        twin = Bot(self.url, self.pem, evolve(self.scenario, client=other), self.clock, None)
        twin.journal, twin.order_ids = self.journal, self.order_ids
        twin.group_id, twin.there = self.group_id, self.there
        twin._connect()
        return twin

    async def end(self) -> None:
        """End the last life."""
        await self.close()

    async def call(self, path: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client by its dotted name."""
        method: Any = self.client
        for name in path.split("."):
            method = getattr(method, name)
        if self.scenario.client == "async":
            return await method(*args, **options)
        return await on_thread(method, *args, **options)

    async def live(self, run: Run, network: HostileNetwork) -> None:
        """Run the script."""
        self.there = network.exchange.now
        await self.open()
        for number, step in enumerate(self.scenario.steps):
            network.step = number
            if step.word == "restart":
                await self.close()
                await self.open()
                continue
            if step.twice or step.beside is not None:
                run.told += await self._with_a_twin(number, step, run)
                continue
            work = self._call_of(step)
            if work is not None:
                run.told.append(await self._take(number, step, work, run))

    def _call_of(self, step: Step) -> Callable[[], Awaitable[Any]] | None:
        """Return the call of a step with its deadline, which may be a moment."""
        work = self._work(step)
        if work is None or step.deadline is None:
            return work
        if step.expires:
            work = partial(work, expire_at_deadline=True)
        if not step.aware:
            return partial(work, deadline=step.deadline)
        return partial(work, deadline=datetime.fromtimestamp(self.there() + step.deadline, UTC))

    async def settle(self, run: Run, step: int) -> None:
        """Recover in a new life, then read what the journal says of each order."""
        if self.scenario.journal != "memory":
            await self.close()
            await self.open()
        for _ in range(3):  # a busy machine may need more than one patience
            work = partial(self.call, "recover")
            run.told.append(await self._take(step, Step("recover"), work, run))
            if not await self._open_entries():
                break
        await self._finish_transfers(run, step)
        for slot in range(len(SLOTS)):
            entry = await self._entry(slot)
            run.states[slot] = None if entry is None else str(entry.state)
            run.entry_order_ids[slot] = None if entry is None else entry.order_id

    async def _finish_transfers(self, run: Run, step: int) -> None:
        """Repeat under their keys the transfers that have no verdict, as a caller should."""
        words = {told.slots[0] for told in run.told if told.word == "transfer"}
        for slot in sorted(words):
            told = [t for t in run.told if t.word == "transfer" and t.slots == (slot,)]
            state = await self._state(Step("transfer", slot))
            if told[-1].verdict in ("unknown", "interrupted") or state in OPEN_STATES:
                again = Step("transfer", slot)
                work = self._call_of(again)
                if work is not None:
                    run.told.append(await self._take(step, again, work, run))
            run.transfer_states[slot] = await self._state(Step("transfer", slot))
        run.open_operations = await self._operations()

    async def _entry(self, slot: int) -> Any:
        return await on_thread(self.journal.get, SLOTS[slot].client_order_id)

    async def _state(self, step: Step) -> str | None:
        """Return the journal's state of the write of a step."""
        if step.word == "transfer":
            entry = await on_thread(self.journal.get, f"transfer-{TRANSFERS[step.slot].key}")
        else:
            entry = await self._entry(step.slot)
        return None if entry is None else str(entry.state)

    async def _operations(self) -> list[str]:
        return [entry.operation for entry in await on_thread(self.journal.open_entries)]

    async def _open_entries(self) -> int:
        return len(await on_thread(self.journal.open_entries))

    async def _take(
        self, number: int, step: Step, work: Callable[[], Awaitable[Any]], run: Run
    ) -> Told:
        """Make one call and keep what it told."""
        slots = (0, 1) if step.word == "place_many" else (step.slot,)
        told = Told(number, step.word, "done", slots, self.order_ids.get(step.slot))
        told.life, told.state = self.life, step.state
        told.began, told.began_there = time.monotonic(), self.there()
        task = asyncio.ensure_future(work())
        if step.killed_after is not None:
            await self._kill(task, step.killed_after, run)
        if step.closed_after is not None:
            await self._close_beside(task, step)
        if step.stopped_after is not None and self.scenario.client == "async":
            await asyncio.wait([task], timeout=step.stopped_after)
            task.cancel()
        try:
            told.value = await task
        except (Exception, asyncio.CancelledError) as error:
            told.verdict, told.error = verdict_of(error), error
        told.ended = time.monotonic()
        if step.closed_after is not None:
            await self._open_again(step)
        self._learn(step, told)
        for slot in slots:
            told.states[slot] = await self._state(evolve(step, slot=slot))
        told.open_entries = await self._open_entries()
        return told

    async def _close_beside(self, task: asyncio.Future[Any], step: Step) -> None:
        """Close the client, and the journal where the step says so, while a call runs."""
        await asyncio.wait([task], timeout=step.closed_after)
        await self.call("aclose" if self.scenario.client == "async" else "close")
        if step.closes_journal:
            await on_thread(self.journal.close)

    async def _open_again(self, step: Step) -> None:
        if step.closes_journal:
            await self.open()
        else:
            self._connect()

    async def _kill(self, task: asyncio.Future[Any], after: float, run: Run) -> None:
        """Cancel everything beside a running call, until the exchange has said yes."""
        await asyncio.wait([task], timeout=after)
        for _ in range(5):
            try:
                await self.call("orders.cancel_all")
            except KalshiError:
                continue
            run.killed_at = time.monotonic()
            return

    def _learn(self, step: Step, told: Told) -> None:
        if step.word == "place" and told.verdict == "done":
            self.order_ids[step.slot] = told.value.order_id
        elif step.word == "place_many" and told.verdict == "done":
            for slot, result in zip((0, 1), told.value, strict=True):
                if not isinstance(result, KalshiError):
                    self.order_ids[slot] = result.order_id
        elif step.word == "create_group" and told.verdict == "done":
            self.group_id = told.value.id

    def _work(self, step: Step) -> Callable[[], Awaitable[Any]] | None:
        """Return the call of a step; None where there is nothing it could be about."""
        wanted, order_id = SLOTS[step.slot], self.order_ids.get(step.slot)
        call, word = self.call, step.word
        if word == "place":
            group = {"order_group_id": self.group_id} if step.grouped and self.group_id else {}
            return partial(call, "orders.place", wanted.ticker, **wanted.arguments(), **group)
        if word == "place_many":
            tickets = [OrderTicket.of(w.ticker, **w.arguments()) for w in SLOTS[:2]]
            return partial(call, "orders.place_many", tickets)
        if word in ("cancel_all", "recover"):
            return partial(call, {"cancel_all": "orders.cancel_all"}.get(word, word))
        if word == "create_group":
            return partial(call, "order_groups.create", contracts_limit=GROUP_LIMIT)
        if word in ("delete_group", "trigger_group", "reset_group"):
            method = f"order_groups.{word.removesuffix('_group')}"
            return partial(call, method, self.group_id) if self.group_id else None
        if word == "set_limit":
            method = "order_groups.set_limit"
            args = (self.group_id, LIMITS[step.state])
            return partial(call, method, *args) if self.group_id else None
        if word in ("transfer", "transfer_instances", "create_subaccount"):
            return self._move(word, step.slot)
        if word == "set_netting":
            return partial(call, "subaccounts.set_netting", 1, enabled=NETTINGS[step.state])
        if word == "set_allocation":
            return partial(call, "portfolio.set_target_allocation", ALLOCATIONS[step.state])
        if order_id is None:
            return None
        return self._change(word, order_id, step)

    def _move(self, word: str, slot: int) -> Callable[[], Awaitable[Any]]:
        if word == "create_subaccount":
            return partial(self.call, "subaccounts.create")
        if word == "transfer_instances":
            ends = {"source": "event_contract", "destination": "margined"}
            return partial(self.call, "portfolio.transfer", INSTANCE_AMOUNTS[slot], **ends)
        return partial(
            self.call,
            "subaccounts.transfer",
            TRANSFERS[slot].amount,
            from_subaccount=0,
            to_subaccount=1,
            client_transfer_id=TRANSFERS[slot].key,
        )

    def _change(self, word: str, order_id: str, step: Step) -> Callable[[], Awaitable[Any]]:
        wanted, classic = SLOTS[step.slot], self.scenario.freedoms.contract == "classic"
        where = {} if classic else {"ticker": wanted.ticker}
        if word == "amend":
            price, more = AMENDS[step.state]
            return partial(
                self.call,
                "orders.amend",
                order_id,
                ticker=wanted.ticker,
                side=wanted.side,
                client_order_id=wanted.client_order_id,
                price=price,
                count=wanted.count + more,
            )
        if word == "cancel_many":
            return partial(self.call, "orders.cancel_many", [order_id])
        if word == "cancel":
            return partial(self.call, "orders.cancel", order_id, **where)
        size = {"by": DECREASE_BY} if word == "decrease_by" else {"to": DECREASES_TO[step.state]}
        return partial(self.call, "orders.decrease", order_id, **size, **where)


def connect(url: str, pem: bytes, scenario: Scenario, clock: SteppingClock, place: Any) -> Bot:
    """Make the bot of a scenario, on the public client."""
    return Bot(url, pem, scenario, clock, place)
