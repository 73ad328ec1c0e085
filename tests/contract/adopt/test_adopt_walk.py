"""A new contract walks through `make adopt` in a copy of the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from adopt_steps.client_checks import ROOMS, missing_modules, type_errors
from documents_for_spec import ROOT
from historical import CHANGES
from rearranged import all_at_once, whole_document
from rehearsing import PARTS, copy_repository, missing_findings, published, rehearse, wrong_code

long_walk = pytest.mark.skipif(
    "EVERY_WALK" not in os.environ, reason="a minute of CPU: with EVERY_WALK=1 (make adopt-walks)"
)


def assert_whole(copy: Path) -> None:
    """What was adopted fits together, and no file of the swap is left."""
    check = [sys.executable, str(copy / "scripts" / "generate.py"), "--check-hashes"]
    process = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
    assert "version: 3.35.0" in (copy / "openapi" / "upstream.lock").read_text()
    left = [path.name for path in copy.rglob("*") if path.name.endswith((".adopted", "-adopt"))]
    assert left == []


@long_walk
def test_a_week_of_eighteen_changes_is_taken_in_with_one_command(tmp_path: Path) -> None:
    """All at once, and in one test. Apart, `adopt.py --rehearse` does them.

    Each must be named with what it breaks, and be in the regenerated code and types.
    """
    copy = copy_repository(ROOT, tmp_path / "copy")
    rehearsal = rehearse(copy, published(ROOT, CHANGES, tmp_path / "new.json"), ROOT, types=False)
    problems_by_change = {
        each.name: missing_findings(each, rehearsal) + wrong_code(each, copy) for each in CHANGES
    }
    assert {name: problems for name, problems in problems_by_change.items() if problems} == {}

    assert any('no module "decrease_order_v2"' in line for line in missing_modules(copy))
    assert missing_modules(ROOT) == []

    text = (copy / "CHANGELOG.md").read_text(encoding="utf-8")
    section = text.partition("### Exchange")[2].partition("\n## ")[0]
    assert "- Contract 3.34.0 → 3.35.0: " in section
    assert "Breaking: the field `fills[].fee_cost` is gone" in section
    assert "`client.portfolio.fills`" in section
    assert rehearsal.adoption.changelog in section

    assert_whole(copy)
    assert set(rehearsal.adoption.changed) >= {
        "generated",
        "kalshi_ext/contract/types.py",
        "CHANGELOG.md",
    }


@long_walk
def test_the_whole_document_said_another_way_is_taken_in_and_changes_nothing(
    tmp_path: Path,
) -> None:
    copy = copy_repository(ROOT, tmp_path / "copy")
    new = tmp_path / "openapi.json"
    new.write_text(json.dumps(all_at_once(whole_document())), encoding="utf-8")
    rehearsal = rehearse(copy, new, ROOT, types=False)
    adoption = rehearsal.adoption
    assert (rehearsal.edited_actions, rehearsal.text()) == ((), "")
    assert adoption.report["findings"] == []
    # The lock says where the document came from, and that was another file.
    assert adoption.changed in ([], ["openapi/upstream.lock"])


def test_lines_that_no_longer_fit_are_named_by_the_type_checker(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir(parents=True)
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "kalshi_ext" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nstrict = true\n")
    reader = tmp_path / "kalshi_ext" / "contracts" / "reader.py"
    reader.write_text(
        "from typing import TypedDict\n\n\n"
        "class Fill(TypedDict, total=False):\n    fill_id: str\n\n\n"
        "def fee(row: Fill) -> object:\n    return row['fee_cost']\n"
    )
    (line,) = type_errors(tmp_path, tmp_path / "cache")
    assert line.startswith("kalshi_ext/contracts/reader.py:9: error: ")
    assert "fee_cost" in line


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for part in PARTS
        for path in [root / part, *(root / part).rglob("*")]
        if path.is_file() and path.suffix != ".pyc"
    }


def adopting(copy: Path, new: Path) -> list[str]:
    command = [sys.executable, str(copy / "scripts" / "adopt.py"), "--upstream", str(new)]
    return [*command, "--no-types", "--environment", str(ROOT / ".venv-generator")]


def test_a_step_that_stops_changes_nothing_and_says_what_to_edit(tmp_path: Path) -> None:
    copy = copy_repository(ROOT, tmp_path / "copy")
    new = published(ROOT, CHANGES[:1], tmp_path / "new.json")
    before = files(copy)
    command = adopting(copy, new)
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


@long_walk
def test_a_stopped_adoption_goes_on_where_words_may_be_dropped(tmp_path: Path) -> None:
    copy = copy_repository(ROOT, tmp_path / "copy")
    new = published(ROOT, CHANGES[:1], tmp_path / "new.json")
    before = files(copy)
    command = [*adopting(copy, new), "--drop-words"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (0, "")
    assert "Fill: read where it is there, and no longer in the contract" in process.stdout
    assert "current/GetFills: " in process.stdout
    assert "to do 1. " in process.stdout
    section = (copy / "CHANGELOG.md").read_text(encoding="utf-8").partition("### Exchange")[2]
    assert "Breaking: the field `fills[].fee_cost` is gone" in section.partition("\n## ")[0]
    assert wrong_code(CHANGES[0], copy) == []
    assert_whole(copy)
    after = files(copy)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed >= {"openapi/upstream.yaml", "openapi/overlay.yaml", "openapi/portfolio.yaml"}
    assert {name.partition("/")[0] for name in changed} == {
        "openapi", "generated", "kalshi_ext", "CHANGELOG.md",
    }  # fmt: skip
