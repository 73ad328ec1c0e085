"""What the pages show runs, and prints what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_pages import DOCS, pages, relative_path

from kalshi_ext.sandbox import Sandbox


@pytest.mark.parametrize("page", DOCS, ids=relative_path)
def test_every_python_block_of_a_page_runs(page: Path, kalshi_exchange: Sandbox) -> None:
    wanted = page.read_text(encoding="utf-8").count("\n```python")
    assert pages.run_page(page, pages.credentials(kalshi_exchange)) == wanted


def test_the_readme_shows_code() -> None:
    assert sum(block.runs for block in pages.blocks(DOCS[0].read_text(encoding="utf-8"))) > 5


def write(tmp_path: Path, *lines: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text("\n".join(lines) + "\n")
    return page


def test_a_block_that_fails_is_named_by_its_line(tmp_path: Path) -> None:
    page = write(tmp_path, "# Title", "", "```python", "1 / 0", "```")
    with pytest.raises(pages.PageError, match=r"page\.md, block at line 4: ZeroDivisionError"):
        pages.run_page(page, {})


def test_a_block_that_prints_something_else_is_an_error(tmp_path: Path) -> None:
    page = write(tmp_path, "```python", "print(1)", "```", "", "```text", "2", "```")
    with pytest.raises(pages.PageError, match="block at line 2 printed:\n1\nand the page says:\n2"):
        pages.run_page(page, {})


def test_dots_stand_for_anything_in_what_a_block_prints(tmp_path: Path) -> None:
    page = write(tmp_path, "```python", "print('a 17 b')", "```", "```text", "a ... b", "```")
    assert pages.run_page(page, {}) == 1


def test_a_text_block_after_a_sentence_is_no_output(tmp_path: Path) -> None:
    page = write(tmp_path, "```python", "print(1)", "```", "And then:", "```text", "2", "```")
    assert pages.run_page(page, {}) == 1


def test_the_blocks_of_a_page_share_their_names(tmp_path: Path) -> None:
    page = write(tmp_path, "```python", "x = 2", "```", "", "```python", "assert x == 2", "```")
    assert pages.run_page(page, {}) == 2


def test_a_block_that_is_never_closed_is_an_error(tmp_path: Path) -> None:
    page = write(tmp_path, "text", "```python", "x = 2")
    with pytest.raises(pages.PageError, match="the block at line 2 is never closed"):
        pages.run_page(page, {})


def test_a_page_sees_the_variables_given_and_no_others_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KALSHI_TIMEOUT", "5")
    page = write(
        tmp_path,
        "```python",
        "import os",
        "assert os.environ['KALSHI_KEY_ID'] == 'abc'",
        "assert 'KALSHI_TIMEOUT' not in os.environ",
        "```",
    )
    pages.run_page(page, {"KALSHI_KEY_ID": "abc"})


def test_a_block_of_tests_that_fails_is_an_error(tmp_path: Path) -> None:
    page = write(tmp_path, "<!-- pytest -->", "```python", "def test_it():", " assert 0", "```")
    with pytest.raises(pages.PageError, match="1 failed"):
        pages.run_page(page, {})


def test_a_block_of_tests_without_a_test_is_an_error(tmp_path: Path) -> None:
    page = write(tmp_path, "<!-- pytest -->", "```python", "x = 1", "```")
    with pytest.raises(pages.PageError, match="no tests ran"):
        pages.run_page(page, {})
