"""A new contract walks through `make adopt` in a copy of the repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from documents_for_spec import ROOT
from historical import CHANGES, Change
from rehearsing import PARTS, Walked, copy_repository, judged, published, regenerated, walk


@pytest.fixture(scope="module")
def all_at_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Walked]:
    """Every change in one document: a bad week. Apart, `adopt.py --rehearse` walks them."""
    room = tmp_path_factory.mktemp("adopt")
    copy = copy_repository(ROOT, room / "copy")
    return copy, walk(copy, published(ROOT, CHANGES, room / "new.json"), ROOT)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_is_named_and_the_regenerated_code_has_it(
    all_at_once: tuple[Path, Walked], change: Change
) -> None:
    copy, walked = all_at_once
    assert judged(change, walked) == []
    assert regenerated(change, copy) == []


def test_hand_written_lines_that_no_longer_fit_are_named(
    all_at_once: tuple[Path, Walked],
) -> None:
    _, walked = all_at_once
    lines = "\n".join(walked.found.lines)
    assert 'no module "decrease_order_v2" in kalshi_portfolio.api.orders' in lines
    assert "kalshi_ext/models/portfolio.py" in lines  # Withdrawal is Payout now


def test_the_changelog_has_a_draft_with_the_calls_concerned(
    all_at_once: tuple[Path, Walked],
) -> None:
    copy, walked = all_at_once
    text = (copy / "CHANGELOG.md").read_text(encoding="utf-8")
    section = text.partition("### Exchange")[2].partition("\n## ")[0]
    assert "- Contract 3.34.0 → 3.35.0: " in section
    assert "Breaking: the field `fills[].fee_cost` is gone" in section
    assert "`client.portfolio.fills`" in section
    assert walked.found.changelog in section


def test_what_was_taken_in_belongs_together(all_at_once: tuple[Path, Walked]) -> None:
    copy, walked = all_at_once
    check = [sys.executable, str(copy / "scripts" / "generate.py"), "--check-hashes"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "version: 3.35.0" in (copy / "openapi" / "upstream.lock").read_text()
    left = [path.name for path in copy.rglob("*") if path.name.endswith((".adopted", "-adopt"))]
    assert left == []
    assert set(walked.found.changed) >= {"generated", "kalshi_ext/_shapes.py", "CHANGELOG.md"}


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for part in PARTS
        for path in [root / part, *(root / part).rglob("*")]
        if path.is_file() and path.suffix != ".pyc"
    }


def test_a_step_that_stops_changes_nothing_and_says_what_to_edit_and_then_goes_on(
    tmp_path: Path,
) -> None:
    copy = copy_repository(ROOT, tmp_path / "copy")
    new = published(ROOT, CHANGES[:1], tmp_path / "new.json")
    before = files(copy)
    command = [sys.executable, str(copy / "scripts" / "adopt.py"), "--upstream", str(new)]
    command += ["--no-types", "--environment", str(ROOT / ".venv-generator")]

    stopped = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert stopped.returncode == 3, stopped.stderr
    assert "adopt: stopped at overlay: 1 of its actions no longer fit" in stopped.stderr
    line = next(line for line in stopped.stderr.splitlines() if "overlay.yaml:" in line)
    number = int(line.partition("overlay.yaml:")[2].partition(":")[0])
    overlay = (copy / "openapi" / "overlay.yaml").read_text(encoding="utf-8").splitlines()
    assert overlay[number - 1] == "- target: $.components.schemas.Fill.properties.fee_cost"
    assert "to do: " in stopped.stderr
    assert "nothing was changed" in stopped.stderr
    assert files(copy) == before

    command.append("--drop-words")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Fill: read where it is there, and no longer in the contract" in done.stdout
    assert "current/GetFills: " in done.stdout
    assert "to do 1. " in done.stdout
    after = files(copy)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed >= {"openapi/upstream.yaml", "openapi/overlay.yaml", "openapi/portfolio.yaml"}
    assert {name.partition("/")[0] for name in changed} == {
        "openapi", "generated", "kalshi_ext", "CHANGELOG.md",
    }  # fmt: skip
