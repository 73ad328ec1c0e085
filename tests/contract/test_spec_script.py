"""`make spec`: a full upstream document in any form becomes the same two files."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import spec  # the script, as make spec uses it
from contract.references import operations
from documents_for_spec import ROOT, full_upstream

from kalshi_ext.drift.documents import document
from kalshi_ext.drift.load import load

OURS = len(operations(document("upstream")))


@pytest.fixture
def openapi(tmp_path: Path) -> Path:
    directory = tmp_path / "openapi"
    directory.mkdir()
    for name in ("upstream.yaml", "upstream.lock"):
        shutil.copyfile(ROOT / "openapi" / name, directory / name)
    return directory


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """The whole document of the exchange, as it might come: JSON, with prose, other operations."""
    path = tmp_path / "private-directory" / "openapi.json"
    path.parent.mkdir()
    path.write_text(json.dumps(full_upstream()), encoding="utf-8")
    return path


def run(openapi: Path, upstream: Path, *options: str) -> int:
    return spec.main(["--upstream", str(upstream), "--openapi", str(openapi), *options])


def lock(openapi: Path) -> dict[str, str]:
    lines = (openapi / "upstream.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_a_full_document_gives_our_part_in_normal_form(
    openapi: Path, upstream: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (openapi / "upstream.yaml").read_bytes()
    (openapi / "upstream.yaml").unlink()
    assert run(openapi, upstream) == 0
    assert (openapi / "upstream.yaml").read_bytes() == before
    assert capsys.readouterr().out == f"upstream.yaml: {OURS} operations, changed\n"
    assert len(operations(full_upstream())) > 120


def test_a_second_run_changes_nothing(
    openapi: Path, upstream: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in openapi.iterdir()}
    assert run(openapi, upstream) == 0
    assert run(openapi, openapi / "upstream.yaml") == 0
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in openapi.iterdir()}
    assert after == before
    assert capsys.readouterr().out == f"upstream.yaml: {OURS} operations, unchanged\n" * 2


def test_the_lock_says_what_was_taken_and_nothing_of_this_machine(
    openapi: Path, upstream: Path
) -> None:
    published = full_upstream()
    published["info"]["version"] = "3.35.0"
    del published["paths"]["/account/limits"]
    upstream.write_text(json.dumps(published), encoding="utf-8")
    assert run(openapi, upstream) == 0
    entries = lock(openapi)
    text = (openapi / "upstream.yaml").read_bytes()
    assert entries["version"] == "3.35.0"
    assert entries["source"] == "openapi.json"
    assert entries["sha256"] == hashlib.sha256(text).hexdigest()
    assert "private-directory" not in (openapi / "upstream.lock").read_text()
    assert "GetAccountApiLimits" not in text.decode()


def test_the_committed_lock_belongs_to_the_committed_contract() -> None:
    entries = lock(ROOT / "openapi")
    text = (ROOT / "openapi" / "upstream.yaml").read_bytes()
    assert entries["sha256"] == hashlib.sha256(text).hexdigest()
    assert entries["version"] == document("upstream")["info"]["version"]


def test_the_origin_can_be_told_in_words_and_is_then_kept(openapi: Path, upstream: Path) -> None:
    assert run(openapi, upstream, "--recorded-as", "a letter") == 0
    assert lock(openapi)["source"] == "a letter"
    before = (openapi / "upstream.lock").stat().st_mtime_ns
    assert run(openapi, upstream, "--recorded-as", "a letter") == 0
    assert (openapi / "upstream.lock").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("source", "origin"),
    [
        ("https://example.com/a/openapi.yaml?token=secret", "https://example.com/a/openapi.yaml"),
        ("/home/somebody/openapi.yaml", "openapi.yaml"),
    ],
)
def test_an_origin_is_named_without_its_private_part(source: str, origin: str) -> None:
    assert spec._public_origin(source) == origin


def test_a_document_that_cannot_be_read_changes_nothing(openapi: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.yaml"
    page.write_text("<html>maintenance</html>\n")
    before = {path.name: path.read_bytes() for path in openapi.iterdir()}
    command = [sys.executable, str(ROOT / "scripts" / "spec.py"), "--upstream", str(page)]
    process = subprocess.run(
        [*command, "--openapi", str(openapi)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 3
    assert process.stderr == "spec: page.yaml: the document is a str, not a mapping\n"
    assert {path.name: path.read_bytes() for path in openapi.iterdir()} == before


def test_the_written_contract_reads_back(openapi: Path) -> None:
    assert load(openapi / "upstream.yaml") == document("upstream")
