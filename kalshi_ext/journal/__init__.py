"""The write-ahead record of write intents: what makes an order happen once."""

from __future__ import annotations

from kalshi_ext.journal.binding import JournalMismatch, JournalUnadopted, account_label
from kalshi_ext.journal.entry import (
    FINAL,
    MOVES,
    OPEN,
    REOPENABLE,
    Entry,
    IllegalTransition,
    JournalBusy,
    JournalError,
    JournalUnusable,
    JournalUnwritable,
    NotOwner,
    Reservation,
    State,
    Transition,
    TransitionUnwritten,
    UnknownKey,
    advance,
)
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.journal.open import open_journal
from kalshi_ext.journal.stop_record import Latch

__all__ = [
    "FINAL",
    "MOVES",
    "OPEN",
    "REOPENABLE",
    "Entry",
    "IllegalTransition",
    "Journal",
    "JournalBusy",
    "JournalError",
    "JournalMismatch",
    "JournalUnadopted",
    "JournalUnusable",
    "JournalUnwritable",
    "Latch",
    "MemoryJournal",
    "NotOwner",
    "Reservation",
    "State",
    "Transition",
    "TransitionUnwritten",
    "UnknownKey",
    "account_label",
    "advance",
    "open_journal",
]
