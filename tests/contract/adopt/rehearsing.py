"""Walk a change through an adoption in a copy of the repository, as a maintainer would."""

from __future__ import annotations

import functools
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adopt_steps.adoption import Adoption, Options, adopt, gap_line
from adopt_steps.overlay import drop_actions, misfits
from adopt_steps.workspace import AdoptionStopped
from attrs import frozen
from historical import CHANGES, Change

PARTS = (
    "openapi",
    "generated",
    "kalshi_ext",
    "scripts",
    "examples",
    "tests/contract",
    "tests/recorded",
    "requirements-generator.txt",
    "pyproject.toml",
    "CHANGELOG.md",
    "docs/api.txt",
)


@frozen
class Rehearsal:
    """What came of one change: `stops` are the overlay's actions that had to be edited first."""

    edited_actions: tuple[str, ...]
    adoption: Adoption

    def text(self) -> str:
        """Give everything the adoption named besides the drift report, as text."""
        recorded = [
            f"{name}: {problem}"
            for name, problems in self.adoption.outdated.items()
            for problem in problems
        ]
        gaps = [gap_line(gap) for gap in self.adoption.gaps]
        lines = [
            *self.edited_actions,
            *gaps,
            *self.adoption.type_errors,
            *self.adoption.broken_programs,
            *recorded,
            *self.adoption.undescribed,
        ]
        return "\n".join(lines)


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


@functools.cache
def _as_json(file: Path, _changed: int) -> str:
    """Give a document as JSON, which is read in a tenth of the time of YAML."""
    from kalshi_ext.drift.load import load

    return json.dumps(load(file))


def published(home: Path, changes: Iterable[Change], to: Path) -> Path:
    """Write the document the exchange would publish with these changes, as JSON."""
    file = home / "openapi" / "upstream.yaml"
    document = json.loads(_as_json(file, file.stat().st_mtime_ns))
    document["info"]["version"] = "3.35.0"
    for change in changes:
        change.edit(document)
    to.write_text(json.dumps(document), encoding="utf-8")
    return to


def rehearse(copy: Path, upstream: Path, home: Path, *, types: bool = True) -> Rehearsal:
    """Adopt in a copy of home; where the overlay stops it, delete what it names and go on."""
    options = Options(
        home=copy,
        upstream=str(upstream),
        check_types=types,
        environment=home / ".venv-generator",
        cache=home / ".mypy_cache" / "adopt",
    )
    quiet: Any = lambda _text: None  # noqa: E731
    try:
        return Rehearsal((), adopt(options, quiet))
    except AdoptionStopped as stopped:
        if stopped.step != "overlay":
            raise
        actions = tuple(stopped.reason.splitlines()[1:])
    _edit_overlay(copy, upstream)
    return Rehearsal(actions, adopt(options, quiet))


def _edit_overlay(copy: Path, upstream: Path) -> None:
    from spec import published_part

    from kalshi_ext.drift.load import load

    file = copy / "openapi" / "overlay.yaml"
    part = published_part(load(upstream), copy / "openapi" / "upstream.yaml")
    drop_actions(file, misfits(part, file))


def missing_findings(change: Change, rehearsal: Rehearsal) -> list[str]:
    """List what the adoption should have named and did not."""
    findings = rehearsal.adoption.report["findings"]
    rules = {finding["rule"]: finding["severity"] for finding in findings}
    text = rehearsal.text()
    missing = [f"does not say {words!r}" for words in change.expected_gaps if words not in text]
    if change.rule and change.rule not in rules:
        missing.append(f"rule {change.rule} is not among {sorted(rules)}")
    elif change.rule and (rules[change.rule] == "breaking") is not change.is_breaking:
        missing.append(f"{change.rule} is {rules[change.rule]}")
    return missing


def wrong_code(change: Change, copy: Path) -> list[str]:
    """List what the regenerated code should have, or not have, and does not."""
    problems = []
    for name, words in change.expected_code.items():
        file = copy / name
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        for word in words:
            if word.startswith("!") and word[1:] in text:
                problems.append(f"{name} still has {word[1:]!r}")
            elif not word.startswith("!") and word not in text:
                problems.append(f"{name} has no {word!r}")
    return problems


def rehearse_all(home: Path, names: list[str] | None = None, *, write: bool) -> int:
    """Walk changes, each on its own, print a table, and with `write` put it into the docs.

    `names` walks those alone; the rows of the others stay as a run before wrote them.
    """
    page = (home / "docs" / "upgrading.md").read_text(encoding="utf-8")
    rows: list[str] = []
    for change in CHANGES:
        known = next((row for row in page.splitlines() if row.startswith(_cell(change))), "")
        rows.append(known if names and change.name not in names else _walked(home, change))
    failures = sum(not row.endswith("| yes |") for row in rows)
    summary = f"{len(CHANGES)} changes walked through, {failures} not as expected."
    print(summary)
    if write:
        from figures import write_block

        table = "\n".join([*_HEADING, *rows])
        write_block("upgrading.md", "rehearsals", f"{table}\n\n{summary}")
    return int(bool(failures))


def _walked(home: Path, change: Change) -> str:
    with tempfile.TemporaryDirectory(prefix="rehearse-") as name:
        directory = Path(name)
        copy = copy_repository(home, directory / "copy")
        rehearsal = rehearse(copy, published(home, [change], directory / "new.json"), home)
        problems = missing_findings(change, rehearsal) + wrong_code(change, copy)
    row = _row(change, rehearsal, problems)
    print(row, *problems, sep="\n    ", flush=True)
    return row


_HEADING = (
    "| change | the differ says | overlay actions to edit first | calls, models | lines"
    " | cassettes | as expected |",
    "|---|---|---|---|---|---|---|",
)


def _row(change: Change, rehearsal: Rehearsal, problems: list[str]) -> str:
    adoption = rehearsal.adoption
    severities = [finding["severity"] for finding in adoption.report["findings"]]
    verdict = ", ".join(f"{severities.count(each)} {each}" for each in dict.fromkeys(severities))
    lines = [*adoption.type_errors, *adoption.broken_programs]
    numbers = (rehearsal.edited_actions, adoption.gaps, lines, adoption.outdated)
    counts = " | ".join(str(len(each)) for each in numbers)
    return f"{_cell(change)}{verdict or 'nothing'} | {counts} | {'no' if problems else 'yes'} |"


def _cell(change: Change) -> str:
    return f"| {change.name} | "
