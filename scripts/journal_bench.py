"""Measure what a journal costs for each order: a reservation and a verdict, alone and in groups.

Then whole creates, in turn and 50 at a time, beside the same with a journal in memory, and beside
one bare synchronous commit of the same row between the same round trips (journal_orders.py).

The files and the server's data lie in --directory: its disk is what is measured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path

from bench_exchange import canned_exchange
from figures import write_block
from journal_orders import AT_ONCE, creates_at_once, creates_in_turn

from kalshi_ext.journal import Entry, Journal, State, Transition, open_journal

Column = dict[str, tuple[float, float]]
TICKET = '{"ticker": "KXHIGHNY-26NOV23-B50", "side": "bid", "count": "10.00", "price": "0.5600"}'


def entry(key: str) -> Entry:
    """Make an order's intent."""
    return Entry(
        key=key, operation="CreateOrderV2", ticker="T", fingerprint="0" * 64, ticket=TICKET
    )


def reserve_concurrently(journal: Journal, keys: list[str]) -> None:
    """Reserve, then conclude, as so many concurrent orders do."""
    wait([journal.submit("reserve", entry(key)) for key in keys])
    verdicts = [Transition(key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys]
    futures = [journal.submit("conclude", [verdict]) for verdict in verdicts]
    wait(futures)
    for future in futures:
        future.result()  # raises what went wrong


def reserve_in_batch(journal: Journal, keys: list[str]) -> None:
    """Reserve, then conclude, as a batch order does."""
    journal.reserve_many([entry(key) for key in keys])
    journal.conclude([Transition(key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys])


def measure(
    journal: Journal, run: Callable[[Journal, list[str]], None], size: int, rounds: int
) -> tuple[float, float]:
    """Return microseconds for each order: median and 99th percentile of the groups."""
    microseconds: list[float] = []
    for number in range(-2, rounds):
        keys = [f"{run.__name__}-{size}-{number}-{each}" for each in range(size)]
        began = time.perf_counter()
        run(journal, keys)
        if number >= 0:  # the first two warm up
            microseconds.append((time.perf_counter() - began) / size * 1e6)
    return statistics.median(microseconds), statistics.quantiles(microseconds, n=100)[98]


SIZES = (
    ("alone", reserve_concurrently, 1),
    ("10 at once", reserve_concurrently, 10),
    ("100 at once", reserve_concurrently, 100),
    ("10 in a batch", reserve_in_batch, 10),
    ("100 in a batch", reserve_in_batch, 100),
)


def measure_journal(name: str, journal: Journal, rounds: int) -> Column:
    """Measure and print a column for one journal."""
    print(f"\n{name}: microseconds an order (claim + verdict)\n{'':24}    median        p99")
    column: Column = {}
    for label, run, size in SIZES:
        column[label] = measure(journal, run, size, max(20, rounds // size))
        print(f"  {label:>22} {column[label][0]:>10.0f} {column[label][1]:>10.0f}")
    return column


def table(columns: dict[str, Column]) -> str:
    """Render the figures as Markdown."""
    lines = [
        "Microseconds for each order, one claim and one verdict together: median (p99). In memory",
        "is what an order costs without a journal that lasts. The machine's load average was"
        f" {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.",
        "",
        f"| orders | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for label, _, _ in SIZES:
        cells = (f"{column[label][0]:.0f} ({column[label][1]:.0f})" for column in columns.values())
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def postgres_url(url: str | None) -> Iterator[str | None]:
    """Give the URL of the command line, or that of a server started here; None without binaries."""
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "wire" / "journal"))
    from postgres_server import Server, find_binaries  # type: ignore[import-not-found]

    if find_binaries() is None:
        print("\nPostgreSQL: no binaries on this machine, not measured")
        yield None
        return
    server = Server().create()
    try:
        yield server.url()
    finally:
        server.remove()


def measure_creates(directory: Path, url: str | None, rounds: int) -> str:
    """Time whole creates with each journal; return Markdown."""
    journals = {"in memory": open_journal(None), "SQLite": open_journal(directory / "creates.db")}
    if url is not None:
        journals["PostgreSQL"] = open_journal(url)
    try:
        with canned_exchange() as url_of_orders:
            sample, file = entry("bare"), directory / "bare.db"
            turns = creates_in_turn(url_of_orders, journals, file, sample, rounds)
            rounds_of_fifty = creates_at_once(url_of_orders, journals, max(3, rounds // 50))
    finally:
        for journal in journals.values():
            journal.close()
    micros = {name: turns.micro(name) for name in turns.seconds}
    rates = {name: statistics.median(each) for name, each in rounds_of_fifty.items()}
    bare = micros["with a bare commit"] - micros["round trip"]
    lines = [
        "Whole creates with Ed25519 against canned answers, in turn (median microseconds; a bare",
        f"commit of the same row between such round trips took {bare:.0f}), {AT_ONCE} at a time:",
        "",
        "| journal | a create | added / a bare commit | creates a second | of those in memory |",
        "|---|---|---|---|---|",
    ]
    for name in journals:
        added = (micros[name] - micros["in memory"]) / bare
        share = rates[name] / rates["in memory"]
        lines.append(
            f"| {name} | {micros[name]:.0f} | {added:.2f} | {rates[name]:.0f} | {share:.2f} |"
        )
    print("\n" + "\n".join(lines))
    return "\n".join(lines)


def measure_each(
    only: str | None, directory: Path, url: str | None, rounds: int
) -> dict[str, Column]:
    """Measure the chosen journals by themselves."""
    places: dict[str, tuple[str, Path | str | None]] = {
        "memory": ("in memory", None),
        "sqlite": ("SQLite, full sync", directory / "orders.db"),
    }
    if url is not None:
        places["postgres"] = ("PostgreSQL", url)
    columns: dict[str, Column] = {}
    for kind, (name, place) in places.items():
        if only in (None, kind):
            with open_journal(place) as journal:
                columns[name] = measure_journal(name, journal, rounds)
    return columns


def main() -> None:
    """Measure memory, SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", help="where the file goes (default: a temporary one)")
    parser.add_argument("--url", help="a PostgreSQL server (default: one started here)")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", choices=["memory", "sqlite", "postgres"])
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.directory) as name,
        postgres_url(options.url) as url,
    ):
        # First: entries that are nobody's would keep a client out of the server's table.
        creates = "" if options.only else measure_creates(Path(name), url, options.rounds)
        columns = measure_each(options.only, Path(name), url, options.rounds)
    if options.write:
        write_block("reliability.md", "journal", f"{table(columns)}\n\n{creates}")


if __name__ == "__main__":
    main()
