"""`make generate` and its check: the same bytes anywhere, and no hand edit survives."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents_for_spec import ROOT
from generator_copy import copy_repository, generate, outputs

from kalshi_ext.drift.load import load


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_repository(tmp_path / "copy")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is in {path.name} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_hash_check_needs_nothing_but_python(copy: Path, tmp_path: Path) -> None:
    done = generate(copy, "--check-hashes", environment=tmp_path / "never-made", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "never-made").exists()


def test_a_hand_edit_is_found_by_its_hash(copy: Path) -> None:
    names = [
        "generated/kalshi_portfolio/models/order.py",
        "generated/kalshi_classic/client.py",
        "generated/README.md",
        "generated/ruff.toml",
        "openapi/portfolio.yaml",
        "kalshi_ext/contract/types.py",
        "openapi/overlay.yaml",
        "openapi/classic.yaml",
        "openapi/upstream.yaml",
        "openapi/generator.yaml",
        "requirements-generator.txt",
    ]
    for name in names:
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write("# by hand\n")
    done = generate(copy, "--check-hashes")
    assert done.returncode == 1
    said = done.stderr.splitlines()[:-1]
    assert sorted(said) == sorted(f"{name} is not what MANIFEST says" for name in names)


def test_a_missing_and_an_extra_file_are_found_by_their_hashes(copy: Path) -> None:
    (copy / "generated/kalshi_portfolio/py.typed").unlink()
    (copy / "generated/kalshi_portfolio/extra.py").write_text("")
    (copy / "openapi/portfolio.yaml").unlink()
    done = generate(copy, "--check-hashes")
    assert done.returncode == 1
    assert [line.split(" ")[0] for line in done.stderr.splitlines()[:-1]] == [
        "generated/kalshi_portfolio/extra.py",
        "generated/kalshi_portfolio/py.typed",
        "openapi/portfolio.yaml",
    ]


def test_without_a_manifest_the_check_fails(copy: Path) -> None:
    (copy / "generated/MANIFEST").unlink()
    done = generate(copy, "--check-hashes")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "generated/MANIFEST is missing")


def test_generating_again_finds_edits_that_were_given_a_matching_manifest(copy: Path) -> None:
    edit(copy / "generated/kalshi_classic/client.py", "class AuthenticatedClient:", "class Mine:")
    (copy / "generated/kalshi_classic/extra.py").write_text("")
    (copy / "generated/kalshi_portfolio/py.typed").unlink()
    manifest = "import sys; sys.path.insert(0, 'scripts'); import generate as g; g._write("
    manifest += "g.MANIFEST, g.MANIFEST_HEADER + ''.join(g._manifest_lines(g.ROOT)))"
    subprocess.run([sys.executable, "-c", manifest], cwd=copy, check=True)
    assert generate(copy, "--check-hashes").returncode == 0
    done = generate(copy, "--check")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:-1] == [
        f"{name} is not what the contract gives"
        for name in (
            "generated/MANIFEST",
            "generated/kalshi_classic/client.py",
            "generated/kalshi_classic/extra.py",
            "generated/kalshi_portfolio/py.typed",
        )
    ]


def test_the_committed_bytes_come_out_anywhere(copy: Path, tmp_path: Path) -> None:
    """What must not matter: the working directory, the locale, ruff settings and tools around."""
    before = outputs(copy)
    shutil.rmtree(copy / "generated/kalshi_portfolio")
    (copy / "generated/kalshi_classic/stale.py").write_text("")
    (copy / "pyproject.toml").write_text("[tool.ruff]\nline-length = 40\nlint.select = ['ALL']\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("ruff", "openapi-python-client"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    environ = {"PATH": str(tools), "LC_ALL": "C", "PYTHONHASHSEED": "1", "RUFF_LINE_LENGTH": "40"}
    done = generate(copy, cwd=tmp_path, environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert outputs(copy) == before


@functools.cache
def interpreter(version: str) -> str | None:
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for name in [shutil.which(f"python{version}"), *map(str, pyenv)]:
        if name is None:
            continue
        question = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run([name, "-c", question], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return name
    return None


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_supported_python_gives_the_same_bytes(version: str) -> None:
    """Making an environment takes half a minute: only with EVERY_PYTHON=1, kept for later runs."""
    if sys.version.startswith(f"{version}."):
        pytest.skip("this Python is compared by the tests above")
    found, environment = interpreter(version), ROOT / f".venv-generator-{version}"
    if found is None:
        pytest.skip(f"python{version} is not on this machine: its output was NOT compared")
    if not environment.exists() and "EVERY_PYTHON" not in os.environ:
        pytest.skip(f"python{version}: output NOT compared; EVERY_PYTHON=1 makes an environment")
    done = generate(ROOT, "--check", "--python", found, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_document_the_generator_warns_of_stops_the_run_and_changes_nothing(copy: Path) -> None:
    edit(
        copy / "openapi/classic.yaml",
        "    OrderType:\n      description: Limit or market.\n      type: string\n      enum:\n"
        "      - limit\n      - market\n",
        "    OrderType:\n      description: Limit or market.\n      type: string\n      enum:\n"
        "      - 1.5\n      - 2.5\n",
    )
    before = outputs(copy)
    done = generate(copy)
    assert done.returncode == 1
    assert "classic.yaml" in done.stderr
    assert outputs(copy) == before


def test_an_overlay_that_missed_a_change_stops_the_run_with_one_line(copy: Path) -> None:
    edit(copy / "openapi/overlay.yaml", "target: $.components.schemas.Fill\n", "target: $.gone\n")
    done = generate(copy)
    assert done.returncode == 1
    assert done.stderr.startswith("generate: action ")
    assert "('$.gone'): matches nothing" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_settings_are_ones_the_generator_knows() -> None:
    """It ignores a key it does not know, in silence."""
    known = {
        "class_overrides",
        "content_type_overrides",
        "docstrings_on_attributes",
        "field_prefix",
        "generate_all_tags",
        "http_timeout",
        "literal_enums",
        "package_name_override",
        "package_version_override",
        "post_hooks",
        "project_name_override",
        "use_path_prefixes_for_title_model_names",
    }
    assert set(load(ROOT / "openapi" / "generator.yaml")) <= known


def requirements(name: str) -> dict[str, list[str]]:
    """Give the requirements of a file, `name==version; marker`, with their hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.split(" --hash=")[0].strip(): line.split(" --hash=")[1:] for line in lines}


