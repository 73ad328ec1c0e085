"""Fixtures of the journal's wire tests."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_names = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """A PostgreSQL server, one for each test process; skips loudly without binaries."""
    from postgres_server import running_server

    with running_server("the shared journal was NOT tested") as running:
        yield running


@pytest.fixture
def schema() -> str:
    """A name no other test uses."""
    return f"journal_{next(_names)}"


@pytest.fixture
def open_journals(server: Any, schema: str) -> Iterator[Any]:
    """Return a function that opens journals of one schema; all are closed in the end."""
    from kalshi_ext.journal.postgres import PostgresJournal

    opened: list[PostgresJournal] = []

    def open_one(**options: Any) -> PostgresJournal:
        url = server.url(options.pop("port", None))
        opened.append(PostgresJournal(url, schema=schema, **options))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
def holder(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start another process that has the journal open; give it and the name of its owner."""
    from journal_writers import HOLD_FILE, start_script

    process = start_script(HOLD_FILE, path)
    assert process.stdout is not None
    owner = process.stdout.readline().strip()
    yield process, owner
    process.kill()
    process.communicate()


@pytest.fixture(params=["memory", "file", "table"])
def reopen(request: pytest.FixtureRequest, path: Path) -> Iterator[Callable[[], Any]]:
    """Close the journal opened last and open it anew, unbound; memory stays the same one."""
    from kalshi_ext.journal import MemoryJournal
    from kalshi_ext.journal.sqlite import SqliteJournal

    if request.param == "memory":
        memory = MemoryJournal()
        yield lambda: memory
        return
    opened: list[Any] = []

    def open_anew() -> Any:
        if opened:
            opened[-1].close()
        is_file = request.param == "file"
        opened.append(
            SqliteJournal(path) if is_file else request.getfixturevalue("open_journals")()
        )
        return opened[-1]

    yield open_anew
    if opened:
        opened[-1].close()
