"""The promises of docs/reliability.md as scripts of wire bytes, played against both clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import pytest
from hostile_scenario import ClientKind
from promise_player import PROMISES, play_promise, read_promise

SCRIPTS = {path.stem: read_promise(path) for path in sorted(PROMISES.glob("*.txt"))}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    """Play every script with every client, side by side; what went wrong, by name and client."""
    return asyncio.run(_play_all(tmp_path_factory.mktemp("promises")))


async def _play_all(folder: Path) -> dict[tuple[str, str], list[str]]:
    pairs = [
        (name, client)
        for name, promise in SCRIPTS.items()
        for client in get_args(ClientKind)
        if client == "async" or not promise.async_only
    ]
    turns = asyncio.Semaphore(16)

    async def play(name: str, client: ClientKind) -> list[str]:
        async with turns:
            return await play_promise(SCRIPTS[name], client, folder)

    wrong = await asyncio.gather(*(play(name, client) for name, client in pairs))
    return dict(zip(pairs, wrong, strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_promise_is_kept(name: str, outcomes: dict[tuple[str, str], list[str]]) -> None:
    assert [
        line for (played, _), wrong in outcomes.items() if played == name for line in wrong
    ] == []


def test_a_script_that_says_what_is_not_so_fails(tmp_path: Path) -> None:
    lie = tmp_path / "lie.txt"
    text = (PROMISES / "a-lost-answer-is-found-by-looking.txt").read_text(encoding="utf-8")
    lie.write_text(text.replace("1 order", "2 orders").replace("done, replayed", "refused"))
    wrong = asyncio.run(play_promise(read_promise(lie), "async", tmp_path))
    assert len(wrong) == 2
