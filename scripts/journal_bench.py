"""Measure what a journal costs for each order: a reservation and a transition, alone and in groups.

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

from figures import write_block

from kalshi_ext.journal import Entry, Journal, State, Transition, open_journal

Column = dict[str, tuple[float, float]]
TICKET = '{"ticker": "KXHIGHNY-26NOV23-B50", "side": "bid", "count": "10.00", "price": "0.5600"}'


def entry(key: str) -> Entry:
    """Make an order's intent."""
    return Entry(
        key=key, operation="CreateOrderV2", ticker="T", fingerprint="0" * 64, ticket=TICKET
    )


def reserve_concurrently(journal: Journal, keys: list[str]) -> None:
    """Reserve, then advance, as so many concurrent orders do."""
    wait([journal.submit("reserve", entry(key)) for key in keys])
    futures = [journal.submit("advance", key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys]
    wait(futures)
    for future in futures:
        future.result()  # raises what went wrong


def reserve_in_batch(journal: Journal, keys: list[str]) -> None:
    """Reserve, then advance, as a batch order does."""
    journal.reserve_many([entry(key) for key in keys])
    journal.advance_many([Transition(key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys])


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
    print(f"\n{name}: microseconds an order (claim + mark)\n{'':24}    median        p99")
    column: Column = {}
    for label, run, size in SIZES:
        column[label] = measure(journal, run, size, max(20, rounds // size))
        print(f"  {label:>22} {column[label][0]:>10.0f} {column[label][1]:>10.0f}")
    return column


def table(columns: dict[str, Column]) -> str:
    """Render the figures as Markdown."""
    lines = [
        "Microseconds for each order, one claim and one mark together: median (p99). In memory is",
        "what an order costs without a journal that lasts. The machine's load average was"
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


def main() -> None:
    """Measure memory, SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--directory", help="where the file goes (default: a temporary one)")
    parser.add_argument("--url", help="a PostgreSQL server (default: one started here)")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", choices=["memory", "sqlite", "postgres"])
    parser.add_argument("--write", action="store_true", help="keep the figures in the docs")
    options = parser.parse_args()
    columns: dict[str, Column] = {}
    if options.only in (None, "memory"):
        columns["in memory"] = measure_journal("memory", open_journal(None), options.rounds)
    if options.only in (None, "sqlite"):
        with (
            tempfile.TemporaryDirectory(dir=options.directory) as directory,
            open_journal(Path(directory) / "orders.db") as journal,
        ):
            columns["SQLite, full sync"] = measure_journal(
                "SQLite, full sync", journal, options.rounds
            )
    if options.only in (None, "postgres"):
        with postgres_url(options.url) as url:
            if url is not None:
                with open_journal(url) as journal:
                    columns["PostgreSQL"] = measure_journal("PostgreSQL", journal, options.rounds)
    if options.write:
        write_block("reliability.md", "journal", table(columns))


if __name__ == "__main__":
    main()
