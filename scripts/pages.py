"""Run the python blocks of documentation pages against a sandbox exchange.

The blocks of a page share one namespace and run top to bottom, in an empty directory, with the
sandbox's key in the KALSHI_ variables. A `text` block right after a python block is what it
prints; `...` stands for anything. `<!-- pytest -->` in front of a block makes it a test file,
run by pytest. No python block can be left out.
"""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import evolve, frozen

FENCE = re.compile(r"^```(\w*)\s*$")
MARKER = re.compile(r"^<!--\s*(pytest)\s*-->$")
OUTPUT_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class PageError(Exception):
    """A block failed, or printed something else than the page shows."""


@frozen
class Block:
    """A fenced block: `line` is that of its first line of text, `mark` is "pytest" or empty."""

    language: str
    line: int
    text: str
    mark: str = ""
    prints: str | None = None

    @property
    def runs(self) -> bool:
        return self.language == "python"


def blocks(text: str) -> list[Block]:
    """Read the fenced blocks; a `text` block becomes the expected output of the one before."""
    fenced: list[Block] = []
    may_print = False
    for block, is_adjacent in _fenced(text.splitlines()):
        if block.language == "text" and is_adjacent and may_print:
            fenced[-1] = evolve(fenced[-1], prints=block.text)
            continue
        fenced.append(block)
        may_print = block.runs and not block.mark
    return fenced


def _fenced(lines: list[str]) -> Iterator[tuple[Block, bool]]:
    """Yield each block, and whether only empty lines lie between it and the one before."""
    is_adjacent, mark, index = False, "", 0
    while index < len(lines):
        fence = FENCE.match(lines[index])
        if fence is None:
            marker = MARKER.match(lines[index].strip())
            mark = marker.group(1) if marker else (mark if not lines[index].strip() else "")
            is_adjacent = is_adjacent and not lines[index].strip()
            index += 1
            continue
        end = next((n for n in range(index + 1, len(lines)) if lines[n].startswith("```")), None)
        if end is None:
            raise PageError(f"the block at line {index + 1} is never closed")
        text = "\n".join(lines[index + 1 : end]) + "\n"
        yield Block(fence.group(1), index + 2, text, mark), is_adjacent
        is_adjacent, mark, index = True, "", end + 1


def run_page(path: Path, variables: Mapping[str, str]) -> int:
    """Run a page's blocks and return how many there were. Raises PageError, naming the line."""
    namespace: dict[str, object] = {"__name__": f"page_{path.stem}"}
    chosen = [block for block in blocks(path.read_text(encoding="utf-8")) if block.runs]
    with _isolated_environment(variables):
        for block in chosen:
            if block.mark:
                run_tests(path, block)
            else:
                run_block(path, block, namespace)
    return len(chosen)


def run_block(path: Path, block: Block, namespace: dict[str, object]) -> None:
    """Run one block and compare what it prints. Raises PageError."""
    printed = io.StringIO()
    # Empty lines in front: a traceback then names the line of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # noqa: S102 - running the page is what this is for
    except BaseException as error:
        raise PageError(f"{path.name}, block at line {block.line}: {error!r}") from error
    if block.prints is None:
        return
    if not doctest.OutputChecker().check_output(block.prints, printed.getvalue(), OUTPUT_OPTIONS):
        raise PageError(
            f"{path.name}, block at line {block.line} printed:\n{printed.getvalue()}"
            f"and the page says:\n{block.prints}"
        )


def run_tests(path: Path, block: Block) -> None:
    """Run a block as a test file of its own: it must hold tests, and they must pass."""
    file = Path.cwd() / f"test_{path.stem.lower()}_{block.line}.py"
    file.write_text(block.text)
    # Only this library's plugin: whatever else is installed takes longer than the tests.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "kalshi_ext.testing.plugin", str(file)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode != 0:
        raise PageError(f"{path.name}, tests at line {block.line}:\n{result.stdout}{result.stderr}")


@contextlib.contextmanager
def _isolated_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Change to an empty directory, with these KALSHI_ variables and no others."""
    before = dict(os.environ)
    directory = Path.cwd()
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        for name in [name for name in os.environ if name.startswith("KALSHI_")]:
            del os.environ[name]
        os.environ.update(variables)
        try:
            yield
        finally:
            os.chdir(directory)
            os.environ.clear()
            os.environ.update(before)


def main() -> int:
    """Run the pages named; exit 1 when a block fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pages", nargs="+", type=Path, help="Markdown files")
    options = parser.parse_args()
    from kalshi_ext.sandbox import Sandbox

    with Sandbox() as box:
        for page in options.pages:
            box.reset()
            try:
                count = run_page(page, credentials(box))
            except PageError as error:
                print(error)
                return 1
            print(f"{page.name}: {count} python blocks run")
    return 0


def credentials(box: object) -> dict[str, str]:
    """Return the variables that lead `from_env()` to a sandbox."""
    return {
        "KALSHI_KEY_ID": box.key_id,  # type: ignore[attr-defined]
        "KALSHI_PRIVATE_KEY": box.private_key,  # type: ignore[attr-defined]
        "KALSHI_ENVIRONMENT": box.url,  # type: ignore[attr-defined]
    }


if __name__ == "__main__":
    sys.exit(main())
