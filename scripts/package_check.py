"""Build the package, install it where no checkout is near, and trade with it.

The sdist is built from the checkout and the wheel from the sdist, so a file that only the checkout
has is missed. Everything else happens in a temporary folder: a new environment with the wheel and
its extras at the versions of constraints.txt, every module imported, the command asked, and the
pages README.md and docs/quickstart.md run against the sandbox. Exits 1 on the first thing wrong.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kalshi_ext", "kalshi_portfolio", "kalshi_classic")
EXTRAS = "sandbox,postgres,drift,otel"
PAGES = ("README.md", "docs/quickstart.md")
ENTRY_POINTS = ("kalshi-ext = kalshi_ext.cli:main", "kalshi_ext = kalshi_ext.testing.plugin")
# Files that work on the checkout leaves behind and that no archive may hold.
WORK_TRACES = re.compile(
    r"(^|/)(__pycache__|\.venv[^/]*|\.git|\.pytest_cache|\.hypothesis|dist)(/|$)|\.pyc$"
)

IMPORT_ALL = """
import importlib, pathlib, pkgutil, sys
count = 0
for name in {packages!r}:
    package = importlib.import_module(name)
    home = pathlib.Path(package.__file__).parent
    assert sys.prefix in str(home), f"{{name}} comes from {{home}}"
    assert (home / "py.typed").is_file(), f"{{name}} has no py.typed"
    for module in pkgutil.walk_packages([str(home)], name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
            count += 1
print(count, "modules imported")
"""


class PackageError(Exception):
    """The package is not as it must be."""


@frozen
class InstallFolder:
    """A new environment in a folder of its own; commands run there, with no checkout near."""

    folder: Path

    @property
    def python(self) -> str:
        """Return the environment's interpreter."""
        return str(self.folder / "env" / "bin" / "python")

    def create(self, interpreter: str) -> None:
        """Make the environment with an interpreter."""
        if interpreter == sys.executable:
            venv.create(self.folder / "env", with_pip=True)
        else:
            run([interpreter, "-m", "venv", str(self.folder / "env")], self.folder)

    def pip(self, *arguments: str) -> None:
        """Install something."""
        constraints = str(ROOT / "constraints.txt")
        run([self.python, "-m", "pip", "install", "-q", "-c", constraints, *arguments], self.folder)

    def run_program(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a program of the environment and return what it prints."""
        return run(
            [str(self.folder / "env" / "bin" / arguments[0]), *arguments[1:]],
            self.folder,
            exit_code,
        )


def run(command: list[str], directory: Path, exit_code: int = 0) -> str:
    """Run a command and return what it printed. Raises Wrong for another exit code."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != exit_code:
        output = f"{done.stdout}\n{done.stderr}".strip()
        raise PackageError(
            f"{' '.join(command)} exited {done.returncode}, not {exit_code}:\n{output}"
        )
    return done.stdout + done.stderr


def build(install: InstallFolder) -> tuple[Path, Path]:
    """Build the sdist from the checkout and the wheel from the sdist."""
    install.pip("build")
    out = install.folder / "dist"
    run([install.python, "-m", "build", "--outdir", str(out), str(ROOT)], install.folder)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


def check_sdist(sdist: Path) -> None:
    """Refuse an sdist with traces of work, or without what the Makefile needs."""
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    refuse_traces(sdist, names)
    require_names(sdist, names, ["Makefile", "LICENSE", "README.md", "constraints.txt"])


def check_wheel(wheel: Path) -> None:
    """Refuse a wheel that holds more than the three packages, or less than they need."""
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    refuse_traces(wheel, names)
    roots = {name.partition("/")[0] for name in names}
    unexpected = [
        root for root in roots if root not in PACKAGES and not root.endswith(".dist-info")
    ]
    if unexpected:
        raise PackageError(f"{wheel.name} would install {', '.join(sorted(unexpected))}")
    contracts = [f"kalshi_ext/drift/openapi/{name}.yaml" for name in ("portfolio", "classic")]
    require_names(wheel, names, [f"{package}/py.typed" for package in PACKAGES] + contracts)
    (entries,) = [name for name in names if name.endswith("/entry_points.txt")]
    require_names(wheel, archive.read(entries).decode().splitlines(), ENTRY_POINTS)


def refuse_traces(archive: Path, names: Iterable[str]) -> None:
    traces = [name for name in names if WORK_TRACES.search(name)]
    if traces:
        raise PackageError(f"{archive.name} holds {', '.join(traces[:5])}")


def require_names(archive: Path, names: Iterable[str], wanted: Iterable[str]) -> None:
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise PackageError(f"{archive.name} lacks {', '.join(missing)}")


def check_without_extras(install: InstallFolder, wheel: Path) -> None:
    """Use the package without extras: the client works, and a missing extra is named."""
    install.pip(str(wheel))
    install.run_program(
        "python", "-c", "from kalshi_ext import Kalshi, AsyncKalshi; Kalshi().close()"
    )
    listed = install.run_program("kalshi-ext", "--help")
    if missing := [word for word in ("sandbox", "drift", "journal") if word not in listed]:
        raise PackageError(f"kalshi-ext --help does not list {missing}")
    refusal = install.run_program("kalshi-ext", "sandbox", "--port", "0", exit_code=1)
    if ".[sandbox]" not in refusal:
        raise PackageError(f"without its extra, kalshi-ext sandbox says {refusal!r}")
    print(f"  without extras: {refusal.strip()}")


def check_with_extras(install: InstallFolder, wheel: Path) -> None:
    """Use the package with its extras."""
    install.pip(f"{wheel}[{EXTRAS}]", "pytest")
    print("  " + install.run_program("python", "-c", IMPORT_ALL.format(packages=PACKAGES)).strip())
    version = wheel.name.split("-")[1]
    output = install.run_program("kalshi-ext", "--version").strip()
    if version not in output:
        raise PackageError(f"kalshi-ext --version says {output!r}, the wheel {version}")
    print(f"  {output}")


def compare_contracts(install: InstallFolder) -> None:
    """Let the installed package compare its own contract, and one that lost an operation."""
    shutil.copy(ROOT / "openapi" / "upstream.yaml", install.folder / "same.yaml")
    install.run_program("kalshi-ext", "drift", "same.yaml")
    text = (install.folder / "same.yaml").read_text(encoding="utf-8")
    (install.folder / "less.yaml").write_text(
        text.replace("/portfolio/balance:", "/portfolio/cash:")
    )
    install.run_program("kalshi-ext", "drift", "less.yaml", exit_code=2)
    print("  kalshi-ext drift finds its contract, and sees a lost operation")


def run_pages(install: InstallFolder) -> None:
    """Run the pages people begin with."""
    for name in ("scripts/pages.py", *PAGES):
        shutil.copy(ROOT / name, install.folder / Path(name).name)
    pages = [Path(name).name for name in PAGES]
    for line in install.run_program("python", "pages.py", *pages).splitlines():
        print(f"  {line}")


def main() -> int:
    """Check the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter to install for")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kalshi-ext-") as folder:
        install = InstallFolder(Path(folder).resolve())
        try:
            install.create(options.python)
            check(install)
        except PackageError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def check(install: InstallFolder) -> None:
    """Go through all steps. Raises Wrong."""
    sdist, wheel = build(install)
    check_sdist(sdist)
    check_wheel(wheel)
    print(f"{sdist.name} and {wheel.name}, {install.run_program('python', '--version').strip()}")
    check_without_extras(install, wheel)
    check_with_extras(install, wheel)
    compare_contracts(install)
    run_pages(install)


if __name__ == "__main__":
    sys.exit(main())
