"""A trader's day in steps: every method of the facade against a sandbox, with its result's type.

A step is (facade word, call of client and earlier results, type of the result; in a list, of rows).
The calls are those of examples/calls.py, the types those of openapi/facade.yaml.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from calls import Example, examples_of
from core_clients import finish, resolve

from kalshi_ext import Kalshi, StopReport, models
from kalshi_ext.contract.operations import OPERATIONS

Results = dict[str, Any]
Step = tuple[str, Callable[[Any, Results], Any], Any]
LISTS: Final = ("Rows[", "CompleteRows[", "list[")
OTHER_TYPES: Final = {"": type(None), "int": int, "str": str, "datetime": datetime}
# Its answer is nothing; the call reads what came of it.
REPORTED: Final = {"orders.cancel_all": StopReport}
RETURNS: Final = {row.facade: row.returns for row in OPERATIONS.values()}


def result_type(client: Kalshi, example: Example) -> Any:
    """Return the type of a call's result, in a list where the method says that it gives a list."""
    name = RETURNS.get(example.word, example.returns)
    if example.word in REPORTED:
        return REPORTED[example.word]
    kind = OTHER_TYPES[name] if name in OTHER_TYPES else getattr(models, name)
    annotation = inspect.signature(resolve(client, example.word)).return_annotation
    return [kind] if annotation.startswith(LISTS) else kind


def steps_of(contract: str) -> list[Step]:
    """Build the steps through one contract."""
    with Kalshi() as client:
        return [(each.word, each.call, result_type(client, each)) for each in examples_of(contract)]


CURRENT: Final = steps_of("current")
CLASSIC: Final = steps_of("classic")


async def walk(client: Any, steps: list[Step]) -> Results:
    """Do the steps with a sync or an async client; with a sync one nothing is awaited."""
    results: Results = {}
    for word, work, _ in steps:
        value = finish(work(client, results))
        results[word] = await value if inspect.isawaitable(value) else value
    return results
