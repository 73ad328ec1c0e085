"""What the pages show to type exists: make targets, subcommands with their options, scripts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from docs_pages import ROOT, every_page, relative_path, typed_lines

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
