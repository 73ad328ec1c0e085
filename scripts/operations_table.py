"""Write the table of operations into README.md, from running every one of them.

Starts two sandboxes, runs the tour of the demo on both contracts, and writes what was answered
between the markers. `--check` compares instead of writing; both exit 1 when an operation failed or
was left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "examples"))

import demo
from tour.runner import Tour

BEGIN = "<!-- operations: written by scripts/operations_table.py -->"
END = "<!-- end of operations -->"


def rows(current: Tour, classic: Tour) -> list[str]:
    """Render the table: one row for each word of the client, in the order of the contract."""
    lines = ["| `client.` | current contract | classic contract |", "|---|---|---|"]
    words = dict.fromkeys([*current.operations, *classic.operations])
    lines += [f"| `{word}` | {cell(current, word)} | {cell(classic, word)} |" for word in words]
    return [*lines, "", f"Run and answered: {current.count()}, {classic.count()}."]


def cell(tour: Tour, word: str) -> str:
    """Render a facade word in a contract: operation, path, and the status that was answered."""
    operation = tour.operations.get(word)
    if operation is None:
        return "–"
    execution = tour.executed.get(operation.id)
    status_text = f"{execution.status}" if execution else "**failed**"
    return f"{operation.id} `{operation.method} {operation.path}` {status_text}"


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
    options = parser.parse_args()
    tours = demo.run_tours(lambda _: None)
    text = options.page.read_text()
    wanted = with_table(text, rows(*tours))
    faults = demo.find_faults(tours)
    for fault in faults:
        print(fault)
    if options.check:
        if wanted != text:
            print(f"{options.page.name} differs: run python scripts/operations_table.py")
        return 1 if faults or wanted != text else 0
    options.page.write_text(wanted)
    print(f"{options.page.name}: {rows(*tours)[-1]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
