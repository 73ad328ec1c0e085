"""Kill writers of a file, and servers under writers, as often as one likes; print the figures.

python tests/wire/journal/journal_kill_loop.py --files 1000 --servers 20
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from postgres_server import Server, binaries
from test_journal_postgres import STORY, listen, start
from test_journal_sqlite_kills import POINTS, SIGKILL, Kitchen, check_promises

from kalshi_ext.journal.postgres import PostgresJournal
from kalshi_ext.journal.sqlite import SqliteJournal


def kill_writers(path: Path, times: int) -> tuple[int, int]:
    """Kill a writer at chosen and at random moments; return kills and promises checked."""
    kitchen = Kitchen()
    kills = promises = 0
    for seed in range(times):
        point = random.choice([*POINTS, *(f"{random.uniform(0, 0.06):.5f}" for _ in POINTS)])
        told, status = kitchen.run(path, seed, point)
        kills += status == SIGKILL
        promises += sum(said == "promised" for said, *_ in told)
        with SqliteJournal(path) as journal:
            mine = {one.key: one for one in journal.entries() if one.key.startswith(f"{seed}-")}
            check_promises(told, mine, seed)
            assert seed % 100 or journal.verify() == []
    kitchen.close()
    return kills, promises


def kill_servers(server: Server, times: int) -> tuple[int, int]:
    """Kill the server under a writer; return kills and promises checked."""
    kills = promises = seed = 0
    while kills < times:
        told = []
        moments = random.sample(range(1, 60), 3)
        for said in listen(start(STORY, server.url(), "loop", seed)):
            told.append(said)
            if len(told) in moments:
                server.kill()
                server.start()
                kills += 1
        assert told[-1][0] == "ended"
        promises += sum(said == "promised" for said, *_ in told)
        with PostgresJournal(server.url(), schema="loop") as journal:
            check_promises(told, {one.key: one for one in journal.entries()}, seed)
        seed += 1
    return kills, promises


def main() -> None:
    """Run both and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000, help="kills of writers of a file")
    parser.add_argument("--servers", type=int, default=0, help="kills of a PostgreSQL server")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    random.seed(asked.seed)
    with tempfile.TemporaryDirectory() as directory:
        done = kill_writers(Path(directory) / "orders.db", asked.files)
        print("SQLite: {} kills, {} promises, 0 broken".format(*done))
    if asked.servers and binaries() is not None:
        server = Server().create()
        try:
            print(
                "PostgreSQL: {} kills, {} promises, 0 broken".format(
                    *kill_servers(server, asked.servers)
                )
            )
        finally:
            server.remove()


if __name__ == "__main__":
    main()
