"""Write measured figures into the docs: a script replaces its block and nothing else of the page.

A block stands between `<!-- figures: NAME (make TARGET) -->` and `<!-- end of figures -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
END = "<!-- end of figures -->"


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie; 0.0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def write_block(page: str, name: str, markdown: str) -> None:
    """Replace the block of that name on a page of docs/; a page without it is an error."""
    path = DOCS / page
    text = path.read_text(encoding="utf-8")
    begin = re.search(rf"^<!-- figures: {re.escape(name)}\b.*-->$", text, re.MULTILINE)
    if begin is None:
        raise LookupError(f"{path.name} has no block named {name!r}")
    end = text.index(END, begin.end())
    path.write_text(
        f"{text[: begin.end()]}\n\n{markdown.strip()}\n\n{text[end:]}", encoding="utf-8"
    )
