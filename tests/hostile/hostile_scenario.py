"""A scenario as data, and its run: a script of calls, by a real client over TCP, with its crashes.

A scenario names everything that is free: what the exchange may do, which requests meet which
fault, what the bot calls, by which client, on which journal, when its clock steps and when it is
interrupted. `play` runs it and returns what the caller was told beside what the books hold; saying
whether that is honest is `hostile_judge`'s work.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from attrs import Factory, define, field, fields, frozen, has
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hostile_books import Books, OrderRequest
from hostile_exchange import HostileExchange, WireRequest, real_time
from hostile_freedoms import Fault, Freedoms
from hostile_money import Purse
from hostile_network import HostileNetwork

from kalshi_ext import (
    DuplicateIdConflict,
    EarlierWriteUnsettled,
    KalshiError,
    Misuse,
    NotSent,
    OutcomeUnknown,
    Refused,
)

Word = Literal[
    "place", "place_many", "amend", "decrease_by", "decrease_to", "cancel", "cancel_many",
    "cancel_all", "create_group", "delete_group", "trigger_group", "reset_group", "set_limit",
    "transfer", "transfer_instances", "create_subaccount", "set_netting", "set_allocation",
    "recover", "restart",
]  # fmt: skip
ClientKind = Literal["sync", "async"]


@frozen
class Step:
    """One call of the script; `slot` names the order it is about, `stopped_after` interrupts it.

    `stopped_after` is in seconds. With `killed_after` (seconds) everything is cancelled beside it.
    `deadline` is the caller's own, in seconds. `twice`: a second client on the same journal, sync
    where the first is async, makes the same call at the same time; with `beside` it makes that call
    instead, of the order of the next slot.

    `aware`: the deadline is given as an aware datetime. `expires`: with `expire_at_deadline=True`.
    `state`: which of the states that its word knows it asks for (AMENDS, LIMITS, ...).
    `grouped`: the order belongs to the group that was made before. `closed_after`: so many seconds
    later another thread or task closes the client, with `closes_journal` the journal too.
    """

    word: Word
    slot: int = 0
    stopped_after: float | None = None
    killed_after: float | None = None
    deadline: float | None = None
    twice: bool = False
    beside: Word | None = None
    aware: bool = False
    expires: bool = False
    grouped: bool = False
    closed_after: float | None = None
    closes_journal: bool = False
    state: int = 0


@frozen
class Scenario:
    """Everything that decides a run, but the time that the machine takes."""

    steps: tuple[Step, ...]
    freedoms: Freedoms = field(factory=Freedoms)
    faults: tuple[Fault, ...] = ()
    client: ClientKind = "async"
    journal: Literal["memory", "sqlite", "postgres"] = "sqlite"
    # The client's clock steps by so many seconds when the exchange has met so many requests.
    clock_step: tuple[int, float] | None = None
    # Seconds after which an order is not sent again.
    resend_within: float = 5.0


def _default(attribute: Any) -> Any:
    default = attribute.default
    return default.factory() if isinstance(default, Factory) else default  # type: ignore[arg-type]


def changed(data: Any) -> str:
    """Write a scenario or a part of it as Python, without what is the default."""
    if isinstance(data, tuple):
        return f"({''.join(changed(each) + ', ' for each in data)})"
    if not has(type(data)):
        return repr(data)
    parts = [
        f"{a.name}={changed(value)}"
        for a in fields(type(data))
        if (value := getattr(data, a.name)) != _default(a)
    ]
    return f"{type(data).__name__}({', '.join(parts)})"


@frozen
class WantedOrder:
    """What a slot asks for; the classic contract says the side in its own words."""

    client_order_id: str
    ticker: str
    side: Literal["bid", "ask"]
    price: str
    count: int

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `place`."""
        return {
            "side": self.side,
            "price": self.price,
            "count": self.count,
            "client_order_id": self.client_order_id,
        }


RAIN, SNOW = "KXRAIN-26DEC31-NYC", "KXSNOW-26DEC31-NYC"
SLOTS = (
    WantedOrder("wish-zero", RAIN, "bid", "0.40", 5),
    WantedOrder("wish-one", RAIN, "ask", "0.60", 4),
    WantedOrder("wish-two", SNOW, "bid", "0.30", 6),
)
# What a step's `state` names: a price and how much more than was placed; what may remain; a limit;
# whether to net; percents by shard.
AMENDS = ((Decimal("0.45"), 2), (Decimal("0.42"), 1))
DECREASE_BY, DECREASES_TO = 1, (2, 1)
GROUP_LIMIT, LIMITS = 100, (250, 40)
NETTINGS = (True, False)
ALLOCATIONS = ({0: 100}, {0: 60, 1: 40})


@frozen
class WantedTransfer:
    """What a slot asks to be moved from subaccount 0 to 1, in dollars, under its key."""

    key: str
    amount: Decimal


# The first two have one key and not one content.
TRANSFERS = (
    WantedTransfer("8a5f2ad6-9d1b-4b7e-8a53-6b2f6f6c9a01", Decimal("1.50")),
    WantedTransfer("8a5f2ad6-9d1b-4b7e-8a53-6b2f6f6c9a01", Decimal("2.75")),
    WantedTransfer("0b7c1f7e-54b1-4a58-9b63-0d9df1b1c002", Decimal("0.25")),
)
INSTANCE_AMOUNTS = (Decimal("2.5"), Decimal("0.3001"), Decimal("2.5"))
ACCOUNT, KEY_ID = "trader", "key-1"


