"""Measure what a journal costs for each order: one claim and one mark, alone and in groups.

The files and the server's data lie in --directory: its disk is what is measured.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path

from kalshi_ext.journal import Entry, Journal, Mark, State, open_journal

TICKET = '{"ticker": "KXHIGHNY-26NOV23-B50", "side": "bid", "count": "10.00", "price": "0.5600"}'


def entry(key: str) -> Entry:
    """Make an order's intent."""
    return Entry(
        key=key, operation="CreateOrderV2", ticker="T", fingerprint="0" * 64, ticket=TICKET
    )


def together(journal: Journal, keys: list[str]) -> None:
    """Claim, then mark, as so many concurrent orders do."""
    wait([journal.submit("claim", entry(key)) for key in keys])
    marks = [journal.submit("mark", key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys]
    wait(marks)
    for mark in marks:
        mark.result()  # raises what went wrong


def batch(journal: Journal, keys: list[str]) -> None:
    """Claim, then mark, as a batch order does."""
    journal.claim_many([entry(key) for key in keys])
    journal.mark_many([Mark(key, State.ACKNOWLEDGED, verdict=TICKET) for key in keys])


def measure(
    journal: Journal, work: Callable[[Journal, list[str]], None], size: int, rounds: int
) -> str:
    """Return microseconds an order: median and 99th percentile of the groups."""
    taken: list[float] = []
    for number in range(-2, rounds):
        keys = [f"{work.__name__}-{size}-{number}-{each}" for each in range(size)]
        start = time.perf_counter()
        work(journal, keys)
        if number >= 0:  # the first two warm up
            taken.append((time.perf_counter() - start) / size * 1e6)
    worst = statistics.quantiles(taken, n=100)[98]
    return f"{statistics.median(taken):>10.0f} {worst:>10.0f}"


def report(name: str, journal: Journal, rounds: int) -> None:
    """Print a table for one journal."""
    print(f"\n{name}: microseconds an order (claim + mark)\n{'':24}    median        p99")
    for size in (1, 10, 100):
        line = measure(journal, together, size, max(20, rounds // size))
        print(f"  {size:>4} concurrent orders {line}")
    for size in (10, 100):
        line = measure(journal, batch, size, max(20, rounds // size))
        print(f"  {size:>4} orders in a batch {line}")


@contextmanager
def postgres(url: str | None) -> Iterator[str | None]:
    """Give the URL that was asked for, or one of a server of our own."""
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "wire" / "journal"))
    from postgres_server import Server, binaries  # type: ignore[import-not-found]

    if binaries() is None:
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
    asked = parser.parse_args()
    if asked.only in (None, "memory"):
        report("memory", open_journal(None), asked.rounds)
    if asked.only in (None, "sqlite"):
        with (
            tempfile.TemporaryDirectory(dir=asked.directory) as place,
            open_journal(Path(place) / "orders.db") as journal,
        ):
            report("SQLite, full sync", journal, asked.rounds)
    if asked.only in (None, "postgres"):
        with postgres(asked.url) as url:
            if url is not None:
                with open_journal(url) as journal:
                    report("PostgreSQL, synchronous_commit=on", journal, asked.rounds)


if __name__ == "__main__":
    main()
