"""Every room of the house says what it is, on one short page."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_pages import HOMES, ROOT, SPAN, named

TOP = [ROOT / home for home in HOMES if home not in {"docs", "kalshi_ext", ".github"}]
DERIVED = {"_sync": "_async"}  # written by a script, described where it is derived from


def rooms() -> list[Path]:
    """List the packages of kalshi_ext with more than one module."""
    packages = [init.parent for init in (ROOT / "kalshi_ext").glob("*/__init__.py")]
    return sorted(
        room for room in packages if len(list(room.rglob("*.py"))) > 1 and room.name not in DERIVED
    )


@pytest.mark.parametrize("room", [*TOP, *rooms()], ids=named)
def test_every_room_has_a_page_of_at_most_40_lines(room: Path) -> None:
    page = room / "README.md"
    assert page.is_file(), f"{named(page)} is missing"
    assert 2 < len(page.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize("derived", DERIVED)
def test_the_page_of_a_derived_room_is_where_it_is_derived_from(derived: str) -> None:
    page = ROOT / "kalshi_ext" / DERIVED[derived] / "README.md"
    assert derived in page.read_text(encoding="utf-8")


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| room |")[2].partition("\n\n")[0]
    named_there = {word for line in table.splitlines() for word in SPAN.findall(line.split("|")[1])}
    house = ROOT / "kalshi_ext"
    files = {path.stem for path in house.glob("*.py") if not path.name.startswith("__")}
    folders = {path.parent.name for path in house.glob("*/__init__.py")}
    assert named_there == files | folders
