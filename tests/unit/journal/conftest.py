from __future__ import annotations

from collections.abc import Iterator

import pytest
from journal_samples import Clock
from journal_stores import ScriptedStore, scripted

from kalshi_ext.journal import Journal


@pytest.fixture
def opened() -> Iterator[tuple[Journal, ScriptedStore]]:
    """Open a journal over a store that does what a test tells it to."""
    journal, store = scripted(Clock())
    yield journal, store
    store.gate.set()
    journal.close()
