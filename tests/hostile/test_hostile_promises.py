"""The promises of docs/reliability.md as scripts of wire bytes, played against both clients."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

from hostile_scenario import ClientKind
from promise_player import PROMISES, play_promise, read_promise

SCRIPTS = sorted(PROMISES.glob("*.txt"))


async def play_all(scripts: list[Path], folder: Path) -> list[str]:
    """Play scripts with both clients; return what went otherwise than they say."""
    turns = asyncio.Semaphore(12)

    async def play(script: Path, client: ClientKind) -> list[str]:
        promise = read_promise(script)
        if client == "sync" and promise.async_only:
            return []
        async with turns:
            return await play_promise(promise, client, folder)

    pairs = [(script, client) for script in scripts for client in get_args(ClientKind)]
    wrong = await asyncio.gather(*(play(*pair) for pair in pairs))
    return [line for lines in wrong for line in lines]


def test_the_promises_are_kept_to_the_byte(tmp_path: Path) -> None:
    assert asyncio.run(play_all(SCRIPTS, tmp_path)) == []


def test_a_script_that_says_what_is_not_so_fails(tmp_path: Path) -> None:
    lie = tmp_path / "lie.txt"
    text = (PROMISES / "a-lost-answer-is-found-by-looking.txt").read_text(encoding="utf-8")
    lie.write_text(text.replace("1 order", "2 orders").replace("done, replayed", "refused"))
    wrong = asyncio.run(play_promise(read_promise(lie), "async", tmp_path))
    assert len(wrong) == 2
