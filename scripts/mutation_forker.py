"""Run tests in this process, against a mutated module or under a tracer. Used by mutation.py.

cover FILE MODULE...    prints "passed" and each line of the modules that the tests execute
serve GROUP SECONDS     reads a mutant a line, as JSON, and prints "passed" or "failed" for each
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

OPTIONS = (
    *("-x", "-q", "--no-header", "-o", "addopts=", "--assert=plain"),  # its hook hides mutants
    *("-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what is loaded before the forks
)


class MutatedModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import one module from another text."""

    def __init__(self, path: str, text: str) -> None:
        """Name the module by its path below the current directory."""
        self.name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        self.path, self.text = str(Path(path).resolve()), text

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Take over the one module."""
        del path, target
        if name != self.name:
            return None
        places = [str(Path(self.path).parent)] if self.path.endswith("__init__.py") else None
        return importlib.util.spec_from_file_location(
            name, self.path, loader=self, submodule_search_locations=places
        )

    def exec_module(self, module: ModuleType) -> None:
        """Execute the mutated text."""
        exec(compile(self.text, self.path, "exec"), module.__dict__)  # noqa: S102


def run(files: Sequence[str]) -> bool:
    """Run test files in silence; say whether they pass."""
    import pytest

    stdout = os.dup(1)
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    try:
        return pytest.main([*OPTIONS, *files]) == 0
    finally:
        os.dup2(stdout, 1)


def cover(file: str, modules: Sequence[str]) -> None:
    """Print which lines of the modules a test file executes."""
    paths = {str(Path(path).resolve()): path for path in modules}
    executed: set[tuple[str, int]] = set()

    def trace_lines(frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        executed.add((frame.f_code.co_filename, frame.f_lineno))
        return trace_lines

    def trace_calls(frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        return trace_lines if frame.f_code.co_filename in paths else None

    threading.settrace(trace_calls)
    sys.settrace(trace_calls)
    passed = run([file])
    sys.settrace(None)
    print("passed" if passed else "failed")
    for path, line in sorted(executed):
        if path in paths:
            print(f"{paths[path]}:{line}")


# What imports none of a group's modules: loaded once, before the forks. A module that did would
# have its names from the unmutated one.
PRELOADED = {
    "flow": ("kalshi_ext.sandbox.engine", "kalshi_ext.requests.filters", "kalshi_ext.models"),
    "writes": ("kalshi_ext.sandbox.engine", "kalshi_ext.contracts", "kalshi_ext.journal"),
    "journal": ("kalshi_ext.sandbox.engine", "kalshi_ext.contracts"),
}


def serve(group: str, seconds: float) -> None:
    """Try mutants as they come."""
    for name in ("pytest", "hypothesis", "hypothesis.stateful", "httpx", *PRELOADED[group]):
        importlib.import_module(name)
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)  # a mutant that hangs is killed with all it started
            sys.meta_path.insert(0, MutatedModule(task["path"], task["text"]))
            os._exit(0 if run(task["files"]) else 1)
        print("passed" if wait_for(child, seconds) == 0 else "failed", flush=True)


def wait_for(child: int, seconds: float) -> int:
    """Wait for a child; one that takes too long is killed with all it started."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def main() -> None:
    """Run one of the two commands above."""
    command, *rest = sys.argv[1:]
    sys.path.insert(0, str(Path.cwd()))
    if command == "cover":
        cover(rest[0], rest[1:])
    else:
        serve(rest[0], float(rest[1]))


if __name__ == "__main__":
    main()
