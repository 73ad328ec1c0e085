"""Kill writers of a file, and servers under writers, as often as one likes; print the figures.

python tests/wire/journal/journal_kill_loop.py --files 1000 --servers 20
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from journal_writers import start_script
from postgres_server import Server, find_binaries
from test_journal_postgres import WRITE_RANDOM, read_reports
from test_journal_sqlite_kills import POINTS, SIGKILL, WriterForker, check_promises

from kalshi_ext.journal.postgres import PostgresJournal
from kalshi_ext.journal.sqlite import SqliteJournal


def kill_writers(path: Path, times: int) -> tuple[int, int]:
    """Kill a writer at chosen and at random moments; return kills and promises checked."""
    forker = WriterForker()
    kills = promises = 0
    for seed in range(times):
        point = random.choice([*POINTS, *(f"{random.uniform(0, 0.06):.5f}" for _ in POINTS)])
        reports, status = forker.run(path, seed, point)
        kills += status == SIGKILL
        promises += sum(kind == "promised" for kind, *_ in reports)
        with SqliteJournal(path) as journal:
            entries = {
                entry.key: entry for entry in journal.entries() if entry.key.startswith(f"{seed}-")
            }
            check_promises(reports, entries, seed)
            assert seed % 100 or journal.verify() == []
    forker.close()
    return kills, promises


def kill_servers(server: Server, times: int) -> tuple[int, int]:
    """Kill the server under a writer; return kills and promises checked."""
    kills = promises = seed = 0
    while kills < times:
        reports = []
        moments = random.sample(range(1, 60), 3)
        for report in read_reports(start_script(WRITE_RANDOM, server.url(), "loop", seed)):
            reports.append(report)
            if len(reports) in moments:
                server.kill()
                server.start()
                kills += 1
        assert reports[-1][0] == "ended"
        promises += sum(kind == "promised" for kind, *_ in reports)
        with PostgresJournal(server.url(), schema="loop") as journal:
            check_promises(reports, {entry.key: entry for entry in journal.entries()}, seed)
        seed += 1
    return kills, promises


def main() -> None:
    """Run both and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000, help="kills of writers of a file")
    parser.add_argument("--servers", type=int, default=0, help="kills of a PostgreSQL server")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as directory:
        figures = kill_writers(Path(directory) / "orders.db", options.files)
        print("SQLite: {} kills, {} promises, 0 broken".format(*figures))
    if options.servers and find_binaries() is not None:
        server = Server().create()
        try:
            print(
                "PostgreSQL: {} kills, {} promises, 0 broken".format(
                    *kill_servers(server, options.servers)
                )
            )
        finally:
            server.remove()


if __name__ == "__main__":
    main()