def test_every_tool_of_the_generator_is_pinned_exactly() -> None:
    pins = requirements("requirements-generator.txt")
    assert {"openapi-python-client==0.29.1", "ruff==0.17.6"} <= pins.keys()
    assert all(pin.count("==") == 1 for pin in (pin.split(";")[0] for pin in pins))


@pytest.mark.parametrize("name", ["requirements-generator.txt", "requirements-ci.txt"])
def test_what_ci_installs_is_named_by_its_hashes(name: str) -> None:
    assert all(hashes for hashes in requirements(name).values())
    assert all(
        each.strip().startswith("sha256:") for h in requirements(name).values() for each in h
    )


def test_ci_installs_the_versions_that_everybody_gets() -> None:
    def versions(name: str) -> dict[str, str]:
        pairs = (pin.split(";")[0].strip().split("==") for pin in requirements(name))
        return {package.lower().replace("_", "-").replace(".", "-"): v for package, v in pairs}

    everybody, ci = versions("constraints.txt"), versions("requirements-ci.txt")
    # Of Windows, and of building without a network.
    assert ci.keys() - everybody.keys() <= {
        *("colorama", "editables", "hatchling", "pathspec", "pluggy", "trove-classifiers"),
        "packaging",
        "tomlkit",
    }
    assert {name for name in ci.keys() & everybody.keys() if ci[name] != everybody[name]} == set()
