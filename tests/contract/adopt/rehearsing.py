"""Walk a change through an adoption in a copy of the repository, as a maintainer would."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adopt_steps.overlay import drop, misfits
from adopt_steps.stopped import Stopped
from adopt_steps.walk import Found, Wanted, _gap, adopt
from attrs import frozen
from historical import CHANGES, Change

PARTS = (
    "openapi",
    "generated",
    "kalshi_ext",
    "scripts",
    "tests/contract",
    "tests/recorded",
    "requirements-generator.txt",
    "pyproject.toml",
    "CHANGELOG.md",
)


@frozen
class Walked:
    """What came of one change: `stops` are the overlay's actions that had to be edited first."""

    stops: tuple[str, ...]
    found: Found

    def says(self) -> str:
        """Give everything the adoption named besides the drift report, as text."""
        recorded = [
            f"{name}: {problem}"
            for name, problems in self.found.cassettes.items()
            for problem in problems
        ]
        gaps = [_gap(gap) for gap in self.found.gaps]
        every = [*self.stops, *gaps, *self.found.lines, *recorded, *self.found.undescribed]
        return "\n".join(every)


def copy_repository(home: Path, to: Path) -> Path:
    """Copy what an adoption needs."""
    leave = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in PARTS:
        source, target = home / part, to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=leave)
        else:
            shutil.copyfile(source, target)
    return to


def published(home: Path, changes: Iterable[Change], to: Path) -> Path:
    """Write the document the exchange would publish with these changes, as JSON."""
    from kalshi_ext.drift.load import load

    document = load(home / "openapi" / "upstream.yaml")
    document["info"]["version"] = "3.35.0"
    for change in changes:
        change.edit(document)
    to.write_text(json.dumps(document), encoding="utf-8")
    return to


def walk(copy: Path, upstream: Path, home: Path, *, types: bool = True) -> Walked:
    """Adopt in a copy of home; where the overlay stops it, delete what it names and go on."""
    wanted = Wanted(
        home=copy,
        upstream=str(upstream),
        check_types=types,
        environment=home / ".venv-generator",
        cache=home / ".mypy_cache" / "adopt",
    )
    quiet: Any = lambda _text: None  # noqa: E731
    try:
        return Walked((), adopt(wanted, quiet))
    except Stopped as stopped:
        if stopped.step != "overlay":
            raise
        named = tuple(stopped.why.splitlines()[1:])
    _edit_overlay(copy, upstream)
    return Walked(named, adopt(wanted, quiet))


def _edit_overlay(copy: Path, upstream: Path) -> None:
    from contract.normalise import normalise

    from kalshi_ext.drift.load import load

    file = copy / "openapi" / "overlay.yaml"
    drop(file, misfits(normalise(load(upstream)), file))


def judged(change: Change, walked: Walked) -> list[str]:
    """List what the adoption should have named and did not."""
    findings = walked.found.report["findings"]
    rules = {finding["rule"]: finding["severity"] for finding in findings}
    said = walked.says()
    wrong = [f"does not say {words!r}" for words in change.named if words not in said]
    if change.rule and change.rule not in rules:
        wrong.append(f"rule {change.rule} is not among {sorted(rules)}")
    elif change.rule and (rules[change.rule] == "breaking") is not change.breaks:
        wrong.append(f"{change.rule} is {rules[change.rule]}")
    return wrong


def regenerated(change: Change, copy: Path) -> list[str]:
    """List what the regenerated code should have, or not have, and does not."""
    wrong = []
    for name, words in change.code.items():
        file = copy / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for word in words:
            if word.startswith("!") and word[1:] in text:
                wrong.append(f"{name} still has {word[1:]!r}")
            elif not word.startswith("!") and word not in text:
                wrong.append(f"{name} has no {word!r}")
    return wrong


def rehearse_all(home: Path, *, write: bool) -> int:
    """Walk every change on its own, print a table, and with `write` put it into the docs."""
    rows, bad = [], 0
    for change in CHANGES:
        with tempfile.TemporaryDirectory(prefix="rehearse-") as name:
            room = Path(name)
            copy = copy_repository(home, room / "copy")
            walked = walk(copy, published(home, [change], room / "new.json"), home)
            wrong = judged(change, walked) + regenerated(change, copy)
        bad += bool(wrong)
        rows.append(_row(change, walked, wrong))
        print(rows[-1], *wrong, sep="\n    ")
    table = "\n".join([*_HEADING, *rows])
    summary = f"{len(CHANGES)} changes walked through, {bad} not as expected."
    print(summary)
    if write:
        from figures import write_block

        write_block("upgrading.md", "rehearsals", f"{table}\n\n{summary}")
    return int(bool(bad))


_HEADING = (
    "| change | the differ says | overlay actions to edit first | calls, models | lines"
    " | cassettes | as expected |",
    "|---|---|---|---|---|---|---|",
)


def _row(change: Change, walked: Walked, wrong: list[str]) -> str:
    found = walked.found
    severities = [finding["severity"] for finding in found.report["findings"]]
    verdict = ", ".join(f"{severities.count(each)} {each}" for each in dict.fromkeys(severities))
    numbers = (walked.stops, found.gaps, found.lines, found.cassettes)
    counts = " | ".join(str(len(each)) for each in numbers)
    return f"| {change.name} | {verdict or 'nothing'} | {counts} | {'no' if wrong else 'yes'} |"
