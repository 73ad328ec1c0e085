"""The sync client is derived from the async one; the check that says so finds every difference."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def unasync(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(root / "scripts" / "unasync.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sync_client_is_the_derived_one() -> None:
    done = unasync(ROOT, "--check")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Copy what the script reads and writes."""
    for name in ("_async", "_sync"):
        shutil.copytree(ROOT / "kalshi_ext" / name, tmp_path / "kalshi_ext" / name)
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "unasync.py", tmp_path / "scripts")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "kalshi_ext" / "__init__.py", tmp_path / "kalshi_ext")
    return tmp_path


def test_an_edited_missing_or_extra_file_is_found_and_put_right(copy: Path) -> None:
    edited, missing, extra = (
        copy / "kalshi_ext" / "_sync" / f"{name}.py" for name in ("rows", "orders", "added")
    )
    edited.write_text(edited.read_text().replace("page.items", "page.items[1:]"))
    missing.unlink()
    extra.write_text("x = 1\n")
    check = unasync(copy, "--check")
    assert check.returncode == 1
    said = [
        file for file in (edited, missing, extra) if f"_sync/{file.name} differs" in check.stdout
    ]
    assert said == [edited, missing, extra]
    assert unasync(copy).returncode == 0
    assert unasync(copy, "--check").returncode == 0


def test_no_word_of_waiting_is_left_in_the_sync_client() -> None:
    for file in (ROOT / "kalshi_ext" / "_sync").glob("*.py"):
        text = file.read_text().partition("\n")[2]  # the first line says where it comes from
        assert not [word for word in ("await", "async", "Async", "aclose") if word in text], file
