"""The workflow that watches the contract: its structure, and its steps really run in a shell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click import Option
from contract.dump import dump_yaml

from kalshi_ext.drift.commands import PUBLISHED, drift
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.limits import MAX_BYTES
from kalshi_ext.drift.load import load

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW: dict[str, Any] = load(ROOT / ".github" / "workflows" / "drift.yml")
JOB: dict[str, Any] = WORKFLOW["jobs"]["compare"]
WRITER: dict[str, Any] = WORKFLOW["jobs"]["write"]
STEPS: list[dict[str, Any]] = [*JOB["steps"], *WRITER["steps"]]
RUNS: dict[str, str] = {step["name"]: step["run"] for step in STEPS if "run" in step}
ALL_RUNS = "\n".join(RUNS.values())
BASH = shutil.which("bash") or "/bin/bash"


def test_it_runs_on_a_schedule_by_hand_and_when_called() -> None:
    assert set(WORKFLOW["on"]) == {"schedule", "workflow_dispatch", "workflow_call"}
    (when,) = WORKFLOW["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \*", when["cron"])


def test_every_input_has_a_type_and_a_default() -> None:
    for trigger in ("workflow_dispatch", "workflow_call"):
        for name, given in WORKFLOW["on"][trigger]["inputs"].items():
            assert given["type"] in ("string", "boolean"), name
            assert "default" in given, name


def test_the_default_document_is_the_published_one() -> None:
    for trigger in ("workflow_dispatch", "workflow_call"):
        assert WORKFLOW["on"][trigger]["inputs"]["upstream"]["default"] == PUBLISHED
    assert f"'{PUBLISHED}'" in JOB["env"]["UPSTREAM"]


def test_what_is_fetched_is_no_larger_than_what_is_read() -> None:
    assert f"--max-filesize {MAX_BYTES} " in RUNS["fetch"]


def test_what_reads_the_document_has_no_token_that_writes() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert JOB["permissions"] == {"contents": "read"}
    assert "token" not in str(JOB).lower()
    assert JOB["steps"][0]["with"] == {"persist-credentials": False}


def test_what_writes_is_small_and_runs_nothing_of_the_document_or_the_checkout() -> None:
    assert WRITER["permissions"] == {
        "contents": "write", "issues": "write", "pull-requests": "write"}  # fmt: skip
    assert WRITER["needs"] == "compare"
    runs = "\n".join(step["run"] for step in WRITER["steps"] if "run" in step)
    programs = set(re.findall(r"\b(make|python|pip|kalshi-ext|npm|curl|source|eval)\b", runs))
    assert programs == set()
    assert len(runs.splitlines()) < 40


def test_nothing_from_outside_is_pasted_into_a_shell() -> None:
    assert "${{" not in ALL_RUNS


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_every_action_is_pinned_by_commit_and_says_its_version(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", re.sub(r"(?m)^#.*$", "", file.read_text("utf-8")))
    assert used
    for action, comment in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", comment), action


def test_every_step_it_refers_to_is_there() -> None:
    text = (ROOT / ".github" / "workflows" / "drift.yml").read_text("utf-8")
    ids = {step["id"] for step in JOB["steps"] if "id" in step}
    assert set(re.findall(r"needs\.compare\.outputs\.(\w+)", text)) <= set(JOB["outputs"])
    outputs = set(re.findall(r'echo "(\w+)=', ALL_RUNS))
    for step, output in re.findall(r"steps\.(\w+)\.outputs\.(\w+)", text):
        assert step in ids
        assert output in outputs
    inputs = set(WORKFLOW["on"]["workflow_call"]["inputs"])
    assert set(re.findall(r"\binputs\.(\w+)", text)) <= inputs


def test_every_make_target_and_script_it_calls_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)", ALL_RUNS))
    assert {"setup", "adopt"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for script in re.findall(r"\bscripts/\w+\.py", ALL_RUNS):
        assert (ROOT / script).is_file(), script


def test_every_option_it_gives_to_the_command_exists() -> None:
    known = {name for each in drift.params if isinstance(each, Option) for name in each.opts}
    calls = [line for line in RUNS["compare"].replace("\\\n", " ").splitlines() if "drift " in line]
    given = set(re.findall(r"(--[a-z-]+)", "\n".join(calls))) | {"--fail-on", "--accept"}
    assert len(calls) == 3
    assert given <= known


@pytest.mark.parametrize("name", RUNS)
def test_a_step_is_a_shell_script_that_parses(name: str) -> None:
    ran = subprocess.run(
        [BASH, "-n"], input=RUNS[name], text=True, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def step(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step as a runner does: bash -e, outputs in files, the environment's tools on PATH."""
    tools = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    files = {name: str(folder / name.lower()) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    return subprocess.run(
        [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", RUNS[name]],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, **files, "PATH": os.pathsep.join(tools), "RUNNER_TEMP": str(folder),
             "ACCEPT": "", "FAIL_ON": "breaking", "HOME": str(folder), **variables},
    )  # fmt: skip


def outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "github_output").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def upstream(folder: Path) -> None:
    """Write what was fetched: the contract with a field gone."""
    new = document("upstream")
    del new["components"]["schemas"]["Fill"]["properties"]["fee_cost"]
    (folder / "upstream.yaml").write_text(dump_yaml(new), "utf-8")


