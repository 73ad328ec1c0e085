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
EXTRAS = "sandbox,postgres,drift,fast"
PAGES = ("README.md", "docs/quickstart.md")
ENTRY_POINTS = ("kalshi-ext = kalshi_ext.cli:main", "kalshi_ext = kalshi_ext.testing.plugin")
TRACES = re.compile(
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


class Wrong(Exception):
    """Something about the package is not as it must be."""


@frozen
class Place:
    """A new environment in a folder of its own; commands run there, with no checkout near."""

    home: Path

    @property
    def python(self) -> str:
        """Return the environment's interpreter."""
        return str(self.home / "env" / "bin" / "python")

    def make(self, interpreter: str) -> None:
        """Make the environment with an interpreter."""
        if interpreter == sys.executable:
            venv.create(self.home / "env", with_pip=True)
        else:
            run([interpreter, "-m", "venv", str(self.home / "env")], self.home)

    def pip(self, *words: str) -> None:
        """Install something."""
        constraints = str(ROOT / "constraints.txt")
        run([self.python, "-m", "pip", "install", "-q", "-c", constraints, *words], self.home)

    def says(self, *words: str, exits: int = 0) -> str:
        """Run a program of the environment and return what it prints."""
        return run([str(self.home / "env" / "bin" / words[0]), *words[1:]], self.home, exits)


def run(command: list[str], where: Path, exits: int = 0) -> str:
    """Run a command and return what it printed. Raises Wrong for another exit code."""
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode != exits:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise Wrong(f"{' '.join(command)} exited {done.returncode}, not {exits}:\n{said}")
    return done.stdout + done.stderr


def build(place: Place) -> tuple[Path, Path]:
    """Build the sdist from the checkout and the wheel from the sdist."""
    place.pip("build")
    out = place.home / "dist"
    run([place.python, "-m", "build", "--outdir", str(out), str(ROOT)], place.home)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return sdist, wheel


def look_into_sdist(sdist: Path) -> None:
    """Refuse an sdist with traces of work, or without what the Makefile needs."""
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    _no_traces(sdist, names)
    _all_there(sdist, names, ["Makefile", "LICENSE", "README.md", "constraints.txt"])


def look_into_wheel(wheel: Path) -> None:
    """Refuse a wheel that holds more than the three packages, or less than they need."""
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    _no_traces(wheel, names)
    roots = {name.partition("/")[0] for name in names}
    strange = [root for root in roots if root not in PACKAGES and not root.endswith(".dist-info")]
    if strange:
        raise Wrong(f"{wheel.name} would install {', '.join(sorted(strange))}")
    contracts = [f"kalshi_ext/drift/openapi/{name}.yaml" for name in ("portfolio", "classic")]
    _all_there(wheel, names, [f"{package}/py.typed" for package in PACKAGES] + contracts)
    (entries,) = [name for name in names if name.endswith("/entry_points.txt")]
    _all_there(wheel, archive.read(entries).decode().splitlines(), ENTRY_POINTS)


def _no_traces(archive: Path, names: Iterable[str]) -> None:
    traces = [name for name in names if TRACES.search(name)]
    if traces:
        raise Wrong(f"{archive.name} holds {', '.join(traces[:5])}")


def _all_there(archive: Path, names: Iterable[str], wanted: Iterable[str]) -> None:
    missing = sorted(set(wanted) - set(names))
    if missing:
        raise Wrong(f"{archive.name} lacks {', '.join(missing)}")


def plain(place: Place, wheel: Path) -> None:
    """Use the package without extras: the client is whole, and a missing extra is named."""
    place.pip(str(wheel))
    place.says("python", "-c", "from kalshi_ext import Kalshi, AsyncKalshi; Kalshi().close()")
    listed = place.says("kalshi-ext", "--help")
    if missing := [word for word in ("sandbox", "drift", "journal") if word not in listed]:
        raise Wrong(f"kalshi-ext --help does not list {missing}")
    refusal = place.says("kalshi-ext", "sandbox", "--port", "0", exits=1)
    if "kalshi-ext[sandbox]" not in refusal:
        raise Wrong(f"without its extra, kalshi-ext sandbox says {refusal!r}")
    print(f"  without extras: {refusal.strip()}")


def complete(place: Place, wheel: Path) -> None:
    """Use the package with its extras."""
    place.pip(f"{wheel}[{EXTRAS}]", "pytest")
    print("  " + place.says("python", "-c", IMPORT_ALL.format(packages=PACKAGES)).strip())
    version = wheel.name.split("-")[1]
    said = place.says("kalshi-ext", "--version").strip()
    if version not in said:
        raise Wrong(f"kalshi-ext --version says {said!r}, the wheel {version}")
    print(f"  {said}")


def compare_contracts(place: Place) -> None:
    """Let the installed package judge its own contract, and one that lost an operation."""
    shutil.copy(ROOT / "openapi" / "upstream.yaml", place.home / "same.yaml")
    place.says("kalshi-ext", "drift", "same.yaml")
    text = (place.home / "same.yaml").read_text(encoding="utf-8")
    (place.home / "less.yaml").write_text(text.replace("/portfolio/balance:", "/portfolio/cash:"))
    place.says("kalshi-ext", "drift", "less.yaml", exits=2)
    print("  kalshi-ext drift finds its contract, and sees a lost operation")


def run_pages(place: Place) -> None:
    """Run the pages people begin with."""
    for name in ("scripts/pages.py", *PAGES):
        shutil.copy(ROOT / name, place.home / Path(name).name)
    pages = [Path(name).name for name in PAGES]
    for line in place.says("python", "pages.py", *pages).splitlines():
        print(f"  {line}")


def main() -> int:
    """Check the package."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="the interpreter to install for")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kalshi-ext-") as folder:
        place = Place(Path(folder).resolve())
        try:
            place.make(given.python)
            check(place)
        except Wrong as wrong:
            print(wrong, file=sys.stderr)
            return 1
    return 0


def check(place: Place) -> None:
    """Go through all steps. Raises Wrong."""
    sdist, wheel = build(place)
    look_into_sdist(sdist)
    look_into_wheel(wheel)
    print(f"{sdist.name} and {wheel.name}, {place.says('python', '--version').strip()}")
    plain(place, wheel)
    complete(place, wheel)
    compare_contracts(place)
    run_pages(place)


if __name__ == "__main__":
    sys.exit(main())
