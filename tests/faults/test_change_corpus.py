"""Journals of changes and of writes without a key, cut at each boundary: opened and resolved.

journals/VERDICTS-CHANGES says what must come out. change_corpus.py has written them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import change_corpus as corpus
import httpx
import pytest
from change_corpus import CASES, order_id_of
from journal_corpus import unpack
from virtual_exchange import VirtualExchange, make_client

from kalshi_ext.journal import Entry, Journal, account_label, open_journal

sys.path.insert(0, str(Path(__file__).parents[1] / "wire" / "journal"))

JOURNALS = Path(__file__).with_name("journals")
FILES = sorted(path.name for path in JOURNALS.glob("changes-sqlite-*.tar.xz"))
TABLES = sorted(path.name for path in JOURNALS.glob("changes-postgres-*.sql"))
LABEL = account_label("http://127.0.0.1:1/trade-api/v2", token="t")
AFTER = 1_796_000_000.0  # Unix seconds, days after the journals were written
DONE = {"amend": ("0.11", "4.00"), "by": ("0.10", "4.00"), "to": ("0.10", "2.00")}


def expectations() -> dict[str, tuple[str | None, bool, str | None]]:
    """Read the verdicts: what is found, whether the exchange has it, what recovery makes it."""
    lines = (JOURNALS / "VERDICTS-CHANGES").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {case: (found, exists == "yes", verdict) for case, found, exists, verdict in rows}


EXPECTED = expectations()


def test_every_case_has_a_verdict() -> None:
    assert list(EXPECTED) == list(CASES)
    assert FILES == ["changes-sqlite-3.tar.xz"]
    assert TABLES == ["changes-postgres-3.sql"]


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from postgres_server import running_server

    with running_server("the journal of a table was NOT replayed") as running:
        yield running


@pytest.fixture(params=[*FILES, *TABLES])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Bring back a journal as its last process left it; where it is."""
    if request.param in FILES:
        return str(unpack(JOURNALS / request.param, tmp_path))
    server = request.getfixturevalue("server")
    server.query("DROP SCHEMA IF EXISTS kalshi_journal CASCADE")
    server.query((JOURNALS / request.param).read_text())
    url: str = server.url()
    return url


def by_case(journal: Journal) -> dict[str, Entry]:
    """Return the entries by their cases; those of subaccounts were made in the cases' order."""
    entries = list(journal.entries())
    nameless = [entry for entry in entries if corpus.case_of(entry) is None]
    subaccounts = [case for case in CASES if case.startswith("subaccount/")]
    named = {case: entry for entry in entries if (case := corpus.case_of(entry)) is not None}
    return named | dict(zip(subaccounts, nameless, strict=True))


class Left(VirtualExchange):
    """The exchange as the bots left it: each order and row as its verdict says that it is."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert request.method == "GET", "recovery sends nothing"
        self.time += 0.001
        return httpx.Response(
            200,
            json=self._read(request.url.path),
            headers={"date": formatdate(self.time, usegmt=True)},
        )

    def _read(self, path: str) -> Any:
        if path.endswith("/user_data_timestamp"):
            return {"as_of_time": corpus.stamp_text(self.time)}
        there = [case for case, (_, exists, _) in EXPECTED.items() if exists]
        row: dict[str, Any] = {}
        for case in CASES:
            if path.endswith(order_id_of(case)):
                done = DONE[case.partition("/")[0]] if case in there else ("0.10", "5.00")
                row = corpus.order_row(case, *done, corpus.WRITTEN + 1)
        return corpus.read(path, row, corpus.rows_of(there))


def test_each_entry_is_found_as_it_was_left(where: str) -> None:
    with open_journal(where) as journal:
        journal.bind(LABEL)
        assert journal.verify() == []
        found = {case: entry.state.value for case, entry in by_case(journal).items()}
        untold = {entry.key for entry in journal.untold()}
        keys = {case: entry.key for case, entry in by_case(journal).items()}
    assert found == {case: expected[0] for case, expected in EXPECTED.items()}
    assert untold == {keys[case] for case in CASES if case.endswith("/untold")}


def test_recovery_reaches_the_stated_verdict_of_each_entry(where: str) -> None:
    with open_journal(where) as journal:
        journal.bind(LABEL)
        with make_client(Left(time=AFTER), journal) as client:
            told = {each.key: each.state.value for each in client.recover()}
        entries = by_case(journal)
        verdicts = {case: entry.state.value for case, entry in entries.items()}
        made = {case: entry.order_id for case, entry in entries.items()}
    assert verdicts == {case: expected[2] for case, expected in EXPECTED.items()}
    for case, (found, exists, verdict) in EXPECTED.items():
        if found in ("intent", "unknown"):
            assert told[entries[case].key] == ("unknown" if verdict == found else verdict)
            assert (made[case] is not None) is exists
    assert made["transfer/sent"] == f"transfer-of-{corpus.size_of('transfer/sent')}"
    assert made["subaccount/unknown-present"] == "2"
    assert json.loads(entries["by/sent"].ticket)["total"] == "5.00"
