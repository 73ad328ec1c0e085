"""Run tests against mutants, each in a fork of this process. Used by mutation.py.

fast DIRECTORY MODULE... -- FILE...    collects the tests once; answers tasks, one JSON line each:
    {"cover": FILE}                  {"passed", "seconds", "lines": of MODULEs}, of each test
    {"imported": true}               {"lines": lines of functions that importing executes}
    {"path", "text", "tests"}        {"killer": the test that failed, or null} or {"reload": true}
slow DIRECTORY PRELOADED...            answers the last kind only, for what `fast` cannot change

`fast` puts the code of a mutant's functions into those that are loaded, so nothing is imported or
collected again. A mutant of anything else (a constant, a default, a field of a class) says
"reload": `slow` imports the mutant, which it has not loaded yet, and collects its tests anew.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

OPTIONS = (
    *("-x", "-q", "--no-header", "-o", "addopts=", "--assert=plain"),  # its hook hides mutants
    *("-p", "no:cacheprovider", "-p", "no:xdist", "-k", "not postgres and not recovery_scale"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # what is loaded before the forks
)
MEMORY = 8 << 30  # bytes; a mutant may loop for ever and collect what it makes
FUNCTION = 0x1  # the flag CO_OPTIMIZED: no class body, no module
Functions = dict[tuple[str, int, str], list[FunctionType]]
Answer = dict[str, Any]


class NotReplaceable(Exception):
    """The mutant changes more than the code of functions that are loaded."""


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


def loaded_functions(paths: set[str]) -> Functions:
    """Find the functions of modules, wherever they are held (in a class, a wrapper, a table)."""
    functions: Functions = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in paths:
            code = each.__code__
            functions[code.co_filename, code.co_firstlineno, code.co_qualname].append(each)
    return functions


def replace_code(path: str, text: str, functions: Functions) -> None:
    """Give loaded functions the code of a mutant. Raises NotReplaceable."""
    before = compile(Path(path).read_text(encoding="utf-8"), path, "exec")
    for old, new in _changed(before, compile(text, path, "exec")):
        loaded = functions.get((path, old.co_firstlineno, old.co_qualname))
        if not loaded or old.co_freevars != new.co_freevars:
            raise NotReplaceable
        for function in loaded:
            function.__code__ = new


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the outermost functions that differ."""
    if old.co_flags & FUNCTION:
        if not _same(old, new):
            yield old, new
        return
    nested, nested_new = _nested(old), _nested(new)
    if not _same(old, new, nested=False) or len(nested) != len(nested_new):
        raise NotReplaceable
    for each, each_new in zip(nested, nested_new, strict=True):
        yield from _changed(each, each_new)


