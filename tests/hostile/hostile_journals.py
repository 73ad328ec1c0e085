"""A journal's place for each scenario: nothing, a file, or a database of a PostgreSQL of one's own.

Each has its own, so that no scenario recovers what another left open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
from hostile_scenario import Scenario
from postgres_server import Server, find_binaries

HAS_POSTGRES = find_binaries() is not None


@contextlib.contextmanager
def journals(scenarios: list[Scenario], folder: Path) -> Iterator[list[Path | str | None]]:
    """Yield where each scenario keeps its journal. Without a server, PostgreSQL becomes a file."""
    numbers = [n for n, scenario in enumerate(scenarios) if scenario.journal == "postgres"]
    with contextlib.ExitStack() as stack:
        urls: dict[int, str] = {}
        if numbers and HAS_POSTGRES:
            server = Server().create()
            stack.callback(server.remove)
            urls = _databases(server, numbers)
        yield [
            urls.get(number, None if scenario.journal == "memory" else folder / f"{number}.db")
            for number, scenario in enumerate(scenarios)
        ]


def _databases(server: Server, numbers: list[int]) -> dict[int, str]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        for number in numbers:
            connection.execute(f"CREATE DATABASE hostile{number}".encode())
    base = server.url().removesuffix("/postgres")
    return {number: f"{base}/hostile{number}" for number in numbers}
