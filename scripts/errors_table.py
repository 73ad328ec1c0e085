"""Render the tree and the table of errors into docs/errors.md, from the classes.

What happened is a class's docstring, what to do its `advice`. `--check` compares instead and exits
1 when the page differs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator

from figures import DOCS, with_blocks, write_or_compare

import kalshi_ext
from kalshi_ext import errors
from kalshi_ext.errors import KalshiError
from kalshi_ext.journal import entry
from kalshi_ext.protocol.pagination import CursorRepeated

PAGE = "errors.md"
TOOLS = ("sandbox", "drift")
# Whether the write that was called was executed. The nearest class counts.
EXECUTED: dict[type, str] = {
    KalshiError: "–",
    errors.Misuse: "no",
    errors.NotSent: "no",
    errors.NoAnswer: "a read",
    errors.OutcomeUnknown: "maybe",
    errors.Refused: "no",
    errors.NotFound: "proves nothing",
    errors.DuplicateOrder: "an order is there",
    errors.TransferAlreadyApplied: "yes, once, before",
    errors.Unavailable: "a read",
    errors.Unintelligible: "a read",
    CursorRepeated: "a read",
    entry.JournalUnusable: "no",
    entry.TransitionUnwritten: "as the call says",
}
# For a class without advice: the message says more than any advice for all of its kind.
_NO_ADVICE = "the message says"


def all_classes() -> set[type[KalshiError]]:
    """Import all of the library and return every public error class it defines."""
    for module in pkgutil.walk_packages(kalshi_ext.__path__, "kalshi_ext."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {
        kind
        for kind in _subclasses(KalshiError)
        if kind.__module__.startswith("kalshi_ext.") and not kind.__name__.startswith("_")
    }


def _subclasses(kind: type[KalshiError]) -> Iterator[type[KalshiError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _subclasses(child)


def client_classes() -> list[type[KalshiError]]:
    """Return what a client raises: the package's own in their order, then the other rooms'."""
    kinds = {kind for kind in all_classes() if kind.__module__.split(".")[1] not in TOOLS}
    return sorted(kinds, key=_order)


def _order(kind: type[KalshiError]) -> tuple[bool, str, int]:
    return kind.__module__ != errors.__name__, kind.__module__, inspect.getsourcelines(kind)[1]


def _parent(kind: type[KalshiError]) -> type[KalshiError]:
    return next(
        base
        for base in kind.__mro__[1:]
        if issubclass(base, KalshiError) and not base.__name__.startswith("_")
    )


def rows() -> list[tuple[str, type[KalshiError]]]:
    """Return each class with the lines of the tree before it, below its first public base."""
    children: dict[type, list[type[KalshiError]]] = {}
    for kind in client_classes():
        if kind is not KalshiError:
            children.setdefault(_parent(kind), []).append(kind)
    return [("", KalshiError), *_branches(KalshiError, children)]


def _branches(
    parent: type, children: dict[type, list[type[KalshiError]]]
) -> Iterator[tuple[str, type[KalshiError]]]:
    below = children.get(parent, [])
    for kind in below:
        turn, line = ("└─ ", "   ") if kind is below[-1] else ("├─ ", "│  ")
        yield turn, kind
        yield from ((line + lines, child) for lines, child in _branches(kind, children))


def tree() -> str:
    """Draw the classes."""
    return "\n".join(["```text", *(f"{lines}{kind.__name__}" for lines, kind in rows()), "```"])


def table() -> str:
    """Render one row for each class."""
    lines = ["| error | what happened | executed? | what to do |", "|---|---|---|---|"]
    lines += [
        f"| `{kind.__name__}` | {_what_happened(kind)} | {_executed(kind)} | {_what_to_do(kind)} |"
        for _, kind in rows()
    ]
    return "\n".join(lines)


def _what_happened(kind: type[KalshiError]) -> str:
    return " ".join((kind.__doc__ or "").split()).removesuffix(".")


def _executed(kind: type[KalshiError]) -> str:
    return next(EXECUTED[base] for base in kind.__mro__ if base in EXECUTED)


def _what_to_do(kind: type[KalshiError]) -> str:
    return kind.advice or _NO_ADVICE


def main() -> int:
    """Write or compare both blocks."""
    page = with_blocks(PAGE, {"tree": tree(), "each": table()})
    return write_or_compare(DOCS / PAGE, page, None, __doc__ or "")


if __name__ == "__main__":
    sys.exit(main())
