"""Two real processes on one journal: refused clearly on SQLite, sharing on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kill_cases import start_sandbox
from traders import Trader, failed, orders_in_books, placed

from kalshi_ext.journal import open_journal

sys.path.insert(0, str(Path(__file__).parents[1] / "wire" / "journal"))
from postgres_server import CuttableProxy, Server, running_server  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from kalshi_ext.sandbox import Sandbox

COUNT = 12


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with start_sandbox("seconds") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("the shared journal was NOT tested") as running:
        yield running


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> str:
    """A database of its own for each test."""
    name = f"d{abs(hash(request.node.name))}"
    server.query(f"CREATE DATABASE {name}")
    return name


def journal_url(server: Server, database: str, port: int | None = None) -> str:
    return server.url(port).rpartition("/")[0] + "/" + database


def start_traders(box: Sandbox, name: str, journals: list[str]) -> tuple[Any, list[Trader]]:
    account = box.account(name, kind="ed25519")
    return account, [
        Trader.start(account, box.url, journal, prefix=name, count=COUNT) for journal in journals
    ]


def test_a_second_process_on_a_file_is_refused_and_let_in_after_a_kill(
    box: Sandbox, tmp_path: Path
) -> None:
    journal = str(tmp_path / "orders.db")
    account = box.account("file", kind="ed25519")
    first = Trader.start(account, box.url, journal, prefix="file", count=COUNT)
    assert first.read() == ["ready"]
    second = Trader.start(account, box.url, journal, prefix="file", count=COUNT)
    (refused,) = second.read_to_end()
    assert refused[:2] == ["unopened", "JournalBusy"]
    assert str(first.process.pid) in refused[2]
    first.send("go")
    for _ in range(3):
        first.read()
    first.kill()
    third = Trader.start(account, box.url, journal, prefix="file", count=COUNT)
    third.go()
    reports = third.read_to_end()
    assert failed(reports) == []
    orders = orders_in_books(box, "file")
    assert set(placed(reports).values()) == set(orders.values())
    assert len(orders) == COUNT
    assert placed(first.reports).items() <= placed(reports).items()


def test_two_processes_that_place_the_same_intents_at_once_get_the_same_orders(
    box: Sandbox, server: Server, database: str
) -> None:
    _, traders = start_traders(box, "same", [journal_url(server, database)] * 2)
    for trader in traders:
        trader.go()
    first, second = (trader.read_to_end() for trader in traders)
    assert failed(first) + failed(second) == []
    assert placed(first) == placed(second)
    assert set(placed(first).values()) == set(orders_in_books(box, "same").values())
    fresh = [report for report in first + second if report[0] == "placed" and not report[3]]
    assert len(fresh) == COUNT


def test_what_a_killed_process_held_is_taken_over_by_the_other(
    box: Sandbox, server: Server, database: str
) -> None:
    _, (victim, heir) = start_traders(box, "heir", [journal_url(server, database)] * 2)
    victim.go()
    for _ in range(3):
        victim.read()
    victim.kill()
    heir.go()
    reports = heir.read_to_end()
    assert failed(reports) == []
    assert set(placed(reports).values()) == set(orders_in_books(box, "heir").values())
    assert placed(victim.reports).items() <= placed(reports).items()
    with open_journal(journal_url(server, database)) as journal:
        assert journal.open_entries() == []


def test_a_server_killed_and_started_again_mid_way_costs_no_order_its_verdict(
    box: Sandbox, server: Server, database: str
) -> None:
    _, traders = start_traders(box, "server", [journal_url(server, database)] * 2)
    for trader in traders:
        trader.go()
    for _ in range(3):
        traders[0].read()
    server.kill()
    server.start()
    reports = [trader.read_to_end() for trader in traders]
    _judge_interrupted(box, "server", reports, journal_url(server, database))


def test_a_journal_whose_network_is_cut_refuses_to_send_or_goes_on(
    box: Sandbox, server: Server, database: str
) -> None:
    commits = {"left": 4}

    def at_some_commits(data: bytes) -> str:
        if b"COMMIT" in data:
            commits["left"] -= 1
            return "mute" if commits["left"] % 4 == 0 else "pass"
        return "pass"

    wire = CuttableProxy(server.port, at_some_commits)
    try:
        journals = [journal_url(server, database, wire.port), journal_url(server, database)]
        _, traders = start_traders(box, "wire", journals)
        for trader in traders:
            trader.go()
        reports = [trader.read_to_end() for trader in traders]
    finally:
        wire.close()
    assert wire.cuts > 0
    _judge_interrupted(box, "wire", reports, journal_url(server, database))


def _judge_interrupted(
    box: Sandbox, name: str, all_reports: list[list[list[Any]]], url_of_journal: str
) -> None:
    """Some calls may have failed; none reported what is not so, and running again completes it."""
    orders = orders_in_books(box, name)
    for trader_reports in all_reports:
        assert set(placed(trader_reports).values()) <= set(orders.values())
    account = box.account(name, kind="ed25519")
    retrying = Trader.start(account, box.url, url_of_journal, prefix=name, count=COUNT)
    retrying.go()
    retried = retrying.read_to_end()
    assert failed(retried) == []
    assert set(placed(retried).values()) == set(orders_in_books(box, name).values())
    assert len(placed(retried)) == COUNT
    for trader_reports in all_reports:
        assert placed(trader_reports).items() <= placed(retried).items()
