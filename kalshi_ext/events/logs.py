"""Log lines made of events: quiet when all is well, two lines a trouble.

    logger                  WARNING                            INFO
    kalshi_ext.requests     no usable answer; a wrong clock    a call's end, a retry, all well again
    kalshi_ext.writes       an outcome is unknown (ERROR:      its verdict; a denial, a stop
                            it is left open)
    kalshi_ext.pacing       "too many requests"; a wait of     shorter waits, the account's budget,
                            LONG_WAIT seconds and more; the    all well again
                            store of a shared budget fails
    kalshi_ext.journal      it fails                           it works again

Attempts are at DEBUG. Every record has the attributes operation, client_order_id, attempt, waited
and status, None where they do not apply.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from typing import Any, Final

from attrs import define, field

from kalshi_ext.bases import Printed
from kalshi_ext.errors import Misuse
from kalshi_ext.events import kinds
from kalshi_ext.events.kinds import CallEvent, Event

LONG_WAIT: Final = 5.0  # seconds for the rate limit above which a wait is a trouble
EXTRA: Final = ("operation", "client_order_id", "attempt", "waited", "status")
LEVELS: Final = ("debug", "info", "warning", "error")
_LOGGERS: Final = {
    name: logging.getLogger(f"kalshi_ext.{name}")
    for name in ("requests", "writes", "pacing", "journal")
}

_REQUESTS, _WRITES, _PACING, _JOURNAL = _LOGGERS.values()


def log(name: str) -> logging.Logger:
    """Return the logger of this name below kalshi_ext."""
    return _LOGGERS[name]


def may_log() -> bool:
    """Say whether any of the loggers takes what goes as usual."""
    # Spelled out: it is asked four times an order, and a generator costs three times as much.
    return (
        _REQUESTS.isEnabledFor(logging.INFO)
        or _WRITES.isEnabledFor(logging.INFO)
        or _PACING.isEnabledFor(logging.INFO)
        or _JOURNAL.isEnabledFor(logging.INFO)
    )


_handler: logging.Handler | None = None


def configure_logging(level: str | None) -> None:
    """Do what KALSHI_LOG says: write to stderr from this level on. Raises Misuse for another word.

    The level may be changed, and a second handler is never added. None or "" changes nothing.
    """
    global _handler
    word = (level or "").strip().lower()
    if not word:
        return
    if word not in LEVELS:
        raise Misuse(f"KALSHI_LOG: must be one of {', '.join(LEVELS)}")
    root = logging.getLogger("kalshi_ext")
    root.setLevel(word.upper())
    if _handler is None:
        _handler = logging.StreamHandler(sys.stderr)
        _handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(_handler)
        root.propagate = False  # else a root handler of the program writes each line twice


@define(eq=False, repr=False)
class EventLog(Printed):
    """Write the lines of one client's events, and know its troubles. Shared by threads.

    `_troubles` maps what is wrong to when it began (monotonic) and how many events it had.
    """

    is_troubled: bool = field(default=False, init=False)
    _troubles: dict[str, tuple[float, int]] = field(factory=dict[str, tuple[float, int]])
    _left_open: set[str] = field(factory=set[str])  # keys of writes
    _lock: threading.RLock = field(factory=threading.RLock, repr=False)

    def take(self, event: Event) -> None:
        """Write what there is to write of an event."""
        name = _WRITERS.get(type(event))
        if name is not None:
            getattr(self, name)(event)

    def _begin(self, name: str, trouble: str, event: Event, text: str, *values: Any) -> None:
        """Write a WARNING for the first event of a trouble, INFO for the later ones."""
        with self._lock:
            began, count = self._troubles.get(trouble, (time.monotonic(), 0))
            self._troubles[trouble] = (began, count + 1)
            self.is_troubled = True
        _write(name, logging.INFO if count else logging.WARNING, event, text, *values)

    def _end(self, name: str, trouble: str, event: Event, text: str) -> None:
        """Write one line where a trouble is over: how long it was, in how many events."""
        if trouble not in self._troubles:
            return
        with self._lock:
            began, count = self._troubles.pop(trouble, (0.0, 0))
            self.is_troubled = bool(self._troubles)
        if count:
            _write(name, logging.INFO, event, text, time.monotonic() - began, count)

    def _sent(self, event: kinds.AttemptSent) -> None:
        text = "%s: attempt %d%s is sent"
        _write("requests", logging.DEBUG, event, text, event.operation, event.attempt, _of(event))
        if event.waited < LONG_WAIT:
            self._end("pacing", "wait", event, "requests wait no longer; it took %.1f s (%d waits)")

    def _answered(self, event: kinds.AttemptAnswered) -> None:
        text = "%s: attempt %d%s was answered %d after %.3f s"
        values = (event.operation, event.attempt, _of(event), event.status, event.seconds)
        _write("requests", logging.DEBUG, event, text, *values)
        if event.status == 429:
            text = "%s%s: the exchange answered 429, too many requests; going slower"
            self._begin("pacing", "429", event, text, event.operation, _of(event))
        elif event.status >= 500 or event.status == 408:
            text = "%s%s: the exchange, or a proxy, answered %d: nothing is known by that"
            self._begin(
                "requests", "answers", event, text, event.operation, _of(event), event.status
            )
        else:
            self._end("requests", "answers", event, _ANSWERS_AGAIN)
            self._end("pacing", "429", event, "no more 429 after %.1f s (%d of them)")
            if event.status != 401:
                self._end("requests", "clock", event, "the clock agrees after %.1f s (%d times)")

    def _lost(self, event: kinds.AttemptLost) -> None:
        left = "it may have arrived" if event.bytes_sent else "no byte of it left"
        values = (event.operation, _of(event), event.attempt, event.reason, left)
        text = "%s%s: attempt %d got no answer: %s; %s"
        self._begin("requests", "answers", event, text, *values)

    def _retry(self, event: kinds.RetryPlanned) -> None:
        values = (event.operation, _of(event), event.wait, event.reason)
        _write("requests", logging.INFO, event, "%s%s: again in %.2f s, after %s", *values)

    def _wait(self, event: kinds.WaitBegan) -> None:
        values = (event.operation, _of(event), event.seconds, event.reason)
        if event.seconds >= LONG_WAIT:
            self._begin("pacing", "wait", event, "%s%s: waits %.1f s: %s", *values)
        else:
            _write("pacing", logging.INFO, event, "%s%s: waits %.2f s: %s", *values)

    def _ended(self, event: kinds.CallEnded) -> None:
        if event.error is None:
            text = "%s%s: found done" if event.replayed else "%s%s: done"
            _write("requests", logging.INFO, event, text, event.operation, _of(event))
        else:
            values = (event.operation, _of(event), event.error, event.reason)
            _write("requests", logging.INFO, event, "%s%s: %s: %s", *values)

    def _unknown(self, event: kinds.UnknownOpened) -> None:
        text = "%s of %s: nobody knows yet whether it was executed (%s); looking for at most %.0f s"
        values = (event.operation, event.key, event.reason, event.within)
        self._begin("writes", f"unknown {event.key}", event, text, *values)

    def _resolved(self, event: kinds.UnknownResolved) -> None:
        values = (event.operation, event.key, event.verdict, event.seconds)
        if event.verdict != "open":
            with self._lock:
                self._troubles.pop(f"unknown {event.key}", None)
                self._left_open.discard(event.key)
                self.is_troubled = bool(self._troubles)
            _write("writes", logging.INFO, event, "%s of %s: %s, known after %.1f s", *values)
            return
        # It stays a trouble: each later look in vain is no news.
        with self._lock:
            level = logging.INFO if event.key in self._left_open else logging.ERROR
            self._left_open.add(event.key)
        # No journal knows a cancel: to cancel again is safe.
        is_cancel = event.operation.startswith("orders.cancel")
        advice = "cancel again" if is_cancel else "client.recover() looks again"
        text = "%s of %s: left %s, unknown still after %.1f s (%s); %s"
        _write("writes", level, event, text, *values, event.reason, advice)

    def _denied(self, event: kinds.WriteDenied) -> None:
        values = (event.operation, _of(event), event.reason)
        _write("writes", logging.INFO, event, "%s%s: not sent: %s", *values)

    def _stop(self, event: kinds.StopCalled) -> None:
        scopes = ", ".join(kind if of is None else f"{kind} {of}" for kind, of in event.scopes)
        is_latch = any(kind == "latch" for kind, _ in event.scopes)
        level = logging.WARNING if is_latch and not event.lifted else logging.INFO
        text = "%s lifts: %s" if event.lifted else "%s stops what is not sent yet: %s"
        _write("writes", level, event, text, event.by, scopes)

    def _clock(self, event: kinds.ClockCorrected) -> None:
        text = "%s: the exchange refused the time of the signature; the clock is moved by %+.1f s"
        self._begin("requests", "clock", event, text, event.operation, event.seconds)

    def _budget(self, event: kinds.BudgetLearned) -> None:
        text = "the account's budget: reads %g a second (%g at once), writes %g (%g)"
        _write("pacing", logging.INFO, event, text, *event.read, *event.write)

    def _budget_failed(self, event: kinds.BudgetFailed) -> None:
        text = "the shared budget fails (%s): this process paces itself as if it were alone"
        self._begin("pacing", "budget", event, text, event.reason)

    def _budget_recovered(self, event: kinds.BudgetRecovered) -> None:
        self._end(
            "pacing", "budget", event, "the budget is shared again after %.1f s (%d failures)"
        )

    def _journal_failed(self, event: kinds.JournalFailed) -> None:
        text = "the journal fails (%s): %s"
        self._begin("journal", "journal", event, text, event.verb, event.reason)

    def _journal_recovered(self, event: kinds.JournalRecovered) -> None:
        self._end("journal", "journal", event, "the journal works again after %.1f s (%d failures)")


_ANSWERS_AGAIN: Final = "the exchange answers again after %.1f s (%d attempts without an answer)"
_WRITERS: Final[dict[type[Event], str]] = {
    kinds.AttemptSent: "_sent",
    kinds.AttemptAnswered: "_answered",
    kinds.AttemptLost: "_lost",
    kinds.RetryPlanned: "_retry",
    kinds.WaitBegan: "_wait",
    kinds.CallEnded: "_ended",
    kinds.UnknownOpened: "_unknown",
    kinds.UnknownResolved: "_resolved",
    kinds.WriteDenied: "_denied",
    kinds.StopCalled: "_stop",
    kinds.ClockCorrected: "_clock",
    kinds.BudgetLearned: "_budget",
    kinds.BudgetFailed: "_budget_failed",
    kinds.BudgetRecovered: "_budget_recovered",
    kinds.JournalFailed: "_journal_failed",
    kinds.JournalRecovered: "_journal_recovered",
}


def _of(event: CallEvent) -> str:
    """Name what a call is about, in as few words as there are."""
    if len(event.client_order_ids) > 1:
        return f" of {len(event.client_order_ids)} orders"
    name = event.client_order_id or event.order_id
    return f" of {name}" if name else ""


def _write(name: str, level: int, event: Event, text: str, *values: Any) -> None:
    extra = {each: getattr(event, each, None) for each in EXTRA}
    _LOGGERS[name].log(level, text, *values, extra=extra)
