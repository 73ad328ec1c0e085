"""What type checkers say of a user's own lines about money, and which fields promise a value."""

from __future__ import annotations

import re
import subprocess
import sys
import types
import typing
from pathlib import Path
from typing import Any

import attrs
import pytest
from test_operations_decoders import ROWS, calls_of, sampled, sampler_of
from test_operations_tolerance import paths_of, plain, replaced

import kalshi_ext
from kalshi_ext.protocol.messages import Page

ROOT = Path(__file__).resolve().parents[2]
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--strict"],
    "pyright": [sys.executable, "-m", "pyright", "--project", str(ROOT)],
}
PROFIT_AND_LOSS = """\
from decimal import Decimal

from kalshi_ext import Kalshi


def profit_and_loss(client: Kalshi) -> Decimal:
    total = Decimal(0)
    for fill in client.portfolio.fills():
        total -= fill.count * fill.price + fill.fee
    for held in client.portfolio.positions():
        total += held.realized_pnl - held.fees_paid
    for done in client.portfolio.settlements():
        total += done.revenue - done.yes_total_cost - done.no_total_cost - done.fee
    return total


def at_risk(client: Kalshi) -> Decimal:
    resting = [order.remaining_count * order.no_price for order in client.orders.list()]
    held = [row.exposure for row in client.portfolio.positions()]
    balance = client.portfolio.balance()
    return sum(resting + held, balance.balance + balance.portfolio_value)
"""


LATE = """\
from kalshi_ext import Order


def late(order: Order) -> float:
    return order.expiration_time.timestamp()
"""
MISSPELT = """\
import kalshi_ext
from kalshi_ext import Kalsh
from kalshi_ext.sandbox import Sandbx
from kalshi_ext.transport import DeadlineTranspot

kalshi_ext.AsyncKalsh()
"""
NAMES = sorted(set(kalshi_ext.__all__) - {"__version__"})
PROGRAMS = {
    "profit_and_loss": PROFIT_AND_LOSS,
    "late": LATE,
    "misspelt": MISSPELT,
    "names": "\n".join(f"from kalshi_ext import {name}\nreveal_type({name})" for name in NAMES),
}


