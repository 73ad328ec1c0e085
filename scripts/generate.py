#!/usr/bin/env python3
"""Write what is derived from the contract: portfolio.yaml, generated/, MANIFEST, types.

Works in an environment of its own, .venv-generator, with every version pinned; nothing on PATH
is used. --check-hashes needs nothing but Python.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import filecmp
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "generated"
MANIFEST = GENERATED / "MANIFEST"
REQUIREMENTS = ROOT / "requirements-generator.txt"
PACKAGES = {"kalshi_classic": "classic.yaml", "kalshi_portfolio": "portfolio.yaml"}
# Inputs of the generator. MANIFEST holds their hashes, so --check-hashes notices an edit without a
# `make generate` after it.
INPUTS = (
    "openapi/classic.yaml",
    "openapi/facade.yaml",
    "openapi/generator.yaml",
    "openapi/overlay.yaml",
    "openapi/upstream.yaml",
    "requirements-generator.txt",
)
DERIVED = (
    "openapi/portfolio.yaml",
    "kalshi_ext/contract/fields.py",
    "kalshi_ext/contract/operations.py",
    "kalshi_ext/contract/page_sizes.py",
    "kalshi_ext/contract/types.py",
)
PORTFOLIO_HEADER = """\
# The maintained contract: upstream.yaml with overlay.yaml applied, by `make generate`.
# Edits here are lost; edit overlay.yaml.
"""
# What the generated packages import, whichever of the two the generator writes: it is about to
# write httpx2 only. Here they would move to it: "import httpx2 as httpx".
HTTP_IMPORT = "import httpx"
MANIFEST_HEADER = (
    "# sha256 of what `make generate` read and wrote; `make check-generated` compares\n"
)


def main(arguments: list[str] | None = None) -> int:
    """Generate or check; return 1 when a check finds a difference."""
    options = _options(arguments)
    if options.check_hashes:
        return _report_problems(_manifest_problems())
    if not options.inside:
        return _run_in_environment(options)
    import_without_client()
    from kalshi_ext.drift.limits import SpecError

    try:
        return _generate_or_check(check=options.check)
    except SpecError as error:
        return _report_problems([f"generate: {error}"])


def _generate_or_check(*, check: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="generate-") as name:
        fresh = Path(name)
        _build(fresh)
        if check:
            return _report_problems(_manifest_problems() + _differences(fresh))
        _install(fresh)
    print(f"generated: {sum(1 for _ in _files(GENERATED))} files")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="generate aside and compare")
    parser.add_argument("--check-hashes", action="store_true", help="compare with MANIFEST only")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-generator")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _run_in_environment(options: argparse.Namespace) -> int:
    python = _environment(options.environment.resolve(), options.python)
    command = [str(python), "-P", str(Path(__file__).resolve()), "--inside"]
    command += ["--check"] if options.check else []
    return subprocess.run(command, cwd=ROOT, env=_clean_environ(), check=False).returncode


def _clean_environ() -> dict[str, str]:
    """Drop the variables that configure Python, ruff or the generator: the output must not vary."""
    prefixes = ("PYTHON", "RUFF", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(prefixes)}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}


def _environment(directory: Path, python: str) -> Path:
    """Make the environment, unless its stamp holds the hash of the requirements."""
    stamp = directory / ".stamp"
    requirements_hash = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    binary = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with _lock(directory.parent):
        if not (binary.exists() and stamp.exists() and stamp.read_text() == requirements_hash):
            shutil.rmtree(directory, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(directory)], check=True)
            pip = [str(binary), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
            subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
            stamp.write_text(requirements_hash)
    return binary


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Let one process at a time make the environment."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def import_without_client() -> None:
    """Let kalshi_ext.drift be imported without kalshi_ext/__init__.py.

    That would import the client, which needs the very files that the generator is to write. Also
    puts scripts/ on the path: under -P it is not.
    """
    package = types.ModuleType("kalshi_ext")
    package.__path__ = [str(ROOT / "kalshi_ext")]
    sys.modules.setdefault("kalshi_ext", package)
    sys.path.insert(0, str(ROOT / "scripts"))


def _build(fresh: Path) -> None:
    """Write all output below another root, laid out as in the repository."""
    for name in ("openapi", "generated", "kalshi_ext/contract"):
        (fresh / name).mkdir(parents=True)
    shutil.copy(ROOT / "openapi" / "classic.yaml", fresh / "openapi")
    for name in ("README.md", "ruff.toml"):
        shutil.copy(GENERATED / name, fresh / "generated")
    _write(fresh / "openapi" / "portfolio.yaml", PORTFOLIO_HEADER + _portfolio())
    for package, document in PACKAGES.items():
        _generate(fresh / "openapi" / document, fresh / "generated" / package)
    for name, text in _derived_modules(fresh / "openapi").items():
        _write(fresh / "kalshi_ext" / name, text)
    _format(fresh / "generated")  # drops unused imports, and runs nothing
    _write_indexes(fresh / "generated")
    _refuse_foreign_code(fresh)
    _write(fresh / "generated" / "MANIFEST", MANIFEST_HEADER + "".join(_manifest_lines(fresh)))


def _portfolio() -> str:
    from contract.dump import dump_yaml
    from contract.overlay import portfolio

    from kalshi_ext.drift.load import load

    upstream, overlay = (
        load(ROOT / "openapi" / f"{name}.yaml") for name in ("upstream", "overlay")
    )
    return dump_yaml(portfolio(upstream, overlay))


def _derived_modules(openapi: Path) -> dict[str, str]:
    import contract_types

    from kalshi_ext.drift.load import load

    documents = [load(openapi / name) for name in contract_types.DOCUMENTS]
    return contract_types.derived_modules(documents, load(ROOT / "openapi" / "facade.yaml"))


def _generate(document: Path, package: Path) -> None:
    tool = [sys.executable, "-P", "-m", "openapi_python_client", "generate", "--fail-on-warning"]
    settings = ["--meta", "none", "--config", str(ROOT / "openapi" / "generator.yaml")]
    paths = ["--path", str(document), "--output-path", str(package)]
    result = subprocess.run(
        [*tool, *settings, *paths], cwd=document.parent, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise SystemExit(f"generate: {document.name}:\n{result.stdout}{result.stderr}")
    (package / "py.typed").touch()
    for path in package.rglob("*.py"):
        header = f'# Generated by "make generate" from openapi/{document.name}; do not edit.\n'
        _write(path, header + late_imports(import_http(path.read_text(encoding="utf-8"))))


def import_http(text: str) -> str:
    """Return a generated module that imports HTTP_IMPORT and calls it httpx."""
    text = re.sub(r"\bhttpx2\b", "httpx", text)
    return re.sub(r"^import httpx( as httpx)?$", HTTP_IMPORT, text, flags=re.MULTILINE)


def late_imports(text: str) -> str:
    """Return a generated module whose annotations alone do not import the HTTP library.

    An endpoint's module holds httpx and the clients in annotations only, and a request is built
    without them: their import would take longer than all else of a first order.
    """
    late = (f"{HTTP_IMPORT}\n", "from ...client import AuthenticatedClient, Client\n")
    if not all(line in text for line in late):
        return text
    for line in late:
        text = text.replace(line, "", 1)
    last = max(
        node.end_lineno or 0
        for node in ast.parse(text).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    lines = text.splitlines(keepends=True)
    guarded = ["from typing import TYPE_CHECKING\n", "if TYPE_CHECKING:\n"]
    block = [*guarded, *(f"    {line}" for line in late)]
    future = "from __future__ import annotations\n"
    return "".join([future, *lines[:last], *block, *lines[last:]])


def _write_indexes(generated: Path) -> None:
    from contract.index import write_indexes

    for package in PACKAGES:
        write_indexes(generated / package)


def _refuse_foreign_code(fresh: Path) -> None:
    """Stop where a derived module holds what only a hostile document would bring in."""
    from contract.gate import gate_problems

    problems = gate_problems(fresh)
    if problems:
        raise SystemExit("generate: the document wrote code:\n" + "\n".join(problems[:20]))


def _format(generated: Path) -> None:
    ruff = [sys.executable, "-P", "-m", "ruff"]
    rules = ["--no-cache", "--quiet", "--config", str(generated / "ruff.toml"), str(generated)]
    for command in ("check --fix-only", "format"):
        subprocess.run([*ruff, *command.split(), *rules], check=True)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _manifest_lines(root: Path) -> Iterator[str]:
    """Iterate over the lines of the MANIFEST: inputs of the repository, outputs below root."""
    outputs = [root / name for name in DERIVED] + list(_files(root / "generated"))
    files = [(name, ROOT / name) for name in INPUTS]
    files += [(path.relative_to(root).as_posix(), path) for path in outputs]
    for name, path in sorted(files):
        if path.name != "MANIFEST":
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
            yield f"{digest}  {name}\n"


def _manifest_problems() -> list[str]:
    if not MANIFEST.exists():
        return ["generated/MANIFEST is missing"]
    recorded = set(
        MANIFEST.read_text(encoding="utf-8").removeprefix(MANIFEST_HEADER).splitlines(True)
    )
    names = {
        line.split("  ", 1)[1].strip()
        for line in recorded.symmetric_difference(_manifest_lines(ROOT))
    }
    return [f"{name} is not what MANIFEST says" for name in sorted(names)]


def _differences(fresh: Path) -> list[str]:
    def names(root: Path) -> set[str]:
        files = {path.relative_to(root).as_posix() for path in _files(root / "generated")}
        return files | set(DERIVED)

    return [
        f"{name} is not what the contract gives"
        for name in sorted(names(fresh) | names(ROOT))
        if not _equal_files(fresh / name, ROOT / name)
    ]


def _equal_files(left: Path, right: Path) -> bool:
    return left.exists() and right.exists() and filecmp.cmp(left, right, shallow=False)


def _report_problems(problems: list[str]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("edit openapi/, then run make generate; never the derived files", file=sys.stderr)
    return int(bool(problems))


def _install(fresh: Path) -> None:
    for package in PACKAGES:
        shutil.rmtree(GENERATED / package, ignore_errors=True)
        shutil.copytree(fresh / "generated" / package, GENERATED / package)
    for name in (*DERIVED, "generated/MANIFEST"):
        shutil.copyfile(fresh / name, ROOT / name)


if __name__ == "__main__":
    sys.exit(main())
