"""Write what is derived: a file, or measured figures in a block of the docs and nothing else there.

A block stands between `<!-- figures: NAME (make TARGET) -->` and `<!-- end of figures -->`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
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
    path.write_text(with_blocks(page, {name: markdown}), encoding="utf-8")


def with_blocks(page: str, blocks: Mapping[str, str]) -> str:
    """Return the text of a page of docs/ with these blocks replaced."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, markdown in blocks.items():
        begin = re.search(rf"^<!-- figures: {re.escape(name)}\b.*-->$", text, re.MULTILINE)
        if begin is None:
            raise LookupError(f"{page} has no block named {name!r}")
        end = text.index(END, begin.end())
        text = f"{text[: begin.end()]}\n\n{markdown.strip()}\n\n{text[end:]}"
    return text


def write_or_compare(path: Path, fresh: str, arguments: list[str] | None, about: str) -> int:
    """Run the command line of a script that derives a file; return its exit status."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if it differs")
    if not parser.parse_args(arguments).check:
        path.write_text(fresh, encoding="utf-8", newline="\n")
        return 0
    stands = path.exists() and path.read_text(encoding="utf-8") == fresh
    script = f"scripts/{Path(sys.argv[0]).name}"
    print(f"{path.name} stands" if stands else f"{path.name} differs: run python {script}")
    return int(not stands)
