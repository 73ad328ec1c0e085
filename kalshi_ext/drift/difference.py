"""One difference between two documents, before it is judged and worded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import frozen

from kalshi_ext.drift.json_types import is_list

_LONGEST: Final = 200
REQUEST, RESPONSE = "request", "response"


@frozen
class Difference:
    """What differs (`rule`), where in both documents, and what was before and is after.

    `name` is the field, parameter, member or status that differs, when it has one.
    """

    rule: str
    base: str
    new: str
    name: str = ""
    before: str = ""
    after: str = ""


def shown(value: Any) -> str:
    """Write a value for people, short, with text unquoted."""
    if is_list(value):
        return listed(value)
    word = {True: "true", False: "false", None: "null"}
    return word[value] if value is None or isinstance(value, bool) else str(value)[:_LONGEST]


def listed(values: Iterable[Any]) -> str:
    """Write several values for people, in order."""
    return ", ".join(shown(value) for value in values)
