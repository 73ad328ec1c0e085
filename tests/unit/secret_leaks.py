"""Look for secrets where they must not be: texts of objects, errors and tracebacks' locals."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import FrameType


def fragments(secret: bytes | str) -> list[str]:
    """Return the parts that give a secret away: of a PEM the inner lines, else all of it."""
    text = secret if isinstance(secret, str) else secret.decode("latin-1")
    lines = [line.strip() for line in text.replace("\\n", "\n").splitlines()]
    inner = [line for line in lines if line and "-----" not in line and ":" not in line]
    return [line for line in inner if len(line) >= 12] or [text]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        link = pending.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        pending += [link.__cause__, link.__context__]


def frames(error: BaseException) -> Iterator[FrameType]:
    step = error.__traceback__
    while step is not None:
        yield step.tb_frame
        step = step.tb_next


def texts_of(error: BaseException) -> list[str]:
    """Return every text an error shows: messages, chain, and locals of frames inside kalshi_ext."""
    texts: list[str] = []
    for each in chain(error):
        texts += [*traceback.format_exception_only(each), repr(each.args), repr(vars(each))]
        for frame in frames(each):
            if "kalshi_ext" in frame.f_globals.get("__name__", ""):
                texts += [repr(value) for value in frame.f_locals.values()]
    return texts


def leaked_fragments(error: BaseException, *secrets: bytes | str) -> list[str]:
    """Return the fragments of secrets that an error shows; there should be none."""
    texts = texts_of(error)
    parts = [part for secret in secrets for part in fragments(secret)]
    return [part for part in parts if any(part in text for text in texts)]
