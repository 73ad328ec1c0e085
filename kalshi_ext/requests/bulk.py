"""What a bulk call takes beside its tickets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from kalshi_ext.arguments import must_be

Progress: TypeAlias = Callable[[int, int], object]
"""Called with the number of outcomes so far and of all."""


def progress(value: object) -> Progress | None:
    """Check an `on_progress`. Raises Misuse."""
    if value is not None and not callable(value):
        raise must_be("on_progress", value, "a function of (done, total)")
    return cast("Progress | None", value)
