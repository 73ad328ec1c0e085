"""A working copy of the repository, and the swap at the end: all of it or nothing.

The steps of an adoption write into the copy only. `swap_in` then puts what changed beside the old
files (`name.adopted`), and after all copying is done renames old ones away (`name.before-adopt`)
and new ones in. A failure renames every old one back.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

# What the scripts of the steps read; the client is copied for the type checker.
COPIED = (
    "openapi",
    "generated",
    "kalshi_ext",
    "scripts/contract",
    "scripts/api_text.py",
    "scripts/contract_fields.py",
    "scripts/contract_operations.py",
    "scripts/contract_pages.py",
    "scripts/generate.py",
    "scripts/contract_types.py",
    "scripts/spec.py",
    "requirements-generator.txt",
    "pyproject.toml",
    "examples/programs",
    "CHANGELOG.md",
    "docs/api.txt",
)
# What a new contract changes; nothing else is swapped in.
CHANGED = (
    "openapi/upstream.yaml",
    "openapi/upstream.lock",
    "openapi/overlay.yaml",
    "openapi/portfolio.yaml",
    "generated",
    "kalshi_ext/contract/fields.py",
    "kalshi_ext/contract/operations.py",
    "kalshi_ext/contract/page_sizes.py",
    "kalshi_ext/contract/types.py",
    "CHANGELOG.md",
    "docs/api.txt",
)
# Beside the old files, and so on their file system: a rename is atomic there.
ASIDE = ".before-adopt"
FRESH = ".adopted"


class AdoptionStopped(Exception):
    """A step could not be done; nothing was changed. `step` names it, `remedy` says what to do."""

    def __init__(self, step: str, reason: str, remedy: str) -> None:
        super().__init__(f"stopped at {step}: {reason}")
        self.step = step
        self.reason = reason
        self.remedy = remedy


@frozen
class WorkingCopy:
    """A copy of `home`, the repository, at `root`."""

    home: Path
    root: Path

    def run(self, step: str, script: str, *options: str) -> str:
        """Run a script of the copy and return what it printed; its failure stops the adoption."""
        command = [sys.executable, str(self.root / "scripts" / script), *options]
        process = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, check=False
        )
        if process.returncode != 0:
            raise AdoptionStopped(step, (process.stderr or process.stdout).strip(), _REMEDIES[step])
        return process.stdout.strip()

    def swap_in(self) -> list[str]:
        """Replace what changed and return its names; when one fails, all are as before."""
        changed = [name for name in CHANGED if not _equal(self.home / name, self.root / name)]
        moved: list[str] = []
        try:
            for name in changed:  # the slow part first, while nothing is moved yet
                _copy(self.root / name, _empty_sibling(self.home / name, FRESH))
            for name in changed:
                moved.append(name)  # before it is moved: half a move has to be undone, too
                _empty_sibling(self.home / name, ASIDE)
                (self.home / name).rename(self.home / (name + ASIDE))
                (self.home / (name + FRESH)).rename(self.home / name)
        except BaseException:  # Ctrl-C, too
            for name in moved:
                _restore(self.home / name)
            raise
        finally:
            for name in changed:
                _remove(self.home / (name + FRESH))
                # The old file is deleted only where a new one stands in its place.
                if (self.home / name).exists():
                    _remove(self.home / (name + ASIDE))
        return changed


_REMEDIES = {
    "spec": "give the exchange's OpenAPI 3 document as UPSTREAM, a file or an https URL",
    "generate": "correct the contract by an action of openapi/overlay.yaml, or the settings of"
    " openapi/generator.yaml",
}


@contextmanager
def working_copy(home: Path) -> Iterator[WorkingCopy]:
    """Make a copy of what an adoption reads and writes; it is deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="adopt-") as name:
        root = Path(name)
        for part in COPIED:
            _copy(home / part, root / part)
        yield WorkingCopy(home, root)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    else:
        shutil.copyfile(source, to)


def _equal(left: Path, right: Path) -> bool:
    return _content(left) == _content(right)


def _content(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    # Byte code differs with every run and says nothing about the source.
    files = (each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc")
    return {each.relative_to(path).as_posix(): each.read_bytes() for each in files}


def _empty_sibling(path: Path, ending: str) -> Path:
    """Name a path beside another, and delete what an interrupted run left there."""
    sibling = path.with_name(path.name + ending)
    _remove(sibling)
    return sibling


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _restore(path: Path) -> None:
    before = path.with_name(path.name + ASIDE)
    if before.exists():
        _remove(path)
        before.rename(path)
