"""Render what `bench.py` measured as the blocks of docs/performance.md: data in, Markdown out."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from attrs import field, frozen
from bench_turns import CORES, HEAD, Plan, Row, amount, ratio_text

BLOCKS = ("demanded", "beside", "growth", "profile", "rivals")
"""The blocks of the page, each written by itself."""
PACKAGES = ("httpx", "cryptography", "msgspec", "httptools", "h11")
FLAT = 1.5
"""A cost per unit is flat where no decade costs more than this times the cheapest before it."""


@frozen
class Setup:
    """Where and when a run was made."""

    plan: Plan
    python: str = field(factory=platform.python_version)
    machine: str = field(factory=platform.machine)
    packages: Mapping[str, str] = field(factory=lambda: {name: version(name) for name in PACKAGES})
    cores: int = field(default=len(CORES) or os.cpu_count() or 1)
    load: float = field(factory=lambda: os.getloadavg()[0])
    date: str = field(factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


def setup_text(setup: Setup, load_after: float) -> str:
    """Say where and when the run was made."""
    packages = ", ".join(f"{name} {number}" for name, number in setup.packages.items())
    apart = "each side on its own" if setup.cores > 1 else "both sides on it"
    return (
        f"{setup.date} · Python {setup.python}, {packages} · {setup.machine}, {setup.cores} cores,"
        f" {apart} · load average {setup.load:.1f} before and {load_after:.1f} after ·"
        f" {setup.plan.turns} turns a row, after one that warms up"
    )


def rows_text(rows: Iterable[Row]) -> str:
    """Render rows, and how many of what is demanded is met."""
    rows = list(rows)
    judged = [row.must.is_met(row) for row in rows if row.must is not None]
    missed = [row for row in rows if row.must is not None and not row.must.is_met(row)]
    lines = [HEAD, *(row.line() for row in rows)]
    lines += ["", f"Demanded: {len(judged)}. Met: {sum(judged)}.", ""]
    lines += [f"- {row.what}: {row.must.why}." for row in missed if row.must and row.must.why]
    return "\n".join(lines).rstrip()


def plain_rows_text(rows: Iterable[Row]) -> str:
    """Render rows that nothing is demanded of."""
    head = [line.rsplit("|", 3)[0] + "|" for line in HEAD.splitlines()]
    return "\n".join([*head, *(row.line().rsplit("|", 3)[0] + "|" for row in rows)])


@frozen
class Curve:
    """What one unit costs, in microseconds, where there are so many of them."""

    what: str
    micro: Mapping[int, float]

    @property
    def growth(self) -> float:
        """Return by how much a later decade costs more than the cheapest one before it."""
        costs = list(self.micro.values())
        return max((cost / min(costs[: at + 1]) for at, cost in enumerate(costs)), default=1.0)


def curves_text(curves: Sequence[Curve]) -> str:
    """Render growth curves, and whether each is flat."""
    sizes = sorted({size for curve in curves for size in curve.micro})
    head = ["work, µs a unit", *(f"{size:,}" for size in sizes), "growth", f"flat (×{FLAT})"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(sizes) + 1)}---|"]
    for curve in curves:
        costs = [f"{curve.micro[size]:,.1f}" if size in curve.micro else "–" for size in sizes]
        verdict = "met" if curve.growth <= FLAT else "**not met**"
        lines.append(f"| {' | '.join([curve.what, *costs, f'×{curve.growth:.2f}', verdict])} |")
    return "\n".join(lines)


@frozen
class Part:
    """A share of a profiled call: a room or a function."""

    name: str
    calls: float
    micro: float


def profile_text(rooms: Sequence[Part], functions: Sequence[Part]) -> str:
    """Render the profile of one call, by room and by function."""
    total = sum(room.micro for room in rooms)
    lines = [
        f"{sum(room.calls for room in rooms):,.0f} calls, {total:,.0f} µs under the profiler, which"
        " makes each call dearer: the shares count.",
    ]
    for title, parts in (("room", rooms), ("function", functions)):
        lines += ["", f"| {title} | calls | µs | share |", "|---|---:|---:|---:|"]
        lines += [
            f"| {part.name} | {part.calls:.1f} | {part.micro:.1f} | {part.micro / total:.0%} |"
            for part in parts
        ]
    return "\n".join(lines)


def imports_text(parts: Sequence[Part]) -> str:
    """Render what an import brings, the dearest first."""
    lines = [
        "What importing and constructing a client imports, timed by `-X importtime`, which makes it"
        " dearer:",
        "",
        "| room or package | modules | ms |",
        "|---|---:|---:|",
    ]
    lines += [f"| {part.name} | {part.calls:.0f} | {part.micro / 1e3:.1f} |" for part in parts]
    return "\n".join(lines)


@frozen
class Rival:
    """What one client's process measured: its rows beside plain httpx, or why there are none."""

    client: str
    rows: Mapping[str, Row]
    reasons: Mapping[str, str]

    def cell(self, row: str) -> str:
        """Render one row's figures."""
        if row not in self.rows:
            return "–"
        found = self.rows[row]
        spread = "–".join(map(ratio_text, found.quartiles))
        return f"**{ratio_text(found.ratio)}** ({spread}), {amount(found.value, found.unit)}"

    def notes(self) -> Iterator[str]:
        """Say why rows are left out, those with the same reason together."""
        rows: dict[str, list[str]] = {}
        for row, reason in self.reasons.items():
            rows.setdefault(reason.rstrip(".…"), []).append(row)
        for reason, names in rows.items():
            yield f"- {self.client}; {'; '.join(names)}: {reason}."


def rivals_text(rivals: Sequence[Rival]) -> str:
    """Render the clients beside each other, and what one cannot do."""
    rows = list(dict.fromkeys(row for each in rivals for row in (*each.rows, *each.reasons)))
    lines = [
        f"| work | {' | '.join(each.client for each in rivals)} |",
        f"|---|{'---:|' * len(rivals)}",
        *(f"| {row} | {' | '.join(each.cell(row) for each in rivals)} |" for row in rows),
    ]
    return "\n".join([*lines, "", *(note for each in rivals for note in each.notes())])
