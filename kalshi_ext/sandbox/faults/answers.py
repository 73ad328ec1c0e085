"""Tell lies in place of the exchange's true answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from attrs import evolve, frozen

from kalshi_ext.sandbox.faults.rules import Rule
from kalshi_ext.sandbox.wire import Json, Reply, json_reply, refusal


@frozen
class Scene:
    """Give a fault what it may use."""

    rule: Rule
    execute: Callable[[], Reply]
    """Carry the request out and give its true answer."""
    earlier: Callable[[], Reply | None]
    """The first good answer the same caller got to the same read."""
    other_order: Callable[[], str]
    """The id of another order."""

    def option(self, name: str) -> Any:
        """Read a parameter of the rule."""
        return self.rule.parameters[name]


_DECIMAL = re.compile(r"-?\d+(\.\d+)?")

Lie: TypeAlias = Callable[[Scene], Reply]


def _true_first(scene: Scene) -> Reply | None:
    return scene.execute() if scene.option("executed") else None


def _html(scene: Scene) -> Reply:
    _true_first(scene)
    status = int(scene.option("status"))
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Reply(status, page.encode(), "text/html; charset=utf-8")


def _status(scene: Scene) -> Reply:
    _true_first(scene)
    status, body = int(scene.option("status")), scene.option("body")
    if body is None:
        return refusal(status, str(scene.option("code")))
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status, text.encode(), str(scene.option("content_type")))


def _error_in_success(scene: Scene) -> Reply:
    _true_first(scene)
    return evolve(refusal(500, str(scene.option("code"))), status=200)


def _wrong_type(scene: Scene) -> Reply:
    true = scene.execute() if scene.option("executed") else json_reply(200, {})
    body = json.loads(true.body or b"{}")
    retyped = json.dumps(_RETYPED[scene.option("to")](body))
    return Reply(true.status, retyped.encode())


def _garbage(scene: Scene) -> Reply:
    true = _true_first(scene)
    noise = scene.rule.random.randbytes(int(scene.option("size")))
    return Reply(true.status if true else 200, noise)


def _truncated(scene: Scene) -> Reply:
    true = _true_first(scene) or json_reply(200, {"truncated": True})
    return evolve(true, body=true.body[: int(scene.option("keep"))])


def _throttle(_scene: Scene) -> Reply:
    return json_reply(429, {"error": "too many requests"})


def _stale(scene: Scene) -> Reply:
    return scene.earlier() or scene.execute()


def _lost_entries(scene: Scene) -> Reply:
    lost = {int(entry) for entry in scene.option("entries")}
    return _with_entries(
        scene.execute(), lambda rows: [row for at, row in enumerate(rows) if at not in lost]
    )


def _reordered(scene: Scene) -> Reply:
    def shuffled(rows: list[Json]) -> list[Json]:
        mixed = scene.rule.random.sample(rows, len(rows))
        return mixed if mixed != rows else rows[::-1]

    return _with_entries(scene.execute(), shuffled)


def _another_order(scene: Scene) -> Reply:
    true = scene.execute()
    body = json.loads(true.body or b"{}")
    order = body.get("order", body)
    order["order_id"] = scene.option("order_id") or scene.other_order()
    return json_reply(true.status, body)


def _cursor_loop(scene: Scene) -> Reply:
    true = scene.execute()
    return json_reply(true.status, {**json.loads(true.body or b"{}"), "cursor": "bG9vcA"})


def _with_entries(true: Reply, change: Callable[[list[Json]], list[Json]]) -> Reply:
    body = json.loads(true.body or b"{}")
    changed = {
        name: change(_rows(value)) if isinstance(value, list) else value
        for name, value in body.items()
    }
    return json_reply(true.status, changed)


def _rows(value: Json) -> list[Json]:
    return cast("list[Json]", value)


def _fields(value: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", value)


def _numbers(value: Json) -> Json:
    """Turn decimal text into JSON numbers, all the way down."""
    match value:
        case dict():
            return {name: _numbers(inner) for name, inner in _fields(value).items()}
        case list():
            return [_numbers(inner) for inner in _rows(value)]
        case str() if _DECIMAL.fullmatch(value):
            return float(value)
        case _:
            return value


_RETYPED: Mapping[str, Callable[[Json], Json]] = {
    "list": lambda body: [body],
    "null": lambda _body: None,
    "text": json.dumps,
    "numbers": _numbers,
}

LIES: Mapping[str, Lie] = {
    "html": _html,
    "status": _status,
    "error_in_success": _error_in_success,
    "wrong_type": _wrong_type,
    "garbage_body": _garbage,
    "truncated_body": _truncated,
    "throttle": _throttle,
    "stale": _stale,
    "lost_entries": _lost_entries,
    "reordered": _reordered,
    "another_order": _another_order,
    "cursor_loop": _cursor_loop,
}
"""The kinds skew, zombie and before act on the exchange itself; see mischief.py."""
