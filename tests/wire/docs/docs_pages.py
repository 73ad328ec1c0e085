"""The pages of this project: which there are, their links, and the commands they show."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "scripts"))
import pages  # the script itself, as people run it

ROOT = Path(__file__).resolve().parents[3]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("docs", "examples", "generated", "kalshi_ext", "openapi", "scripts", "tests", ".github")

LINK = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
SHELL = frozenset({"sh", "bash", "console", ""})


def every_page() -> list[Path]:
    """List every Markdown file of the project."""
    found = list(ROOT.glob("*.md"))
    for folder in FOLDERS:
        found += (ROOT / folder).rglob("*.md")
    return sorted(found)


def relative_path(path: Path) -> str:
    """Return a path below the project's folder, for test ids and messages."""
    return path.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    lines, in_block = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            in_block = not in_block
        elif not in_block:
            lines.append(line)
    return "\n".join(lines)


def links(text: str) -> list[str]:
    """List the links of a page to other files and places of this project."""
    targets = LINK.findall(prose(text))
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(text: str) -> set[str]:
    """List the anchors a page's headings give, as GitHub names them."""
    return {_anchor(heading) for heading in HEADING.findall(prose(text))}


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return kept.replace(" ", "-")


def typed_lines(text: str) -> Iterator[str]:
    """Yield what a page shows to type: lines of shell blocks, and code between backticks."""
    for block in pages.blocks(text):
        if block.language in SHELL:
            yield from (line.lstrip("$ ").strip() for line in block.text.splitlines())
    yield from SPAN.findall(prose(text))
