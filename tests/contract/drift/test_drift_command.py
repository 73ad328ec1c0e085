"""The commands: exit statuses, options and what ends up where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from contract.dump import dump_yaml
from driftsuite.small_contract import (
    Edit,
    add_fee,
    deprecate,
    drop_count,
    files,
    grow_side,
    rename_operation,
)

from kalshi_ext.cli import main
from kalshi_ext.drift.check import installed_contract
from kalshi_ext.drift.commands import PUBLISHED, build
from kalshi_ext.drift.documents import document

ROOT = Path(__file__).resolve().parents[3]


def drift(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["drift", *arguments])


def against(base: str, new: str, *options: str) -> Result:
    return drift("--base", base, new, *options)


@pytest.mark.parametrize(
    ("edits", "status"),
    [
        ((), 0),
        ((rename_operation,), 1),
        ((deprecate,), 1),
        ((add_fee,), 1),
        ((grow_side,), 1),
        ((drop_count,), 2),
        ((add_fee, drop_count), 2),
    ],
)
def test_the_exit_status_says_how_bad_it_is(
    edits: tuple[Edit, ...], status: int, tmp_path: Path
) -> None:
    assert against(*files(tmp_path, *edits)).exit_code == status


@pytest.mark.parametrize(
    ("edit", "fail_on", "status"),
    [
        (grow_side, "breaking", 1),
        (grow_side, "risky", 2),
        (add_fee, "risky", 1),
        (add_fee, "compatible", 2),
        (rename_operation, "note", 2),
    ],
)
def test_a_milder_severity_can_be_made_to_fail(
    edit: Edit, fail_on: str, status: int, tmp_path: Path
) -> None:
    assert against(*files(tmp_path, edit), "--fail-on", fail_on).exit_code == status


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "xml", "x"],
        ["--nonsense"],
        ["a", "b"],
        [],
        [""],
        ["/nowhere/openapi.yaml"],
        ["--base", "/nowhere/openapi.yaml", "x"],
    ],
)
def test_wrong_use_and_missing_files_end_with_3(arguments: list[str]) -> None:
    ran = drift(*arguments)
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert ran.stderr


def test_nothing_to_compare_with_names_the_published_document() -> None:
    assert PUBLISHED in drift().stderr


def test_an_acceptance_file_that_is_not_there_is_no_verdict(tmp_path: Path) -> None:
    ran = against(*files(tmp_path, drop_count), "--accept", str(tmp_path / "none.yaml"))
    assert ran.exit_code == 3
    assert "none.yaml" in ran.stderr


def test_a_report_that_cannot_be_written_is_no_verdict(tmp_path: Path) -> None:
    ran = against(*files(tmp_path, drop_count), "--output", str(tmp_path / "no" / "report"))
    assert ran.exit_code == 3
    assert "FileNotFoundError" in ran.stderr


def test_output_goes_to_the_file_and_nowhere_else(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ran = against(*files(tmp_path, drop_count), "--format", "json", "--output", str(report))
    assert (ran.exit_code, ran.output) == (2, "")
    assert json.loads(report.read_text("utf-8"))["counts"]["breaking"] == 1


def test_the_base_is_the_contract_of_the_installed_version(tmp_path: Path) -> None:
    new = document("upstream")
    del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
    file = tmp_path / "openapi.yaml"
    file.write_text(dump_yaml(new), "utf-8")
    ran = drift(str(file))
    assert ran.exit_code == 2
    assert "client.portfolio.fills, model Fill, field `fills[].fee_cost`" in ran.stdout
    assert drift(str(installed_contract())).exit_code == 0


def test_a_bug_is_no_verdict_and_never_compatible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_words: object) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("kalshi_ext.drift.commands.check", broken)
    ran = against(*files(tmp_path))
    assert ran.exit_code == 3
    assert "ZeroDivisionError: by chance" in ran.stderr


def test_a_message_cannot_steer_the_terminal(tmp_path: Path) -> None:
    ran = against(files(tmp_path)[0], str(tmp_path / "\x1b[31mred.yaml"))
    assert ran.exit_code == 3
    assert "\x1b" not in ran.stderr


def test_another_command_can_be_built_of_the_same_parts(tmp_path: Path) -> None:
    base, new = files(tmp_path, add_fee)
    assert CliRunner().invoke(build(), ["--base", base, new]).exit_code == 1


def test_help_says_what_each_status_means() -> None:
    text = " ".join(drift("--help").stdout.split())
    for words in ("0 when nothing differs", "2 when a client", "3 when there is no verdict"):
        assert words in text


def script(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "drift.py"), *arguments],
        capture_output=True, text=True, check=False, cwd=folder, env=dict(os.environ),
    )  # fmt: skip


def test_the_script_compares_base_and_new_in_this_order(tmp_path: Path) -> None:
    base, new = files(tmp_path, add_fee)
    assert script(base, new, folder=tmp_path).returncode == 1
    ran = script(new, base, "--format", "github", folder=tmp_path)
    assert ran.returncode == 2
    assert ran.stdout.startswith("::error file=base.json,line=")


def test_the_script_takes_our_own_base_when_only_one_is_given(tmp_path: Path) -> None:
    ran = script(str(ROOT / "openapi" / "upstream.yaml"), folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [[], ["", ""], ["a", "b", "c"], ["--format", "x", "a"]])
def test_the_script_ends_with_3_when_it_is_used_wrongly(
    arguments: list[str], tmp_path: Path
) -> None:
    ran = script(*arguments, folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "Traceback" not in ran.stderr


def test_make_drift_without_upstream_says_what_to_name(tmp_path: Path) -> None:
    ran = script("openapi/upstream.yaml", "", folder=tmp_path)
    assert ran.returncode == 3
    assert f"name a file or URL to compare with, such as {PUBLISHED}" in ran.stderr


def test_make_drift_calls_the_script_with_both_documents() -> None:
    recipe = re.search(
        r"^drift:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
    )
    assert recipe is not None
    assert 'scripts/drift.py "$(BASE)" "$(UPSTREAM)"' in recipe[1]
