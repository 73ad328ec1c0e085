"""What the pages tell to type exists: make targets, subcommands with their options, scripts."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from docs_pages import ROOT, every_page, named, typed

from kalshi_ext.cli import main

TARGETS = frozenset(
    re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("page", every_page(), ids=named)
def test_every_make_target_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    said = [word for line in typed(text) for word in targets(line)]
    assert not [word for word in said if word not in TARGETS]


@pytest.mark.parametrize("page", every_page(), ids=named)
def test_every_command_a_page_names_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    faults = [fault(line) for line in typed(text) if line.startswith("kalshi-ext")]
    assert not [said for said in faults if said]


@pytest.mark.parametrize("page", every_page(), ids=named)
def test_every_script_a_page_names_exists(page: Path) -> None:
    said = re.findall(r"\bscripts/\w+\.py\b", page.read_text(encoding="utf-8"))
    assert not [name for name in said if not (ROOT / name).exists()]


def targets(line: str) -> list[str]:
    """Return the targets of a line that calls make."""
    if not re.match(r"make\s+[a-zA-Z]", line):
        return []
    words = shlex.split(re.sub(r"<[^>]*>", "", line), comments=True)[1:]  # <file or URL>
    return [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]


def fault(line: str) -> str | None:
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
    assert fault(line) == wrong


def test_targets_are_told_from_variables_and_prose() -> None:
    assert targets("make drift UPSTREAM=<file or URL>") == ["drift"]
    assert targets("make") == []
    assert targets("makes sense") == []