def _nested(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _same(old: CodeType, new: CodeType, *, nested: bool = True) -> bool:
    """Compare all but line numbers."""

    def facts(code: CodeType) -> tuple[Any, ...]:
        constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        return code.co_code, constants, names, code.co_flags, code.co_exceptiontable

    if facts(old) != facts(new):
        return False
    pairs = zip(_nested(old), _nested(new), strict=True) if nested else ()
    return all(_same(each, each_new) for each, each_new in pairs)


class Tracer:
    """Collects the lines that some modules execute inside functions."""

    def __init__(self, paths: set[str]) -> None:
        """Trace these files."""
        self.paths, self.lines = paths, set[tuple[str, int]]()
        self._left: dict[CodeType, set[int]] = {}  # lines not seen yet: without any, no more events

    def trace(self, work: Callable[[], None]) -> None:
        """Do a piece of work under the tracer, in all threads."""
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            work()
        finally:
            self.stop()

    @staticmethod
    def stop() -> None:
        """Stop in this thread and in those to come."""
        threading.settrace(None)  # type: ignore[arg-type]
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        code = frame.f_code
        if code.co_filename not in self.paths or not code.co_flags & FUNCTION:
            return None
        if code not in self._left:
            self._left[code] = {line for _, _, line in code.co_lines() if line is not None}
            self._left[code].discard(code.co_firstlineno)
        return self._line if self._left[code] else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        del event, argument
        self.lines.add((frame.f_code.co_filename, frame.f_lineno))
        self._left[frame.f_code].discard(frame.f_lineno)
        return self._line

    def named(self) -> list[str]:
        """Name the lines by their paths below the current directory."""
        return sorted(f"{os.path.relpath(path)}:{line}" for path, line in self.lines)


class Plugin:
    """Takes the place of pytest's loop over the tests."""

    def __init__(self, loop: Callable[[Any], None]) -> None:
        """Name what to do with the session, once its tests are collected."""
        self.loop = loop

    def pytest_runtestloop(self, session: Any) -> bool:
        """Do it."""
        self.loop(session)
        return True


def collect(directory: str, tests: Sequence[str], loop: Callable[[Any], None]) -> None:
    """Collect tests and hand their session over."""
    import pytest
    from hypothesis import Phase, settings

    # What fails need not be made small, nor be remembered for the next mutant.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", phases=phases, database=None, derandomize=True)
    settings.load_profile("mutants")
    pytest.main([*OPTIONS, f"--basetemp={directory}", *tests], plugins=[Plugin(loop)])


def run(session: Any, tests: Sequence[tuple[str, float]], answer: Callable[[Answer], None]) -> None:
    """Run tests, each for so many seconds at most, and answer which one failed first."""
    items = {item.nodeid: item for item in session.items}
    chosen = [(items[name], seconds) for name, seconds in tests if name in items]

    def kill(*_: Any) -> None:
        answer({"killer": item.nodeid})

    signal.signal(signal.SIGALRM, kill)
    for (item, seconds), after in zip(chosen, [*chosen[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        following = after[0] if after else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            kill()
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer({"killer": None})


def fork(work: Callable[[Callable[[Answer], None]], None], seconds: float) -> Answer:
    """Do work in a fork, which answers once and ends; one that takes too long is killed."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)  # what hangs is killed with all it started
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        def answer(value: Answer) -> None:
            with os.fdopen(write_end, "wb") as pipe:
                pipe.write(json.dumps(value).encode())
            os._exit(0)

        try:
            work(answer)
        finally:
            os._exit(1)
    os.close(write_end)
    text = _read(read_end, time.monotonic() + seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    # What does not answer was broken by its mutant: an error at import, say.
    return json.loads(text) if text else {"killer": "no answer", "passed": False}


def _read(descriptor: int, until: float) -> bytes:
    """Read a pipe to its end, or until some time."""
    parts = b""
    while (left := until - time.monotonic()) > 0 and select.select([descriptor], [], [], left)[0]:
        part = os.read(descriptor, 1 << 16)
        if not part:
            break
        parts += part
    os.close(descriptor)
    return parts


def cover(session: Any, file: str, paths: set[str], answer: Callable[[Answer], None]) -> None:
    """Answer what each test of a file executes."""
    items = [item for item in session.items if item.nodeid.partition("::")[0] == file]
    lines, times = {}, {}
    for item, following in zip(items, [*items[1:], None], strict=True):
        tracer = Tracer(paths)
        began = time.process_time()  # other processes make no test dearer
        hook = item.config.hook.pytest_runtest_protocol
        tracer.trace(lambda hook=hook, i=item, f=following: hook(item=i, nextitem=f))
        times[item.nodeid], lines[item.nodeid] = time.process_time() - began, tracer.named()
    answer({"passed": not session.testsfailed, "seconds": times, "lines": lines})


class Pipes:
    """Standard input and output, which pytest captures and tests print to, as they began."""

    def __init__(self) -> None:
        """Keep them, and leave nothing in their places."""
        self._input, self._output = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)

    def tasks(self) -> Iterator[Answer]:
        """Read the tasks as they come."""
        return map(json.loads, self._input)

    def write(self, value: Any) -> None:
        """Answer a task."""
        print(json.dumps(value), file=self._output, flush=True)


def serve_fast(directory: str, modules: Sequence[str], files: Sequence[str], pipes: Pipes) -> None:
    """Answer tasks with the tests collected and the modules loaded."""
    paths = {str(Path(path).resolve()) for path in modules}
    tracer = Tracer(paths)

    def loop(session: Any) -> None:
        tracer.stop()
        gc.collect()
        functions = loaded_functions(paths)
        gc.freeze()

        def work(task: Answer, answer: Callable[[Answer], None]) -> None:
            if "cover" in task:
                cover(session, task["cover"], paths, answer)
            try:
                replace_code(str(Path(task["path"]).resolve()), task["text"], functions)
            except NotReplaceable:
                answer({"reload": True})
            run(session, task["tests"], answer)

        pipes.write([item.nodeid for item in session.items])
        for task in pipes.tasks():
            if "imported" in task:
                reply = {"lines": tracer.named()}
            else:
                reply = fork(lambda answer, task=task: work(task, answer), task["seconds"])
            pipes.write(reply)

    tracer.trace(lambda: collect(directory, files, loop))


def serve_slow(directory: str, preloaded: Sequence[str], pipes: Pipes) -> None:
    """Answer tasks, with the tests and the modules loaded anew for each."""
    for name in ("pytest", "hypothesis", "hypothesis.stateful", "httpx", *preloaded):
        importlib.import_module(name)
    for task in pipes.tasks():

        def work(answer: Callable[[Answer], None], task: Answer = task) -> None:
            sys.meta_path.insert(0, MutatedModule(task["path"], task["text"]))
            files = dict.fromkeys(name.partition("::")[0] for name, _ in task["tests"])
            collect(directory, list(files), lambda session: run(session, task["tests"], answer))

        pipes.write(fork(work, task["seconds"]))


def main() -> None:
    """Run one of the two commands above."""
    command, directory, *rest = sys.argv[1:]
    sys.path.insert(0, str(Path.cwd()))
    pipes = Pipes()
    if command == "fast":
        at = rest.index("--")
        serve_fast(directory, rest[:at], rest[at + 1 :], pipes)
    else:
        serve_slow(directory, rest, pipes)


if __name__ == "__main__":
    main()
