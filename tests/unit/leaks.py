"""Look for secrets where they must not be: texts of objects, errors and tracebacks' locals."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import FrameType


def fragments(secret: bytes | str) -> list[str]:
    """Give the telling parts of a secret: for a PEM the inner lines, else the secret itself."""
    text = secret if isinstance(secret, str) else secret.decode("latin-1")
    lines = [line.strip() for line in text.replace("\\n", "\n").splitlines()]
    inner = [line for line in lines if line and "-----" not in line and ":" not in line]
    return [line for line in inner if len(line) >= 12] or [text]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        pending += [one.__cause__, one.__context__]


def _frames(error: BaseException) -> Iterator[FrameType]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame
        step = step.tb_next


def texts_of(error: BaseException) -> list[str]:
    """Give every text an error shows: messages, chain, and locals of frames inside kalshi_ext."""
    texts: list[str] = []
    for one in _chain(error):
        texts += [*traceback.format_exception_only(one), repr(one.args), repr(vars(one))]
        for frame in _frames(one):
            if "kalshi_ext" in frame.f_globals.get("__name__", ""):
                texts += [repr(value) for value in frame.f_locals.values()]
    return texts


def leaks(error: BaseException, *secrets: bytes | str) -> list[str]:
    """Give the fragments of secrets that an error shows; none is right."""
    shown = texts_of(error)
    found = [part for secret in secrets for part in fragments(secret)]
    return [part for part in found if any(part in text for text in shown)]
