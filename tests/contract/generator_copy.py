"""A copy of what `make generate` reads and writes, to damage at will."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from documents_for_spec import ROOT

ENVIRONMENT = ROOT / ".venv-generator"
PARTS = (
    "openapi",
    "generated",
    "kalshi_ext/drift",
    "kalshi_ext/values",
    "kalshi_ext/errors.py",
    "kalshi_ext/redact.py",
    "kalshi_ext/spellings.py",
    "kalshi_ext/contract",
    "scripts/contract",
    "scripts/contract_fields.py",
    "scripts/contract_operations.py",
    "scripts/contract_pages.py",
    "scripts/generate.py",
    "scripts/contract_types.py",
    "scripts/spec.py",
    "requirements-generator.txt",
)


def copy_repository(to: Path) -> Path:
    """Copy the contract, the generator's scripts and their output; nothing of the client."""
    for part in PARTS:
        source, target = ROOT / part, to / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    return to


def only_package(root: Path, name: str) -> None:
    """Let a copy generate one of its packages, where a test damages that one's document alone."""
    script = root / "scripts" / "generate.py"
    text = script.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("PACKAGES = "))
    scope: dict[str, dict[str, str]] = {}
    exec(line, {}, scope)
    one = f"PACKAGES = {{{name!r}: {scope['PACKAGES'][name]!r}}}"
    script.write_text(text.replace(line, one), encoding="utf-8")


def generate(
    root: Path,
    *options: str,
    environment: Path = ENVIRONMENT,
    cwd: Path | None = None,
    environ: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run scripts/generate.py of a copy, as make does."""
    command = [sys.executable, str(root / "scripts" / "generate.py"), *options]
    return subprocess.run(
        [*command, "--environment", str(environment)],
        cwd=cwd or root,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def outputs(root: Path) -> dict[str, bytes]:
    """Everything that is derived from the contract, by name."""
    paths = [path for path in (root / "generated").rglob("*") if "__pycache__" not in path.parts]
    paths += [root / "openapi" / "portfolio.yaml"]
    paths += [root / "kalshi_ext" / name for name in ("contract/fields.py", "contract/types.py")]
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()
    }
