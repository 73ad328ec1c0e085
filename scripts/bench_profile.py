"""Profile one `place()` without a network, by room and by function."""

from __future__ import annotations

import cProfile
import pstats
import re
import sys
from collections import defaultdict

import httpx
from bench_page import Part
from bench_turns import repeat, run_python
from bench_work import place

from kalshi_ext import Kalshi

ORDERS = 500
TOP = 12


ACK = (
    b'{"order_id":"ee0e1a5c-0000-4000-8000-000000000001","client_order_id":"%s",'
    b'"fill_count":"0.00","remaining_count":"1.00","ts_ms":1764000000000}'
)


class Answers(httpx.BaseTransport):
    """Answers at once, with as little of httpx as there can be, and no JSON read or written."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        named = request.content.partition(b'"client_order_id"')[2].split(b'"', 2)[1]
        return httpx.Response(201, content=ACK % named)


def room_of(path: str) -> str:
    """Return the room of a file of this library, else its package; built-in functions apart."""
    if path.startswith(("~", "<")):
        return "made by attrs" if path.startswith("<") else "built in"
    found = re.search(r"kalshi_ext/(\w+)", path)
    if found:
        return found[1]
    package = re.search(r"(?:site-packages|python3\.\d+)/(?!site-packages)(\w+)", path)
    return package[1] if package else "this script"


def name_of(path: str, function: str) -> str:
    """Name a function shortly."""
    if path.startswith("~"):
        return f"`{function.strip('<>')}`"
    if path.startswith("<"):
        return f"`{path.strip('<>').rsplit('.', 1)[-1]}` `{function}`, made by attrs"
    return f"`{'/'.join(path.rsplit('/', 2)[-2:])}` `{function}`"


def profile() -> tuple[list[Part], list[Part]]:
    """Return the rooms of a place(), the dearest first, and its dearest functions."""
    url = "http://127.0.0.1:9/trade-api/v2"
    with Kalshi(bearer_token="t", environment=url, pace=None, transport=Answers()) as client:  # noqa: S106
        repeat(100, place(client))()
        profiler = cProfile.Profile()
        profiler.runcall(repeat(ORDERS, place(client)))
    rooms: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    functions: list[Part] = []
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    for (path, _, function), (_, calls, seconds, _, _) in stats.items():
        part = Part(name_of(path, function), calls / ORDERS, seconds / ORDERS * 1e6)
        functions.append(part)
        room = rooms[room_of(path)]
        room[0] += part.calls
        room[1] += part.micro
    parts = [Part(name, *figures) for name, figures in rooms.items()]
    return dearest(parts), dearest(functions)[:TOP]


def dearest(parts: list[Part]) -> list[Part]:
    """Sort, the dearest first; what is nothing goes."""
    return sorted((part for part in parts if part.micro >= 0.5), key=lambda part: -part.micro)


STATEMENT = "from kalshi_ext import Kalshi; Kalshi(bearer_token='t')"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")


def imports() -> list[Part]:
    """Return what importing and constructing a client imports, by room and package."""
    runs = [run_python("-X", "importtime", "-c", STATEMENT).stderr for _ in range(2)]
    packages: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for micro, module in _LINE.findall(runs[-1]):  # the first one compiles
        package = packages[package_of(module)]
        package[0] += 1
        package[1] += float(micro)
    return dearest([Part(name, *figures) for name, figures in packages.items()])[:TOP]


def package_of(module: str) -> str:
    """Return the room or package of a module; those of Python itself are one."""
    names = module.split(".")
    if names[0] == "kalshi_ext":
        return ".".join(names[:2])
    return "Python's own" if names[0] in sys.stdlib_module_names else names[0]
