"""Open the journal that a path, a URL or nothing names."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from kalshi_ext.arguments import is_storable, plain
from kalshi_ext.errors import INSTALL, Misuse
from kalshi_ext.journal.entry import JournalUnusable, utc_now
from kalshi_ext.journal.journal import Journal
from kalshi_ext.journal.memory import MemoryJournal
from kalshi_ext.redact import Secret, as_secret, redacted_repr


def open_journal(
    where: str | Path | Journal | Secret[Any] | None,
    *,
    readonly: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> Journal:
    """Open a journal: None is memory, a path a file, postgresql://... a shared one.

    A Journal is returned as it is; whoever opened it closes it. A file that is open in this
    process gives another handle of the same journal, to be closed by itself. Blocks while it
    opens. Raises Misuse, JournalBusy, JournalUnusable.
    """
    where = as_secret(where)  # a URL may hold a password, and a traceback shows locals
    if isinstance(where.reveal(), Journal):
        return cast("Journal", where.reveal())
    if where.reveal() is None:
        return MemoryJournal(now=now)
    if (fault := _fault_of(where)) is not None:
        raise Misuse(fault)
    if "://" in str(where.reveal()):
        return _by_url(where, readonly=readonly, now=now)
    return _in_file(plain(where.reveal()), readonly=readonly, now=now)


# How pathlib leaves a URL, and what psycopg takes besides one; either may hold a password.
_URL_AS_PATH: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}:/")
_PARAMETER: Final = re.compile(r"(?:^|\s)(?:host|hostaddr|port|dbname|user|password|service)\s?=")


def _fault_of(where: Secret[Any]) -> str | None:
    """Say why a place is none. Not raised here: the frames of an error show their locals."""
    place = plain(where.reveal())
    if not isinstance(place, str | Path):
        expected = "a path, a postgresql:// URL or a Journal"
        return f"journal must be {expected}, not {redacted_repr(place)}"
    if isinstance(place, Path) and _URL_AS_PATH.match(str(place).strip()):
        return "journal: a URL is given as a text, not as a Path (value not shown)"
    if len(_PARAMETER.findall(str(place)[:_LONGEST])) > 1:
        return "journal: say a connection as a postgresql:// URL (value not shown)"
    if isinstance(place, str) and place and not _is_readable(place):
        return f"journal: expected a path of printable characters, got {redacted_repr(place)}"
    return None


def _is_readable(place: str) -> bool:
    return bool(place.strip()) and (place.isprintable() or ("://" in place and is_storable(place)))


_LONGEST: Final = 4096  # characters of a path on the systems of today


def _in_file(place: str | Path, *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    # Imported here: a client whose journal is in memory needs no SQLite.
    from kalshi_ext.journal.shared_file import open_file

    try:
        return open_file(place, readonly=readonly, now=now)
    except (OSError, RuntimeError, UnicodeError) as error:  # a name too long, a home of nobody
        reason = str(getattr(error, "strerror", None) or error)
    raise JournalUnusable(f"journal: {redacted_repr(str(place))} cannot be opened: {reason}")


def _by_url(url: Secret[str], *, readonly: bool, now: Callable[[], datetime]) -> Journal:
    scheme = str(url.reveal().partition("://")[0])[:20]
    if scheme not in ("postgresql", "postgres"):
        raise Misuse(f"journal: expected a path or a postgresql:// URL, got {scheme}://...")
    # Imported here: psycopg is an extra, and a journal in a file must work without it.
    try:
        from kalshi_ext.journal.postgres import PostgresJournal
    except ImportError as error:
        raise JournalUnusable(
            f"a postgresql:// journal needs psycopg ({error}); {INSTALL.format(extra='postgres')}"
        ) from error
    return PostgresJournal(url, readonly=readonly, now=now)