def test_the_compare_step_reports_in_every_form(tmp_path: Path) -> None:
    upstream(tmp_path)
    ran = step("compare", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert outputs(tmp_path)["status"] == "2"
    assert re.fullmatch(r"[0-9a-f]{12}", outputs(tmp_path)["fingerprint"])
    assert ran.stdout.startswith("::error file=")
    assert {each.name for each in (tmp_path / "drift").iterdir()} == {
        "drift.md", "drift.json", "drift.sarif"}  # fmt: skip
    assert "## Breaking" in (tmp_path / "github_step_summary").read_text("utf-8")


def test_the_compare_step_fails_without_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "upstream.yaml").write_text("<html>", "utf-8")
    ran = step("compare", tmp_path)
    assert ran.returncode == 3
    assert "drift: cannot compare" in ran.stderr
    assert not (tmp_path / "github_output").exists()


def tool(folder: Path, name: str, answer: str) -> Path:
    """Put a program on the PATH that writes down how it was called, and answers."""
    log = folder / f"{name}.log"
    program = folder / "bin" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!{BASH}\nprintf "%s\\n" "$*" >> {log}\n{answer}\n', "utf-8")
    program.chmod(0o755)
    return log


@pytest.mark.parametrize(("known", "calls"), [("0", 2), ("1", 1)])
def test_an_issue_is_opened_once_for_what_was_found(known: str, calls: int, tmp_path: Path) -> None:
    log = tool(tmp_path, "gh", f"echo {known}")
    ran = step("open an issue", tmp_path, FINGERPRINT="0123456789ab", STATUS="2")
    assert ran.returncode == 0, ran.stderr
    calls_made = log.read_text("utf-8").splitlines()
    assert len(calls_made) == calls
    assert "0123456789ab in:title" in calls_made[0]
    if calls == 2:
        assert calls_made[1].startswith(
            "issue create --title The exchange's contract breaks clients (0"
        )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A checkout with an origin, and a `make adopt` that changes a file."""

    def git(*arguments: str) -> None:
        words = ["git", "-c", "user.name=t", "-c", "user.email=t@e.example", *arguments]
        subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)

    for line in ("init --quiet --bare origin.git", "init --quiet", "remote add origin origin.git"):
        git(*line.split())
    (tmp_path / ".gitignore").write_text("origin.git\nbin\ndrift\ngithub_*\n*.log\n", "utf-8")
    for name in ("docs", "openapi", "drift"):
        (tmp_path / name).mkdir()
    (tmp_path / "docs" / "api.txt").write_text("client.old()\nclient.stays()\n", "utf-8")
    (tmp_path / "drift" / "drift.md").write_text("the report\n", "utf-8")
    adopt = "\techo $(UPSTREAM) > openapi/upstream.yaml\n\techo more > sneaked.py\n"
    adopt += "\techo 'client.stays()' > docs/api.txt\n"
    (tmp_path / "Makefile").write_text(f"adopt:\n{adopt}", "utf-8")
    git("add", "--all")
    git("commit", "--quiet", "--message", "start")
    return tmp_path


def git(repository: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=repository, check=True, capture_output=True, text=True
    ).stdout


def test_a_pull_request_carries_what_adopting_changed_and_nothing_else(repository: Path) -> None:
    log = tool(repository, "gh", "true")
    assert step("adopt", repository).returncode == 0
    assert outputs(repository) == {"adopted": "true"}
    git(repository, "reset", "--quiet", "--hard")  # the second job has a checkout of its own
    (repository / "sneaked.py").unlink(missing_ok=True)
    for _ in range(2):  # a second run finds the branch and does nothing
        ran = step("open a pull request", repository, FINGERPRINT="0123456789ab")
        assert ran.returncode == 0, ran.stderr
    calls_made = log.read_text("utf-8").splitlines()
    assert len(calls_made) == 1
    assert calls_made[0].startswith("pr create --head contract-0123456789ab ")
    names = "show", "--name-only", "--format=%an %s", "contract-0123456789ab"
    listed = git(repository, "--git-dir", "origin.git", *names).split("\n")
    assert listed[0] == "github-actions[bot] Adopt the exchange's contract 0123456789ab"
    assert {each for each in listed[1:] if each} == {"docs/api.txt", "openapi/upstream.yaml"}


def test_a_pull_request_shows_first_what_changes_for_users(repository: Path) -> None:
    assert step("adopt", repository).returncode == 0
    body = (repository / "drift" / "pull.md").read_text("utf-8")
    assert body.startswith("## What changes for users (docs/api.txt)\n\n    -client.old()\n")
    assert "client.stays" not in body
    assert body.endswith("the report\n")


def test_an_adoption_that_stops_is_told_in_the_issue(repository: Path) -> None:
    (repository / "Makefile").write_text("adopt:\n\t@echo stopped at overlay; exit 3\n", "utf-8")
    assert step("adopt", repository).returncode == 0
    assert not (repository / "github_output").exists()
    report = (repository / "drift" / "drift.md").read_text("utf-8")
    assert report.startswith("the report\n")
    assert "    stopped at overlay\n" in report


def test_installing_a_package_and_setting_up_a_checkout_are_two_ways(tmp_path: Path) -> None:
    python, make = tool(tmp_path, "python", "true"), tool(tmp_path, "make", "true")
    way = str(tmp_path / "path")
    assert step("install", tmp_path, INSTALL="kalshi-ext[drift]", GITHUB_PATH=way).returncode == 0
    assert python.read_text("utf-8") == "-m pip install --quiet kalshi-ext[drift]\n"
    assert not make.exists()
    assert step("install", tmp_path, INSTALL="", GITHUB_PATH=way).returncode == 0
    assert make.read_text("utf-8") == "setup PYTHON=python\n"
    assert Path(way).read_text("utf-8") == f"{tmp_path}/.venv/bin\n"
