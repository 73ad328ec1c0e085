"""What a client tells while it works: events, and the log lines made of them."""

from kalshi_ext.events.bus import NOBODY, Events, Listener, checked_listener
from kalshi_ext.events.kinds import (
    AttemptAnswered,
    AttemptLost,
    AttemptSent,
    BudgetLearned,
    CallEnded,
    CallEvent,
    ClockCorrected,
    DeviationFound,
    Event,
    JournalFailed,
    JournalRecovered,
    RetryPlanned,
    StopCalled,
    UnknownOpened,
    UnknownResolved,
    WaitBegan,
    WriteDenied,
)
from kalshi_ext.events.logs import configure_logging

__all__ = [
    "NOBODY",
    "AttemptAnswered",
    "AttemptLost",
    "AttemptSent",
    "BudgetLearned",
    "CallEnded",
    "CallEvent",
    "ClockCorrected",
    "DeviationFound",
    "Event",
    "Events",
    "JournalFailed",
    "JournalRecovered",
    "Listener",
    "RetryPlanned",
    "StopCalled",
    "UnknownOpened",
    "UnknownResolved",
    "WaitBegan",
    "WriteDenied",
    "checked_listener",
    "configure_logging",
]
