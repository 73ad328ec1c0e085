"""What can go wrong with a journal, by what the caller knows afterwards.

A claim that fails raises `kalshi_ext.errors.JournalUnwritable` (a NotSent: claims come before
the first byte). A mark that fails must not say so: its order may be at the exchange already.
"""

from __future__ import annotations

from kalshi_ext.errors import JournalUnwritable, KalshiError

__all__ = [
    "IllegalTransition",
    "JournalBusy",
    "JournalError",
    "JournalUnusable",
    "JournalUnwritable",
    "NotOwner",
    "TransitionUnwritten",
    "UnknownKey",
]


class JournalError(KalshiError):
    """Anything a journal raises, except JournalUnwritable, which is a NotSent."""


class JournalUnusable(JournalError):
    """The journal cannot be opened or read: closed, not a journal, damaged, of a newer version."""


class JournalBusy(JournalUnusable):
    """A living process holds the file; `pid`, `host` and `since` name it as far as known."""

    advice = "use one process for a file, or share a journal by a postgresql:// URL"
    pid: int | None = None
    host: str | None = None
    since: str | None = None


class TransitionUnwritten(JournalError):
    """The journal could not record what happened; it happened all the same."""

    advice = "the entry stays open and is looked up at the exchange at the next recovery"


class UnknownKey(JournalError):
    """No entry has this key."""


class NotOwner(JournalError):
    """Another journal instance drives the entry; `owner` names it."""

    advice = "read the entry again; take it over only when its owner is gone"
    owner: str | None = None


class IllegalTransition(JournalError):
    """The mark would go backwards or change a verdict; `entry` is what stands."""

    advice = "the recorded entry stands"
