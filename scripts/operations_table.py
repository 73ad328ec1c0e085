"""Write the table of operations into README.md, from running every one of them.

Starts two sandbox exchanges, walks through both contracts with the walk of the demo, and writes
what the exchange answered between the markers. `--check` compares instead of writing; both exit 1
when an operation failed or was left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))

import demo
from tour.guide import Guide

BEGIN = "<!-- operations: written by scripts/operations_table.py -->"
END = "<!-- end of operations -->"


def rows(current: Guide, classic: Guide) -> list[str]:
    """Render the table: one row for each word of the client, in the order of the contract."""
    lines = ["| `client.` | current contract | classic contract |", "|---|---|---|"]
    words = dict.fromkeys([*current.operations, *classic.operations])
    lines += [f"| `{word}` | {cell(current, word)} | {cell(classic, word)} |" for word in words]
    return [*lines, "", f"Run and answered: {current.count()}, {classic.count()}."]


def cell(guide: Guide, word: str) -> str:
    """Say what a word becomes in a contract, and the status the exchange answered with."""
    operation = guide.operations.get(word)
    if operation is None:
        return "–"
    ran = guide.ran.get(operation.id)
    said = f"{ran.status}" if ran else "**failed**"
    return f"{operation.id} `{operation.method} {operation.path}` {said}"


def with_table(text: str, table: list[str]) -> str:
    """Return the page with the table between its markers. Raises ValueError without markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks the markers {BEGIN} and {END}")
    return "\n".join([f"{before}{BEGIN}", *table, f"{END}{after}"])


def main() -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on differences")
    parser.add_argument("--page", type=Path, default=ROOT / "README.md", help="the page to write")
    given = parser.parse_args()
    guides = demo.tours(lambda _: None)
    text = given.page.read_text()
    wanted = with_table(text, rows(*guides))
    status = demo.faults(guides)
    for line in status:
        print(line)
    if given.check:
        if wanted != text:
            print(f"{given.page.name} differs: run python scripts/operations_table.py")
        return 1 if status or wanted != text else 0
    given.page.write_text(wanted)
    print(f"{given.page.name}: {rows(*guides)[-1]}")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
