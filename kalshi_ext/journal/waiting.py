"""Waiting for a verb of a journal, in a thread: how long, and what is left of one given up."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from kalshi_ext.journal.entry import JournalUnusable, JournalUnwritable

if TYPE_CHECKING:
    from kalshi_ext.journal.journal import Journal

RESERVATION_VERBS: Final = frozenset({"reserve", "reserve_many", "reopen"})
"""The verbs that come before a sending."""


def result_of(journal: Journal, verb: str, future: Future[Any], within: float | None = None) -> Any:
    """Wait for a submitted verb, for so many seconds; None is for as long as it takes."""
    try:
        return future.result(within)
    except BaseException as error:
        if future.done() and not future.cancelled() and future.exception() is error:
            raise  # what the verb came to
        # Interrupted (Ctrl-C), or too late.
        give_up(journal, verb, future)
        if within is None or not isinstance(error, TimeoutError):
            raise
        raise no_answer(verb, within) from None


def give_up(journal: Journal, verb: str, future: Future[Any]) -> None:
    """Leave a verb that nobody waits for any more."""
    # A reservation whose result nobody received must not stay behind as an intent that may have
    # been sent. Other verbs are written whether or not anybody waits.
    if verb in RESERVATION_VERBS:
        journal.cancel_reservation(future)


def no_answer(verb: str, seconds: float) -> JournalUnusable | JournalUnwritable:
    """Build the error of a journal that stands still; before a sending nothing was sent."""
    kind = JournalUnwritable if verb in RESERVATION_VERBS else JournalUnusable
    return kind(f"the journal does not answer in {seconds:.3g} s")
