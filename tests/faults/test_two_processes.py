"""Two real processes on one journal: refused clearly on SQLite, sharing on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from intents_processes import Trader, failed, placed, standing
from kills import exchange

from kalshi_ext.journal import open_journal

sys.path.insert(0, str(Path(__file__).parents[1] / "wire" / "journal"))
from postgres_server import Server, Wire, binaries  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from kalshi_ext.sandbox import Sandbox

COUNT = 12


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with exchange("seconds") as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("NO PostgreSQL binaries on this machine: the shared journal was NOT tested")
    created = Server().create()
    yield created
    created.remove()


@pytest.fixture
def database(server: Server, request: pytest.FixtureRequest) -> str:
    """A database of its own for each test."""
    name = f"d{abs(hash(request.node.name))}"
    server.ask(f"CREATE DATABASE {name}")
    return name


def url(server: Server, database: str, port: int | None = None) -> str:
    return server.url(port).rpartition("/")[0] + "/" + database


def pair(box: Sandbox, name: str, journals: list[str]) -> tuple[Any, list[Trader]]:
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
    assert first.hear() == ["ready"]
    second = Trader.start(account, box.url, journal, prefix="file", count=COUNT)
    (refused,) = second.hear_out()
    assert refused[:2] == ["unopened", "JournalBusy"]
    assert str(first.process.pid) in refused[2]
    first.say("go")
    for _ in range(3):
        first.hear()
    first.kill()
    third = Trader.start(account, box.url, journal, prefix="file", count=COUNT)
    third.go()
    told = third.hear_out()
    assert failed(told) == []
    there = standing(box, "file")
    assert set(placed(told).values()) == set(there.values())
    assert len(there) == COUNT
    assert placed(first.told).items() <= placed(told).items()


def test_two_processes_that_place_the_same_intents_at_once_get_the_same_orders(
    box: Sandbox, server: Server, database: str
) -> None:
    _, traders = pair(box, "same", [url(server, database)] * 2)
    for trader in traders:
        trader.go()
    one, other = (trader.hear_out() for trader in traders)
    assert failed(one) + failed(other) == []
    assert placed(one) == placed(other)
    assert set(placed(one).values()) == set(standing(box, "same").values())
    fresh = [said for said in one + other if said[0] == "placed" and not said[3]]
    assert len(fresh) == COUNT


def test_what_a_killed_process_held_is_taken_over_by_the_other(
    box: Sandbox, server: Server, database: str
) -> None:
    _, (victim, heir) = pair(box, "heir", [url(server, database)] * 2)
    victim.go()
    for _ in range(3):
        victim.hear()
    victim.kill()
    heir.go()
    told = heir.hear_out()
    assert failed(told) == []
    assert set(placed(told).values()) == set(standing(box, "heir").values())
    assert placed(victim.told).items() <= placed(told).items()
    with open_journal(url(server, database)) as journal:
        assert journal.open_entries() == []


def test_a_server_killed_and_started_again_mid_way_costs_no_order_its_verdict(
    box: Sandbox, server: Server, database: str
) -> None:
    _, traders = pair(box, "server", [url(server, database)] * 2)
    for trader in traders:
        trader.go()
    for _ in range(3):
        traders[0].hear()
    server.kill()
    server.start()
    told = [trader.hear_out() for trader in traders]
    _judge_interrupted(box, "server", told, url(server, database))


def test_a_journal_whose_network_is_cut_refuses_to_send_or_goes_on(
    box: Sandbox, server: Server, database: str
) -> None:
    cut = {"left": 4}

    def at_some_commits(data: bytes) -> str:
        if b"COMMIT" in data:
            cut["left"] -= 1
            return "mute" if cut["left"] % 4 == 0 else "pass"
        return "pass"

    wire = Wire(server.port, at_some_commits)
    try:
        journals = [url(server, database, wire.port), url(server, database)]
        _, traders = pair(box, "wire", journals)
        for trader in traders:
            trader.go()
        told = [trader.hear_out() for trader in traders]
    finally:
        wire.close()
    assert wire.cuts > 0
    _judge_interrupted(box, "wire", told, url(server, database))


def _judge_interrupted(box: Sandbox, name: str, told: list[list[list[Any]]], place: str) -> None:
    """Some calls may have failed; none may have told what is not so, and running again heals."""
    there = standing(box, name)
    for one in told:
        assert set(placed(one).values()) <= set(there.values())
    account = box.account(name, kind="ed25519")
    again = Trader.start(account, box.url, place, prefix=name, count=COUNT)
    again.go()
    healed = again.hear_out()
    assert failed(healed) == []
    assert set(placed(healed).values()) == set(standing(box, name).values())
    assert len(placed(healed)) == COUNT
    for one in told:
        assert placed(one).items() <= placed(healed).items()
