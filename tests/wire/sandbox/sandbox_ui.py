"""Read the stream of the sandbox's page the way the page does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from attrs import define

from kalshi_ext.sandbox import Sandbox


@define
class EventStream:
    """Read one server-sent event after the other."""

    lines: Iterator[str]

    def next(self) -> tuple[str, Any]:
        name = next(self.lines).removeprefix("event: ")
        data = json.loads(next(self.lines).removeprefix("data: "))
        next(self.lines)
        return name, data

    def until(self, condition: Any) -> Any:
        """Read on until a snapshot meets the condition; events come at least each second."""
        for _ in range(200):
            name, data = self.next()
            if name == "now" and condition(data):
                return data
        raise AssertionError("no snapshot met the condition")


def page_url(sandbox: Sandbox) -> str:
    """The page's address without its fragment."""
    assert sandbox.ui_url is not None
    return sandbox.ui_url.partition("/#")[0]


def admin_token(sandbox: Sandbox) -> str:
    assert sandbox.ui_url is not None
    return sandbox.ui_url.partition("#")[2]


def bearer_header(sandbox: Sandbox) -> dict[str, str]:
    return {"Authorization": f"Bearer {admin_token(sandbox)}"}


@contextmanager
def open_stream(sandbox: Sandbox, **query: str) -> Iterator[EventStream]:
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        client.stream(
            "GET", f"{page_url(sandbox)}/stream", params=query, headers=bearer_header(sandbox)
        ) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield EventStream(answer.iter_lines())
