"""Fixtures of the journal's wire tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

_names = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """A PostgreSQL server, one for each test process; skips loudly without binaries."""
    from postgres_server import Server, find_binaries

    if find_binaries() is None:
        pytest.skip(
            "NO PostgreSQL binaries (initdb, postgres) on PATH or in /usr/lib/postgresql/*/bin:"
            " the shared journal was NOT tested"
        )
    created = Server().create()
    yield created
    created.remove()


@pytest.fixture
def schema() -> str:
    """A name no other test uses."""
    return f"journal_{next(_names)}"
