"""Every package of kalshi_ext and every top folder has a README of at most 40 lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_pages import FOLDERS, ROOT, SPAN, relative_path

TOP = [ROOT / folder for folder in FOLDERS if folder not in {"docs", "kalshi_ext", ".github"}]
DERIVED = {"_sync": "_async"}  # written by scripts/unasync.py, described where it comes from


def rooms() -> list[Path]:
    """List the packages of kalshi_ext with more than one module."""
    packages = [init.parent for init in (ROOT / "kalshi_ext").glob("*/__init__.py")]
    return sorted(
        room for room in packages if len(list(room.rglob("*.py"))) > 1 and room.name not in DERIVED
    )


@pytest.mark.parametrize("room", [*TOP, *rooms()], ids=relative_path)
def test_every_room_has_a_page_of_at_most_40_lines(room: Path) -> None:
    page = room / "README.md"
    assert page.is_file(), f"{relative_path(page)} is missing"
    assert 2 < len(page.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize("derived", DERIVED)
def test_the_page_of_a_derived_room_is_where_it_is_derived_from(derived: str) -> None:
    page = ROOT / "kalshi_ext" / DERIVED[derived] / "README.md"
    assert derived in page.read_text(encoding="utf-8")


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| room |")[2].partition("\n\n")[0]
    listed = {word for line in table.splitlines() for word in SPAN.findall(line.split("|")[1])}
    package = ROOT / "kalshi_ext"
    files = {path.stem for path in package.glob("*.py") if not path.name.startswith("__")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    assert listed == files | folders
