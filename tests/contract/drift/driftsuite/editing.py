"""Change one place of a document without touching the original: only the way to it is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Place = tuple[Any, ...]


def get(document: Any, at: Place) -> Any:
    """Take what stands at a place."""
    for step in at:
        document = document[step]
    return document


def change(document: Any, at: Place, edit: Callable[[Any], Any]) -> Any:
    """Give the document with one place edited; `edit` must not change its argument."""
    if not at:
        return edit(document)
    step, rest = at[0], at[1:]
    copy = list(document) if isinstance(document, list) else dict(document)
    copy[step] = change(copy[step], rest, edit)
    return copy


def put(document: Any, at: Place, value: Any) -> Any:
    """Give the document with a value set; the last step may be new."""
    return change(document, at[:-1], lambda holder: updated(holder, {at[-1]: value}))


def drop(document: Any, at: Place) -> Any:
    """Give the document without a place."""
    return change(document, at[:-1], lambda holder: without(holder, at[-1]))


def updated(holder: Any, items: dict[Any, Any]) -> Any:
    """Give a mapping with more items, or a list with one element replaced."""
    if isinstance(holder, list):
        copy = list(holder)
        for index, value in items.items():
            copy[index] = value
        return copy
    return {**holder, **items}


def without(holder: Any, *steps: Any) -> Any:
    """Give a mapping or list without some members."""
    if isinstance(holder, list):
        return [value for index, value in enumerate(holder) if index not in steps]
    return {key: value for key, value in holder.items() if key not in steps}


def pointer(at: Place) -> str:
    """Write a place as a JSON Pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in at)
