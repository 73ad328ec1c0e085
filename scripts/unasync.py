"""Derive the sync client from the async one: kalshi_ext/_async -> kalshi_ext/_sync.

The facade holds no logic, so the sync client is the async one with its words changed. `--check`
derives again in memory and compares both the sets of files and their bytes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "kalshi_ext" / "_async"
TARGET = ROOT / "kalshi_ext" / "_sync"
HEADER = "# Derived from kalshi_ext/_async/{name} by scripts/unasync.py; do not edit.\n"

# Whole words first to last; a word not listed stays as it is.
WORDS = {
    "AsyncIterator": "Iterator",
    "AsyncGenerator": "Generator",
    "aclosing": "closing",
    "AsyncBaseTransport": "BaseTransport",
    "async_transport": "sync_transport",
    "async_driver": "driver",
    "async_side_by_side": "side_by_side",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "aclose": "close",
    "_async": "_sync",
    "asyncio": "a thread",
}
TEXT = {
    "The client for a thread, written by hand; `_sync` is derived from it by "
    "scripts/unasync.py.": "The client for threads.",
    "Not to be shared between event loops.": "Threads may share it.",
    "Trade on the Kalshi exchange from a thread.": "Trade on the Kalshi exchange.",
}


def derive(source: str, name: str) -> str:
    """Return the sync text of an async module."""
    text = re.sub(r"\bAwaitable\[([^\]]*)\]", r"\1", source)
    text = re.sub(
        r"from collections\.abc import (.*)\bAwaitable, ", r"from collections.abc import \1", text
    )
    text = re.sub(r"\basync (def|for|with)\b", r"\1", text)
    text = re.sub(r"\bawait ", "", text)
    for word, other in WORDS.items():
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", other, text)
    text = re.sub(r"\bAsync([A-Z]\w*)", r"\1", text)
    for old, new in TEXT.items():
        text = text.replace(old, new)
    return HEADER.format(name=name) + text


def formatted(text: str) -> str:
    """Format and sort the imports as the rest of the code is."""
    for step in (["check", "--select", "I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *step, "--stdin-filename", str(SOURCE / "x.py"), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        text = done.stdout
    return text


def wanted() -> dict[str, str]:
    """Return file name to text of the whole sync package."""
    return {
        path.name: formatted(derive(path.read_text(), path.name))
        for path in sorted(SOURCE.glob("*.py"))
    }


def present() -> dict[str, str]:
    """Return what is there now, other files included."""
    return {path.name: path.read_text() for path in TARGET.glob("*.py")}


def main() -> int:
    """Write the package, or with --check compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on differences")
    check: bool = parser.parse_args().check
    new, old = wanted(), present()
    changed = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
    if check:
        for name in changed:
            print(f"kalshi_ext/_sync/{name} differs: run python scripts/unasync.py")
        return 1 if changed else 0
    TARGET.mkdir(exist_ok=True)
    for name in changed:
        if name in new:
            (TARGET / name).write_text(new[name])
        else:
            (TARGET / name).unlink()
    print(f"kalshi_ext/_sync: {len(new)} files, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
