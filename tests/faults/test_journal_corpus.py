"""Journals of every schema so far, cut at each boundary: opened, migrated, adopted, resolved.

journals/VERDICTS says what must come out. journal_corpus.py has written them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from journal_corpus import CASES, ORDER, intent_of, ticker_of, unpack
from virtual_exchange import VirtualExchange, make_client

from kalshi_ext import Refused
from kalshi_ext.journal import Entry, Journal, JournalUnadopted, account_label, open_journal
from kalshi_ext.sandbox.engine import admin

sys.path.insert(0, str(Path(__file__).parents[1] / "wire" / "journal"))

JOURNALS = Path(__file__).with_name("journals")
FILES = sorted(path.name for path in JOURNALS.glob("sqlite-*.tar.xz"))
TABLES = sorted(path.name for path in JOURNALS.glob("postgres-*.sql"))
LABEL = account_label("http://127.0.0.1:1/trade-api/v2", token="t")
AFTER = 1_796_000_000.0  # Unix seconds, some days after the journals were written


@frozen
class Expected:
    """A line of VERDICTS; None for no entry."""

    case: str
    found: str | None
    exists: bool
    verdict: str | None

    @property
    def ticker(self) -> str:
        return ticker_of(self.case)


def expectations() -> list[Expected]:
    """Read VERDICTS."""
    lines = (JOURNALS / "VERDICTS").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [
        Expected(case, None if found == "-" else found, exists == "yes", None if v == "-" else v)
        for case, found, exists, v in rows
    ]


EXPECTED = expectations()


def test_every_case_has_a_verdict() -> None:
    assert [expected.case for expected in EXPECTED] == list(CASES)
    assert [
        *("sqlite-1.tar.xz", "sqlite-2-first.tar.xz", "sqlite-2-last.tar.xz", "sqlite-3.tar.xz"),
    ] == FILES
    assert TABLES == ["postgres-2-first.sql", "postgres-2-last.sql", "postgres-3.sql"]


def schema_of(name: str) -> int:
    return int(name.split("-")[1].split(".")[0])


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from postgres_server import running_server

    with running_server("the journals of tables were NOT replayed") as running:
        yield running


@pytest.fixture(params=[*FILES, *TABLES])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Bring back a journal as its last process left it; its name and where it is."""
    name: str = request.param
    if name in FILES:
        return name, str(unpack(JOURNALS / name, tmp_path))
    server = request.getfixturevalue("server")
    server.query("DROP SCHEMA IF EXISTS kalshi_journal CASCADE")
    server.query((JOURNALS / name).read_text())
    return name, server.url()


def by_case(journal: Journal) -> dict[str, Entry]:
    """Return the entries by the case whose market they are in."""
    entries = {entry.ticker: entry for entry in journal.entries()}
    return {case: entries[ticker_of(case)] for case in CASES if ticker_of(case) in entries}


def adopt(name: str, journal: Journal) -> None:
    """Say whose the entries are, where their version did not."""
    if schema_of(name) < 3:
        with pytest.raises(JournalUnadopted):
            journal.bind(LABEL)
        assert journal.adopt(LABEL) == 8
    journal.bind(LABEL)


def test_it_opens_and_each_entry_is_found_as_it_was_left(corpus: tuple[str, str]) -> None:
    name, where = corpus
    with open_journal(where) as journal:
        adopt(name, journal)
        entries = by_case(journal)
        assert journal.verify() == []
        untold = {entry.ticker for entry in journal.untold()}
    for expected in EXPECTED:
        entry = entries.get(expected.case)
        assert (entry and entry.state) == expected.found
        if entry is not None:
            assert entry.account == LABEL
            named = intent_of(expected.case) if schema_of(name) > 1 else None
            assert entry.intent == named
    assert untold == ({ticker_of("untold")} if schema_of(name) >= 3 else set())


def exchange_of(entries: dict[str, Entry]) -> VirtualExchange:
    """Make the exchange that the bots wrote to, with the orders it was left with."""
    exchange = VirtualExchange(time=AFTER)
    for expected in EXPECTED:
        exchange.engine.execute(admin.add_market(expected.ticker), now=exchange.moment())
    with make_client(exchange) as client:
        for expected in EXPECTED:
            if expected.exists:
                key = entries[expected.case].key
                client.orders.place(expected.ticker, **ORDER, client_order_id=key)
    exchange.time += 3600
    return exchange


def test_recovery_reaches_the_stated_verdict_of_each_entry(corpus: tuple[str, str]) -> None:
    name, where = corpus
    with open_journal(where) as journal:
        adopt(name, journal)
        entries = by_case(journal)
        exchange = exchange_of(entries)
        with make_client(exchange, journal) as client:
            found = {each.ticker: each for each in client.recover()}
            after = by_case(journal)
            for expected in EXPECTED:
                entry = after.get(expected.case)
                assert (entry and entry.state) == expected.verdict, expected
                if expected.found in ("intent", "unknown"):
                    assert found[expected.ticker].state == expected.verdict
                    assert (found[expected.ticker].order_id is not None) == expected.exists
            assert journal.open_entries() == []
            check_no_doubles(client, name, after)


def check_no_doubles(client: Any, name: str, entries: dict[str, Entry]) -> None:
    """Ask for each order once more in the same words: it is known, or made once."""
    for expected in EXPECTED:
        entry = entries.get(expected.case)
        ids = {"intent": intent_of(expected.case)}
        if schema_of(name) == 1 and entry is not None:
            ids = {"client_order_id": entry.key}
        for _ in range(2):
            with suppress(Refused):
                ack = client.orders.place(expected.ticker, **ORDER, **ids)
                if expected.verdict == "acknowledged":
                    assert ack.order_id == f"order-{expected.case}"
        orders = client.orders.list(ticker=expected.ticker).all()
        assert len(orders) == (expected.verdict != "acknowledged"), expected
