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
DOCTEST_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class PageError(Exception):
    """A block did not run, or printed something else than the page says."""


@frozen
class Block:
    """A fenced block: `line` is that of its first line of text, `mark` what stood in front."""

    language: str
    line: int
    text: str
    mark: str = ""
    prints: str | None = None

    @property
    def runs(self) -> bool:
        """Say whether the block is python."""
        return self.language == "python"


def blocks(text: str) -> list[Block]:
    """Read the fenced blocks of a page; a `text` block becomes what the block before prints."""
    found: list[Block] = []
    adjacent = False
    for block, adjoins in _fenced(text.splitlines()):
        if block.language == "text" and adjoins and adjacent:
            found[-1] = evolve(found[-1], prints=block.text)
            continue
        found.append(block)
        adjacent = block.runs and not block.mark
    return found


def _fenced(lines: list[str]) -> Iterator[tuple[Block, bool]]:
    """Yield each block, and whether only empty lines lie between it and the one before."""
    adjoins, mark, at = False, "", 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            marker = MARKER.match(lines[at].strip())
            mark = marker.group(1) if marker else (mark if not lines[at].strip() else "")
            adjoins = adjoins and not lines[at].strip()
            at += 1
            continue
        end = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("```")), None)
        if end is None:
            raise PageError(f"the block at line {at + 1} is never closed")
        text = "\n".join(lines[at + 1 : end]) + "\n"
        yield Block(fence.group(1), at + 2, text, mark), adjoins
        adjoins, mark, at = True, "", end + 1


def run_page(path: Path, variables: Mapping[str, str]) -> int:
    """Run a page's blocks and return how many there were. Raises PageError, naming the line."""
    namespace: dict[str, object] = {"__name__": f"page_{path.stem}"}
    chosen = [block for block in blocks(path.read_text(encoding="utf-8")) if block.runs]
    with in_empty_directory(variables):
        for block in chosen:
            if block.mark:
                run_tests(path, block)
            else:
                run_block(path, block, namespace)
    return len(chosen)


def run_block(path: Path, block: Block, namespace: dict[str, object]) -> None:
    """Run one block; its lines have the numbers they have on the page."""
    printed = io.StringIO()
    # As many empty lines before it as the page has, so that a traceback names the page's lines.
    code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # noqa: S102 - running the page is what this is for
    except BaseException as error:
        raise PageError(f"{path.name}, block at line {block.line}: {error!r}") from error
    if block.prints is None:
        return
    if not doctest.OutputChecker().check_output(block.prints, printed.getvalue(), DOCTEST_OPTIONS):
        raise PageError(
            f"{path.name}, block at line {block.line} printed:\n{printed.getvalue()}"
            f"and the page says:\n{block.prints}"
        )


def run_tests(path: Path, block: Block) -> None:
    """Run a block as a test file of its own; its tests must pass, and there must be some."""
    file = Path.cwd() / f"test_{path.stem.lower()}_{block.line}.py"
    file.write_text(block.text)
    # Only this library's plugin: whatever else is installed takes longer than the tests.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "kalshi_ext.testing.plugin", str(file)]
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode != 0:
        raise PageError(f"{path.name}, tests at line {block.line}:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def in_empty_directory(variables: Mapping[str, str]) -> Iterator[None]:
    """Work in an empty directory, with these KALSHI_ variables and no others of that prefix."""
    before = dict(os.environ)
    original = Path.cwd()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        for name in [name for name in os.environ if name.startswith("KALSHI_")]:
            del os.environ[name]
        os.environ.update(variables)
        try:
            yield
        finally:
            os.chdir(original)
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
