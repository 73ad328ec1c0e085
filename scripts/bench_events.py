"""What telling events costs when nobody listens, for `bench.py`: the same calls, told nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import bench_answers as answers
import httpx
from bench_turns import Must, Plan, Row, Work, compare, repeat

from kalshi_ext import Kalshi
from kalshi_ext.events import Events
from kalshi_ext.protocol import attempt, telling
from kalshi_ext.writes import telling as writes_telling

UNREACHABLE = "http://127.0.0.1:9/trade-api/v2"
ORDER: dict[str, Any] = {
    "ticker": "KXRAIN-26DEC31-NYC", "side": "bid", "count": 1, "price": "0.01",
}  # fmt: skip
COUNT = 300


def _no(*_: Any) -> bool:
    return False


def _nothing(*_: Any) -> Iterator[Any]:
    yield from ()


def _steps(_: Events, __: Any, steps: Any) -> Any:
    return steps


@contextmanager
def untold() -> Iterator[None]:
    """Take out of this process whatever asks for a listener or a logger on the way of a call."""
    with (
        patch.object(Events, "wanted", _no),
        patch.object(Events, "wants_calls", _no),
        patch.object(attempt, "_is_trouble", _no),
        patch.object(telling, "ending", _steps),
        patch.object(writes_telling, "results", _no),
        patch.object(writes_telling, "interrupted", _no),
        patch.object(writes_telling, "opened", _nothing),
        patch.object(writes_telling, "resolved", _nothing),
    ):
        yield


def nobody_listens(plan: Plan) -> Iterator[Row]:
    """Compare calls of which nobody wants to know with calls that have no events at all."""
    transport = httpx.MockTransport(answers.answer)
    options: dict[str, Any] = {"environment": UNREACHABLE, "transport": transport, "pace": None}
    with Kalshi(bearer_token="t", **options) as client:  # noqa: S106
        work = repeat(COUNT, lambda: client.orders.place(**ORDER))
        without: Work = _within(work)
        what, beside = "create, no network, nobody listens to events", "the events taken out"
        yield compare(
            what,
            ("place()", work),
            (beside, without),
            units=COUNT,
            turns=plan.turns * 3,
            must=Must(1.02),
        )


def _within(work: Work) -> Work:
    def stubbed() -> None:
        with untold():
            work()

    return stubbed
