"""A copy of the repository to work in, and the swap at the end: all of it or nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from adopt_steps.stopped import Stopped

# What the steps read; the client is there for the type checker.
COPIED = (
    "openapi",
    "generated",
    "kalshi_ext",
    "scripts/contract",
    "scripts/expected.py",
    "scripts/generate.py",
    "scripts/shapes.py",
    "scripts/spec.py",
    "requirements-generator.txt",
    "pyproject.toml",
    "CHANGELOG.md",
)
# What a new contract changes.
TAKEN = (
    "openapi/upstream.yaml",
    "openapi/upstream.lock",
    "openapi/overlay.yaml",
    "openapi/portfolio.yaml",
    "generated",
    "kalshi_ext/contract/fields.py",
    "kalshi_ext/contract/types.py",
    "CHANGELOG.md",
)
ASIDE = ".before-adopt"
FRESH = ".adopted"


@frozen
class Copy:
    """A copy of `home`, the repository, at `root`."""

    home: Path
    root: Path

    def run(self, step: str, script: str, *options: str) -> str:
        """Run a script of the copy; its complaint stops the adoption."""
        command = [sys.executable, str(self.root / "scripts" / script), *options]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Stopped(step, (done.stderr or done.stdout).strip(), _EDITS[step])
        return done.stdout.strip()

    def swap_in(self) -> list[str]:
        """Put what changed in its place and name it; when one fails, all are as before."""
        changed = [name for name in TAKEN if not _same(self.home / name, self.root / name)]
        moved: list[str] = []
        try:
            for name in changed:  # the slow part first, beside the old ones
                _copy(self.root / name, _beside(self.home / name, FRESH))
            for name in changed:
                moved.append(name)
                _beside(self.home / name, ASIDE)
                (self.home / name).rename(self.home / (name + ASIDE))
                (self.home / (name + FRESH)).rename(self.home / name)
        except BaseException:
            for name in moved:
                _put_back(self.home / name)
            raise
        finally:
            for name in changed:
                _remove(self.home / (name + FRESH))
                if (self.home / name).exists():
                    _remove(self.home / (name + ASIDE))
        return changed


_EDITS = {
    "spec": "give the exchange's OpenAPI 3 document as UPSTREAM, a file or an https URL",
    "generate": "correct the contract by an action of openapi/overlay.yaml, or the settings of"
    " openapi/generator.yaml",
}


@contextmanager
def copied(home: Path) -> Iterator[Copy]:
    """Make a copy of what an adoption reads and writes; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="adopt-") as name:
        root = Path(name)
        for part in COPIED:
            _copy(home / part, root / part)
        yield Copy(home, root)


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    else:
        shutil.copyfile(source, to)


def _same(one: Path, other: Path) -> bool:
    return _content(one) == _content(other)


def _content(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    files = (each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc")
    return {each.relative_to(path).as_posix(): each.read_bytes() for each in files}


def _beside(path: Path, ending: str) -> Path:
    """Give the place beside a path, emptied of what an interrupted run left there."""
    beside = path.with_name(path.name + ending)
    _remove(beside)
    return beside


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put_back(path: Path) -> None:
    before = path.with_name(path.name + ASIDE)
    if before.exists():
        _remove(path)
        before.rename(path)
