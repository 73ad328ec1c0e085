"""Links between pages lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_pages import anchors, every_page, links, relative_path


@pytest.mark.parametrize("page", every_page(), ids=relative_path)
def test_every_relative_link_of_a_page_resolves(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [target for target in links(text) if not resolves(page, target)]
    assert not broken


def resolves(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    target_page = page.parent / path if path else page
    if not target_page.exists():
        return False
    return not anchor or anchor in anchors(target_page.read_text(encoding="utf-8"))


def test_a_link_to_a_page_that_is_not_there_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One thing\n\n[a](other.md) [b](#one-thing) [c](#another) [d](https://x.y)\n")
    targets = links(page.read_text())
    assert targets == ["other.md", "#one-thing", "#another"]
    assert [resolves(page, target) for target in targets] == [False, True, False]
