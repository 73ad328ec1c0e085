"""Find what a new contract leaves outdated: lines of the hand-written client, and recordings."""

from __future__ import annotations

import ast
import difflib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

# The packages that name operations, fields and enum members; the others see models only.
ROOMS = ("kalshi_ext/contracts", "kalshi_ext/models", "kalshi_ext/requests")


def type_errors(root: Path, cache: Path) -> list[str]:
    """Run the type checker over ROOMS and list its errors."""
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "pyproject.toml",
        "--no-error-summary",
    ]
    done = subprocess.run(
        [*command, "--cache-dir", str(cache), *ROOMS],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    # 1 means that there are errors; anything else, that mypy itself did not run.
    if done.returncode not in (0, 1):
        return [f"the type checker failed: {(done.stderr or done.stdout).strip()[:300]}"]
    lines = [line for line in done.stdout.splitlines() if re.match(r"\S+:\d+: error:", line)]
    return list(dict.fromkeys([*missing_modules(root), *lines]))


def missing_modules(root: Path) -> list[str]:
    """List imports of generated operations that are gone.

    Where the library is installed for editing, the type checker finds the old ones and is silent.
    """
    return [
        f'{file.relative_to(root)}:{node.lineno}: error: no module "{alias.name}" in {node.module}'
        for file in sorted((root / "kalshi_ext" / "contracts").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and ".api." in (node.module or "")
        for alias in node.names
        if not (_package(root, node.module or "") / f"{alias.name}.py").exists()
    ]


def _package(root: Path, module: str) -> Path:
    return root / "generated" / module.replace(".", "/")


def api_changes(home: Path, root: Path) -> list[str]:
    """Write docs/api.txt of the client at `root`; list the lines that differ from those at home."""
    command = [sys.executable, "scripts/api_text.py"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        # The client does not fit the new contract yet. That is a finding and no reason to stop.
        cause = done.stderr.strip().rpartition("\n")[2]
        return [f"not known before the client fits the new contract: {cause}"]
    before, after = (
        (each / "docs" / "api.txt").read_text(encoding="utf-8").splitlines()
        for each in (home, root)
    )
    differences = difflib.unified_diff(before, after, n=0, lineterm="")
    return [line for line in differences if not line.startswith(("---", "+++", "@@"))]


def outdated_cassettes(
    recorded: Path, documents: dict[str, dict[str, Any]]
) -> dict[str, list[str]]:
    """List, by cassette, what its contract's new document refuses; indexes are left out."""
    from cassette_conformance import Contract

    problems_by_cassette: dict[str, list[str]] = {}
    for name, document in documents.items():
        contract = Contract(document)
        for file in sorted(recorded.glob(f"*/{name}/*.yaml")):
            # Without indexes one cause in fifty rows is one problem.
            problems = [re.sub(r"\[\d+\]", "[]", each) for each in contract.problems(file)]
            if problems:
                problems_by_cassette[f"{name}/{file.stem}"] = list(dict.fromkeys(problems))
    return problems_by_cassette