@define
class Told:
    """What one call told its caller. `moment`s are monotonic seconds; `value` is what it returned.

    `client_order_ids` are the orders asked for, `order_ids` those a change was about.
    """

    step: int
    word: Word
    verdict: str
    slots: tuple[int, ...] = ()
    order_id: str | None = None
    value: Any = None
    error: BaseException | None = None
    began: float = 0.0
    ended: float = 0.0
    began_there: float = 0.0  # Unix seconds of the exchange's clock
    # The journal's states of these orders right after the call.
    states: dict[int, str | None] = field(factory=dict)
    open_entries: int = 0
    twin: bool = False  # by the second client
    life: int = 0  # in which opening of the journal
    state: int = 0  # as the step's


@define
class Run:
    """What a scenario led to."""

    scenario: Scenario
    books: Books
    attempts: list[WireRequest]
    told: list[Told]
    states: dict[int, str | None]  # of the journal, at the end
    entry_order_ids: dict[int, str | None]
    struck: dict[str, int]
    # Requests that were answered, and of which the network kept a copy: no client can know.
    copied: set[int] = field(factory=set[int])
    purse: Purse = field(factory=Purse)
    open_operations: list[str] = field(factory=list[str])  # of the journal's entries, at the end
    transfer_states: dict[int, str | None] = field(factory=dict)  # as `states`, of TRANSFERS
    killed_at: float | None = None  # monotonic seconds: when the caller was told it was done
    stalled: float = 0.0  # seconds in which the machine let nothing of the run go on


def verdict_of(error: BaseException) -> str:
    """Name what an error of a write tells its caller."""
    for kind, verdict in _VERDICTS:
        if isinstance(error, kind):
            return verdict
    return "broken"


_VERDICTS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncio.CancelledError, "interrupted"),
    (DuplicateIdConflict, "conflict"),
    (Misuse, "misuse"),
    (EarlierWriteUnsettled, "held_back"),
    (NotSent, "not_sent"),
    (OutcomeUnknown, "unknown"),  # before Refused: UnavailableWrite is both
    (Refused, "refused"),
    (KalshiError, "failed"),  # a read that the call needed first
)


class SteppingClock:
    """A machine's clock that can be made to step; `install` puts it in the place of time.time."""

    _offset: ContextVar[SteppingClock | None] = ContextVar("clock", default=None)

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> datetime:
        """Return the machine's time, as a journal takes it."""
        return datetime.fromtimestamp(real_time() + self.offset, UTC)

    @classmethod
    def time(cls) -> float:
        """Return the time of the machine that this task or thread belongs to."""
        clock = cls._offset.get()
        return real_time() + (0.0 if clock is None else clock.offset)

    @classmethod
    @contextlib.contextmanager
    def installed(cls) -> Iterator[None]:
        """Let every machine have a clock of its own meanwhile."""
        time.time = cls.time
        try:
            yield
        finally:
            time.time = real_time

    def wind(self) -> None:
        """Make this the clock of the current task and of what it starts."""
        self._offset.set(self)


def new_key() -> tuple[bytes, Any]:
    """Make a key pair: PEM for the client, the public half for the exchange."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, key.public_key()


Connect = Callable[[str, bytes, Scenario, SteppingClock, Any], Any]


async def play(scenario: Scenario, connect: Connect, place: Any) -> Run:
    """Run a scenario. `connect` makes the bot's hands (`hostile_bot`), `place` is for its journal.

    The faults end with the script. Then every late copy arrives, the bot recovers in a new life,
    and what the journal says is read.
    """
    pem, public = new_key()
    exchange = HostileExchange(scenario.freedoms, {KEY_ID: (ACCOUNT, public)})
    for wanted in SLOTS:
        exchange.books.shards[wanted.ticker] = scenario.freedoms.shard
        exchange.add_strangers(ACCOUNT, request_of(wanted))
    if scenario.freedoms.strangers != "none":
        exchange.purse.add_strangers()
    network = HostileNetwork(exchange, list(scenario.faults))
    clock = SteppingClock()
    clock.wind()
    if scenario.clock_step is not None:
        after, seconds = scenario.clock_step

        def step_clock(_: WireRequest) -> None:
            clock.offset = seconds if len(network.attempts) > after else 0.0

        network.stepped = step_clock
    url = await network.open()
    bot = connect(url, pem, scenario, clock, place)
    run = Run(scenario, exchange.books, network.attempts, [], {}, {}, network.struck)
    run.purse, run.copied = exchange.purse, network.copied
    watch = asyncio.ensure_future(_watch_for_stalls(run))
    try:
        await bot.live(run, network)
        network.faults.clear()
        await network.play_out()
        network.step = len(scenario.steps)
        await bot.settle(run, network.step)
    finally:
        watch.cancel()
        await bot.end()
        await network.close()
    return run


async def _watch_for_stalls(run: Run) -> None:
    """Count how much later than asked for a wait ends: so busy is the machine with other runs."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.05)
        late = time.monotonic() - before - 0.05
        run.stalled += late if late > 0.1 else 0.0


def request_of(wanted: WantedOrder) -> OrderRequest:
    """Return a slot as the books see it."""
    return OrderRequest(
        wanted.client_order_id,
        wanted.ticker,
        wanted.side,
        Decimal(wanted.price),
        Decimal(wanted.count),
    )


async def play_all(
    scenarios: list[Scenario], connect: Connect, places: list[Any], *, at_once: int = 40
) -> list[Run]:
    """Run scenarios side by side: most of each is waiting."""
    turns = asyncio.Semaphore(at_once)

    async def take_turn(scenario: Scenario, place: Any) -> Run:
        async with turns:
            return await play(scenario, connect, place)

    with SteppingClock.installed():
        pairs = zip(scenarios, places, strict=True)
        return list(await asyncio.gather(*(take_turn(*pair) for pair in pairs)))
