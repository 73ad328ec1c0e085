"""What a write is to the engine of resolve.py, and how far each of its keys has come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from kalshi_ext.bases import Printed, Value
from kalshi_ext.contracts.interface import Contract
from kalshi_ext.errors import KalshiError, NotSent, OutcomeUnknown, Refused
from kalshi_ext.journal import REOPENABLE, Entry, JournalError, State, Transition
from kalshi_ext.protocol.flow import (
    CallLimits,
    Context,
    Flow,
    Record,
)
from kalshi_ext.protocol.messages import Call, Lost, Operation, Reply
from kalshi_ext.reads.watermark import SentAt, Watermark
from kalshi_ext.writes import journal_codec
from kalshi_ext.writes.outcomes import (
    Executed,
    InPlace,
    NotDone,
    ProbeResult,
    Recordable,
    Unknown,
    WriteOutcome,
)

NOT_SENT = SentAt()

T = TypeVar("T")
Result: TypeAlias = T | KalshiError


@define(eq=False, repr=False)
class Progress(Printed, Generic[T]):
    """How far the write under one journal key has come.

    `result` is a value, or an error that the caller gets; `is_open` says that it has no verdict.
    """

    key: str
    ticker: str | None
    sent: SentAt = NOT_SENT
    attempts: int = 0  # of this call, whose answers proved nothing
    earlier_attempts: int = 0  # of earlier calls
    # An attempt before the present one, of whichever call, may have been executed.
    tried: bool = False
    unknown: Unknown | None = None  # the outcome that has to be found out
    not_done: NotDone[T] | None = None  # what the probe found, where it may go again
    # The exchange's time before which it cannot have been made; None for the start of the call.
    since: float | None = None
    result: Result[T] | None = None
    is_settled: bool = False
    is_open: bool = True
    is_moot: bool = False  # open, and yet no reason for a later write to wait
    unknown_since: float | None = None  # monotonic; None where nothing was told of it

    def has_made(self, found: InPlace[T], watermark: Watermark) -> bool:
        """Say whether an order is as wanted by this very write, so that no copy of it is left.

        None is left either of one that the exchange refused as no change, sent no other time.
        """
        if self.unknown is None or not self.sent.visible(watermark):
            return False
        error = self.unknown.error
        if isinstance(error, Refused) and not (isinstance(error, OutcomeUnknown) or self.tried):
            return True
        return found.changed_at is not None and self.sent.is_before(found.changed_at, watermark)


@frozen(eq=False, repr=False)
class Reading(Value):
    """One look: the watermark before it, and the keys of which no copy can be executed any more."""

    watermark: Watermark
    expired: Collection[str]


@define(eq=False, repr=False)
class Write(Printed, ABC, Generic[T]):
    """One call as data for the engine: the orders of a batch, or one other write.

    A kind of write says what it sends, what an answer proves, what a read shows and what of it the
    journal keeps. One that recovery makes is only probed. `names_one`: a key names one write for
    ever, so that one that is found needs no fresh read.
    """

    names_one: ClassVar[bool] = False

    contract: Contract
    context: Context
    limits: CallLimits
    operation: Operation
    sends: bool = field(default=True, kw_only=True)
    began: tuple[float, float] = field(default=(0.0, 0.0), init=False)  # monotonic, Unix seconds
    progress: dict[str, Progress[T]] = field(factory=dict[str, Any], init=False)

    def build(self, _: Sequence[str], /) -> Call[Any]:
        """Make the request that is sent for these keys."""
        raise AssertionError("recovery sends nothing")

    def judge(
        self, _: Call[Any], __: Sequence[str], ___: Reply | Lost, /
    ) -> Mapping[str, WriteOutcome[T]]:
        """Say what the answer to the request proves of each key."""
        raise AssertionError("recovery sends nothing")

    @abstractmethod
    def probe(self, keys: Sequence[str], reading: Reading, /) -> Flow[Mapping[str, ProbeResult[T]]]:
        """Read once what became of each key."""

    @abstractmethod
    def executed(self, key: str, value: T, /, **tries: Any) -> Transition:
        """Say how the journal keeps an execution."""

    @abstractmethod
    def not_executed(self, key: str, reason: str, /) -> NotSent:
        """Make the caller's error of what is proven not executed, although it was sent."""

    @abstractmethod
    def unproven(self, key: str, error: KalshiError, /) -> OutcomeUnknown:
        """Make the caller's error of what could not be found out in time."""

    def seen(self, progress: Progress[T], outcome: Unknown, /) -> str | None:
        """Say what the journal keeps of an outcome that is looked for."""

    def transition(self, progress: Progress[T], outcome: Recordable[T]) -> Transition:
        """Say how the journal keeps an outcome."""
        key, tries = progress.key, self._tries(progress)
        if isinstance(outcome, Executed):
            return self.executed(key, outcome.value, **tries)
        if isinstance(outcome, Unknown):
            seen = self.seen(progress, outcome)
            return Transition(key, State.UNKNOWN, verdict=seen, **tries)
        return journal_codec.ended(key, outcome.error, **tries)

    def _tries(self, progress: Progress[T]) -> dict[str, Any]:
        """Return what a transition says of the sendings so far: their number, the latest time."""
        if not progress.attempts:
            return {}
        tries: dict[str, Any] = {"attempts": progress.earlier_attempts + progress.attempts}
        if progress.sent.stamp:
            tries["sent_at"] = journal_codec.instant(progress.sent.stamp)
        return tries | journal_codec.dated(self.context.exchange_clock.at(progress.sent.at))

    def may_be_sent_elsewhere(self, key: str) -> Flow[bool]:
        """Say whether the process that has an entry now may send it, or has: it names one write.

        What carries no key of its own is sent by nobody else.
        """
        if not self.names_one:
            return False
        try:
            entry: Entry | None = yield Record("get", (key,))
        except JournalError:  # nothing says that somebody else has it
            return False
        if entry is None or entry.state in REOPENABLE:
            return False
        return self.context.journal_owner not in ("", entry.owner)

    def pending(self) -> list[str]:
        """Return the keys that are to be sent."""
        return [k for k, p in self.progress.items() if not p.is_settled and p.unknown is None]

    def unknown(self) -> list[str]:
        """Return the keys that have to be found out."""
        return [k for k, p in self.progress.items() if p.unknown is not None]