@pytest.fixture(scope="module", params=CHECKERS)
def said(request: pytest.FixtureRequest, tmp_path_factory: Any) -> dict[str, list[str]]:
    """What a checker says of each program of a user; one run, for each takes seconds."""
    folder = tmp_path_factory.mktemp(request.param)
    files = [folder / f"{name}.py" for name in PROGRAMS]
    for file in files:
        file.write_text(PROGRAMS[file.stem])
    command = [*CHECKERS[request.param], *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # for `late` is wrong
    lines = [re.sub(r"[\xa0]", " ", line) for line in done.stdout.splitlines()]
    return {
        file.stem: [line for line in lines if re.search(rf"\b{file.name}:\d", line)]
        for file in files
    }


def test_natural_lines_of_profit_and_loss_have_no_type_errors(said: dict[str, list[str]]) -> None:
    assert said["profit_and_loss"] == []


def test_what_an_order_need_not_have_must_still_be_asked_for(said: dict[str, list[str]]) -> None:
    assert any("timestamp" in line for line in said["late"]), said


def test_every_public_name_has_a_type_of_its_own(said: dict[str, list[str]]) -> None:
    """A name that a checker takes for Any hides every mistake made with it."""
    revealed = [line for line in said["names"] if "Revealed type" in line or "Type of" in line]
    assert len(revealed) == len(NAMES)
    assert [line for line in said["names"] if ": error: " in line] == []
    assert [line for line in revealed if re.search(r'is "(Any|Unknown)"', line)] == []


def test_a_misspelt_name_is_an_error(said: dict[str, list[str]]) -> None:
    errors = [line for line in said["misspelt"] if "error" in line]
    for name in ("Kalsh", "Sandbx", "DeadlineTranspot", "AsyncKalsh"):
        assert any(re.search(rf'"{name}"', line) for line in errors), (name, said["misspelt"])


# Required by the contract and optional here, with the reason.
NOT_PROMISED = {
    "TargetAllocation.resting_margin_reservation": "was left out (observed)",
    "OrderGroup.is_auto_cancel_enabled": "the answer to a create does not tell it",
    "QueuePosition.ticker": "the answer about one order does not tell it",
    "Market.result": 'is "" until there is one',
    "Market.expiration_value": 'is "" until there is one',
    "Market.yes_sub_title": 'may be ""',
    "Market.no_sub_title": 'may be ""',
    "Market.rules_primary": 'may be ""',
    "Market.rules_secondary": 'may be ""',
    "OrderAck.fill_count": "answers to cancels and decreases do not tell it",
    "OrderAck.remaining_count": "answers to cancels do not tell it",
    "OrderAck.reduced_by": "only the answer to a cancel tells it",
    "OrderAck.time": "a looked-up order may lack it",
}


def optional_fields(model: type[Any]) -> set[str]:
    """Name the fields of a model whose type has None."""
    return {
        field.name
        for field in attrs.fields(model)
        if "None" in str(field.type).replace("NoneType", "None").split(" | ")
    }


def models_in(answer: Any) -> list[Any]:
    if isinstance(answer, Page | list | tuple):
        rows = answer.items if isinstance(answer, Page) else answer
        return [model for row in rows for model in models_in(row)]
    if not attrs.has(type(answer)):
        return []
    inner = [getattr(answer, a.name) for a in attrs.fields(type(answer)) if a.name != "raw"]
    return [answer, *(model for value in inner for model in models_in(value))]


def nones(answer: Any) -> set[str]:
    """Name what is None in an answer and in the models inside it."""
    return {
        f"{type(model).__name__}.{field.name}"
        for model in models_in(answer)
        for field in attrs.fields(type(model))
        if getattr(model, field.name) is None
    }


def missing_shows(id_: str) -> set[tuple[str, bool]]:
    """Leave each field of an answer out: what turns None, and whether the field was required."""
    sampler = sampler_of("current")
    document = sampled(sampler, "current", id_)
    found: set[tuple[str, bool]] = set()
    for call in calls_of("current", id_):
        whole = nones(call.decode(plain(document)))
        for path in paths_of(plain(document)):
            try:
                answer = call.decode(replaced(plain(document), path, None))
            except (KeyError, TypeError, ValueError):
                continue
            required = is_required(id_, path)
            found |= {(name, required) for name in nones(answer) - whole}
    return found


def is_required(id_: str, path: tuple[str | int, ...]) -> bool:
    """Say whether the contract requires the field at a place of an answer."""
    from operations_bound import DOCUMENTS, resolved, schema_of

    responses = ROWS["current", id_]["responses"]
    schema: Any = schema_of("current", responses[min(s for s in responses if s.startswith("2"))])
    required = False
    for key in path:
        schema = resolved("current", schema)
        for word in ("allOf", "anyOf", "oneOf"):
            while schema.get(word):
                schema = resolved("current", schema[word][0])
        if isinstance(key, int):
            schema = schema["items"]
        else:
            required = key in schema.get("required", ())
            schema = schema["properties"][key]
    assert DOCUMENTS
    return required


READS = sorted(
    id_
    for (name, id_), row in ROWS.items()
    if name == "current" and id_.startswith("Get") and "200" in row["responses"]
)


@pytest.mark.parametrize("id_", READS)
def test_a_field_is_typed_without_none_where_the_contract_requires_it(id_: str) -> None:
    from kalshi_ext import models

    wrong: dict[str, str] = {}
    for name, required in sorted(missing_shows(id_)):
        model, _, field = name.partition(".")
        optional = field in optional_fields(getattr(models, model))
        if required and optional and name not in NOT_PROMISED:
            wrong[name] = "required, and typed with None"
        if not required and not optional:
            wrong[name] = "not required, and typed without None"
    assert wrong == {}


def test_none_is_found_in_the_types_of_fields() -> None:
    from kalshi_ext.models import Order

    assert "expiration_time" in optional_fields(Order)
    assert "price" not in optional_fields(Order)
    assert typing.get_origin(int | None) is types.UnionType
