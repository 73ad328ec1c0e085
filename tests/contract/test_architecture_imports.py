"""Imports run downwards only, and the generated clients have one door."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import kalshi_ext

ROOM = Path(kalshi_ext.__file__).parent

# From the ground up: a room may import what stands above it in this list, and itself.
ORDER = (
    "bases",
    "spellings",
    "redact",
    "errors",
    "arguments",
    "config",
    "events",
    "otel",
    "values",
    "contract",
    "models",
    "requests",
    "journal",
    "budget",
    "risk",
    "protocol",
    "contracts",
    "transport",
    "reads",
    "writes",
    "bulk",
    "stop",
    "session",
    "_async",
    "_sync",
    "drift",
    "sandbox",
    "probe",
    "testing",
    "cli",
    "__main__",
)
RANK = {room: rank for rank, room in enumerate(ORDER)}
# Tools beside the client: they may use the ground floor, and nothing of the client above it.
APART = {
    "drift": {"errors", "contract"},
    "journal": {"bases", "errors", "spellings", "redact", "arguments"},
    "budget": {"bases", "errors", "spellings", "redact", "arguments"},
    "events": {"bases", "errors", "spellings", "redact", "arguments"},
    "otel": {"errors", "arguments", "events"},
}
WRITING = ("reads", "writes", "bulk", "stop")
FACADE = {"_async", "_sync", "session", "transport", *WRITING, "contracts", "protocol"}


def modules() -> list[Path]:
    return sorted(path for path in ROOM.rglob("*.py") if path != ROOM / "__init__.py")


def room_of(path: Path) -> str:
    """Give the room a file belongs to: its top directory or its own name."""
    return path.relative_to(ROOM).parts[0].removesuffix(".py")


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Give every node of a file; each is asked for by many tests."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Walk the full names a file imports anywhere in it, also late and for type checkers."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where they lead"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
            yield from ((name, node.lineno) for name in (names if base == "kalshi_ext" else [base]))


def rooms_used(path: Path) -> Iterator[tuple[str, int]]:
    """Walk the rooms of this library a file imports."""
    for name, line in imported(path):
        parts = name.split(".")
        if parts[0] == "kalshi_ext" and len(parts) > 1:
            # A public name of the package stands for the client.
            yield parts[1] if parts[1] in RANK else "_sync", line


def test_every_file_belongs_to_a_room_of_the_order() -> None:
    assert {room_of(path) for path in modules()} <= set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_downwards_only(room: str) -> None:
    upwards = [
        f"{path.relative_to(ROOM)}:{line} imports {used}"
        for path in modules()
        if room_of(path) == room
        for used, line in rooms_used(path)
        if RANK[used] > RANK[room]
    ]
    assert upwards == []


@pytest.mark.parametrize("room", ["drift", "sandbox", "journal"])
def test_tools_and_journal_know_nothing_of_the_client(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOM)}:{line} imports {used}"
        for path in modules()
        if room_of(path) == room
        for used, line in rooms_used(path)
        if used in FACADE
    ]
    assert wrong == []


@pytest.mark.parametrize("room", APART)
def test_a_room_apart_uses_the_ground_floor_only(room: str) -> None:
    used = {name for path in modules() if room_of(path) == room for name, _ in rooms_used(path)}
    assert used - {room} <= APART[room]


def test_only_contracts_import_the_generated_clients() -> None:
    wrong = [
        f"{path.relative_to(ROOM)}:{line} imports {name}"
        for path in modules()
        if room_of(path) != "contracts"
        for name, line in imported(path)
        if name.split(".")[0] in {"kalshi_portfolio", "kalshi_classic"}
    ]
    assert wrong == []


def test_a_contract_imports_its_own_generated_client_only() -> None:
    for own, other in (("current", "kalshi_classic"), ("classic", "kalshi_portfolio")):
        for path in (ROOM / "contracts" / own).glob("*.py"):
            assert other not in {name.split(".")[0] for name, _ in imported(path)}


def test_only_drivers_and_transports_know_the_http_library() -> None:
    """Moving to another HTTP library must stay a change of few rooms."""
    knowing = {
        room_of(path)
        for path in modules()
        for name, _ in imported(path)
        if name.split(".")[0] in {"httpx", "httpcore"}
    }
    own = knowing - {"sandbox", "drift", "probe", "testing", "cli"}
    assert own <= {"session", "transport", "contracts", "_async", "_sync"}


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Walk the dotted names a file calls."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


PURE = ("models", "requests", "risk", "protocol", "contracts")
ACTS = ("time.", "socket.", "asyncio.", "os.", "Path", "httpx.Client", "subprocess.")


@pytest.mark.parametrize("room", [*PURE, *WRITING])
def test_the_pure_rooms_neither_wait_nor_read_clocks_nor_touch_files(room: str) -> None:
    acting = [
        f"{path.relative_to(ROOM)}:{line} calls {name}"
        for path in modules()
        if room_of(path) == room
        for name, line in calls(path)
        if name.startswith(ACTS) or name in {"open", "print", "input"}
    ]
    assert acting == []


def test_only_the_drivers_sleep() -> None:
    sleeping = {
        room_of(path)
        for path in modules()
        for name, _ in calls(path)
        if name in {"time.sleep", "asyncio.sleep"}
    }
    assert sleeping - {"sandbox", "journal", "probe", "cli", "testing"} == {"transport"}


def test_no_thread_waits_for_a_lock_that_it_holds() -> None:
    """A signal handler may stop trading in the middle of any call of the same thread."""
    # These are never held by the thread that runs a flow: a waiter's own, and a lease's thread.
    apart = {"transport/places.py", "budget/store.py"}
    plain = {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if "threading.Lock" in path.read_text(encoding="utf-8") and "sandbox" not in path.parts
    }
    assert plain == apart
