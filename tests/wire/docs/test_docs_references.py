"""What the pages refer to exists: links, make targets, commands with their options, scripts.

And every package of kalshi_ext and every top folder has a README of at most 40 lines.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from docs_pages import (
    FOLDERS,
    ROOT,
    SPAN,
    anchors,
    every_page,
    links,
    relative_path,
    typed_lines,
)

from kalshi_ext.cli import main

TARGETS = frozenset(
    re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("page", every_page(), ids=relative_path)
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = [word for line in typed_lines(text) for word in targets(line)]
    assert not [word for word in names if word not in TARGETS]


@pytest.mark.parametrize("page", every_page(), ids=relative_path)
def test_every_command_a_page_names_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    faults = [command_fault(line) for line in typed_lines(text) if line.startswith("kalshi-ext")]
    assert not [fault for fault in faults if fault]


@pytest.mark.parametrize("page", every_page(), ids=relative_path)
def test_every_script_a_page_names_exists(page: Path) -> None:
    names = re.findall(r"\bscripts/\w+\.py\b", page.read_text(encoding="utf-8"))
    assert not [name for name in names if not (ROOT / name).exists()]


def targets(line: str) -> list[str]:
    """Return the targets of a line that calls make."""
    if not re.match(r"make\s+[a-zA-Z]", line):
        return []
    words = shlex.split(re.sub(r"<[^>]*>", "", line), comments=True)[1:]  # <file or URL>
    return [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]


def command_fault(line: str) -> str | None:
    """Say what is wrong with a line that calls kalshi-ext; None when it could be typed."""
    command: click.Command = main
    words = iter(shlex.split(line, comments=True)[1:])
    for word in words:
        if word == "--":  # what follows is another program's
            return None
        if word.startswith("--"):
            option = _option(command, word.partition("=")[0])
            if option is None:
                return f"{command.name} has no option {word}"
            if not option.is_flag and "=" not in word:
                next(words, None)
        elif isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            inner = command.get_command(click.Context(command), word)
            if inner is None:
                return f"{command.name} has no command {word}"
            command = inner
    return None


def _option(command: click.Command, word: str) -> click.Option | None:
    for option in command.get_params(click.Context(command)):
        if isinstance(option, click.Option) and word in (*option.opts, *option.secondary_opts):
            return option
    return None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("kalshi-ext journal --journal orders.db show", None),
        ("kalshi-ext --help  # says more", None),
        ("kalshi-ext drifted", "main has no command drifted"),
        ("kalshi-ext sandbox --prot 0", "sandbox has no option --prot"),
    ],
)
def test_a_line_that_cannot_be_typed_is_noticed(line: str, wrong: str | None) -> None:
    assert command_fault(line) == wrong


def test_targets_are_told_from_variables_and_prose() -> None:
    assert targets("make drift UPSTREAM=<file or URL>") == ["drift"]
    assert targets("make") == []
    assert targets("makes sense") == []


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
