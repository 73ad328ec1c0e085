"""What a contract breaks for users is named by a line of a program of theirs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from adopt_steps.user_programs import PROGRAMS, broken_lines
from case_samples import only_in_sweeps
from documents_for_spec import ROOT

from kalshi_ext import Kalshi
from kalshi_ext.drift.check import report_on
from kalshi_ext.drift.compare import compare
from kalshi_ext.drift.documents import document
from kalshi_ext.drift.render import FORMATS
from kalshi_ext.sandbox import Sandbox


def report(new: dict[str, Any]) -> dict[str, Any]:
    text = FORMATS["json"](report_on(compare(document("upstream"), new)))
    value: dict[str, Any] = json.loads(text)
    return value


def source(line: str) -> str:
    """Give the text of the line that a message names."""
    file, number, _ = line.split(":", 2)
    return (ROOT / file).read_text(encoding="utf-8").splitlines()[int(number) - 1].strip()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the type checker; what it knows of the repository already saves most of a run."""
    folder = tmp_path_factory.mktemp("cache") / "mypy"
    known = ROOT / ".mypy_cache"
    if known.is_dir():
        leave = shutil.ignore_patterns("adopt")
        shutil.copytree(known, folder, ignore=leave, ignore_dangling_symlinks=True)
    return folder


@only_in_sweeps
def test_a_contract_that_breaks_nobody_names_no_line(cache: Path) -> None:
    new = document("upstream")
    new["components"]["schemas"]["Fill"]["properties"]["tier"] = {"type": "string"}
    assert broken_lines(ROOT, report(new), cache) == []


def test_every_line_that_uses_what_is_gone_is_named_with_the_reason(cache: Path) -> None:
    new = document("upstream")
    fill = new["components"]["schemas"]["Fill"]
    del fill["properties"]["fee_cost"]
    fill["required"].remove("fee_cost")
    paths = new["paths"]
    del paths["/portfolio/events/orders/{order_id}/decrease"]
    paths["/portfolio/fills"]["get"]["parameters"] = [
        each
        for each in paths["/portfolio/fills"]["get"]["parameters"]
        if (each.get("name") or each["$ref"].rpartition("/")[2]) not in ("ticker", "TickerQuery")
    ]
    required = {"name": "as_of", "in": "query", "required": True, "schema": {"type": "integer"}}
    paths["/portfolio/balance"]["get"].setdefault("parameters", []).append(required)
    named = {source(line): line for line in broken_lines(ROOT, report(new), cache)}
    expected = {
        "return sum((fill.fee or NOTHING for fill in rows), NOTHING)":
            "(the field `fills[].fee_cost` is gone)",
        "return client.orders.decrease(order_id, to=1, ticker=ticker).remaining_count":
            "(the operation `DecreaseOrderV2 ",
        "fills = client.portfolio.fills(ticker=ticker)": "(`ticker` is gone)",
        "balance = client.portfolio.balance()": "(`as_of` is new and required)",
        "client.portfolio.balance(), client.portfolio.resting_value()":
            "(`as_of` is new and required)",
    }  # fmt: skip
    missing = {text: words for text, words in expected.items() if words not in named.get(text, "")}
    assert missing == {}, named


def programs(kalshi: Kalshi, ticker: str) -> None:
    """Run each program once."""
    import asyncio
    import importlib.util
    import inspect
    from datetime import UTC, datetime
    from decimal import Decimal

    values = {"ticker": ticker, "since": datetime(2026, 1, 1, tzinfo=UTC), "key": "k1"}
    values |= {"price": Decimal("0.20"), "client": kalshi}
    for file in sorted((ROOT / PROGRAMS).glob("*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            names = list(inspect.signature(function).parameters)
            is_whole = function.__module__ == file.stem and set(names) <= set(values)
            if is_whole and not asyncio.iscoroutinefunction(function):
                function(*(values[each] for each in names))
                assert name


def test_the_programs_run_on_the_sandbox() -> None:
    with (
        Sandbox() as box,
        Kalshi(key_id=box.key_id, private_key=box.private_key, environment=box.url) as kalshi,
    ):
        programs(kalshi, "KXRAIN-26DEC31-NYC")
