"""Write to a journal whose disk fails; tell what came of each claim.

Arguments: the file, the number of claims, and how the disk fails: "" (somebody else injects it),
"limit" (files may not grow), "readonly" (rights are dropped first).
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

from journal_kitchen import entry, tell

from kalshi_ext.errors import JournalUnwritable
from kalshi_ext.journal import JournalUnusable, State, TransitionUnwritten
from kalshi_ext.journal.sqlite import SqliteJournal


def limit(path: Path, size: int) -> None:
    """Let no file grow beyond a size: SIGXFSZ is ignored by Python, so writes fail."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def main() -> None:
    """Claim and mark, come what may."""
    path, count, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if how == "readonly" and os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        journal = SqliteJournal(path)
    except JournalUnusable as error:
        return tell("unusable", "", str(error))
    journal.reserve(entry("first"))
    if how == "limit":
        limit(path, path.with_name(path.name + "-wal").stat().st_size)
    for number in range(count):
        one(journal, f"{number}")
    if how == "limit":
        limit(path, resource.RLIM_INFINITY)
        one(journal, "after")
    os._exit(0)  # as a crash would: what follows must come from the file alone


def one(journal: SqliteJournal, key: str) -> None:
    """Claim and mark one key."""
    try:
        assert journal.reserve(entry(key)).acquired
        tell("promised", key, "intent")
        journal.advance(key, State.ACKNOWLEDGED)
        tell("promised", key, "acknowledged")
    except JournalUnwritable as error:
        tell("unwritable", key, str(error))
    except TransitionUnwritten as error:
        tell("unwritten", key, str(error))


if __name__ == "__main__":
    main()
