"""One line in the contract, one command, and the types have it: nothing else to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from documents_for_spec import ROOT
from generator_copy import copy_repository, generate, only_package

TYPED = """
from typing import assert_type
from kalshi_ext.contract.types import Fill, GetOrdersResponse, Order, OrderStatus

def read(order: Order, page: GetOrdersResponse) -> None:
    assert_type(order["fee_tier"], str | None)
    assert_type(order["queue_entered_ts"], int)
    orders = page["orders"] or []
    assert_type(orders[0]["fee_tier"], str | None)
    halted: OrderStatus = OrderStatus.HALTED
    print(halted)
"""


def test_one_line_of_the_contract_reaches_every_type(tmp_path: Path) -> None:
    copy = copy_repository(tmp_path / "copy")
    only_package(copy, "kalshi_portfolio")
    contract = copy / "openapi" / "upstream.yaml"
    text = contract.read_text(encoding="utf-8")
    order = text.index("    Order:\n")
    place = text.index("      properties:\n", order) + len("      properties:\n")
    new = "        fee_tier: {type: string, nullable: true}\n"
    new += "        queue_entered_ts: {type: integer, format: int64}\n"
    text = text[:place] + new + text[place:]
    text = text.replace("      - executed\n", "      - executed\n      - halted\n")
    contract.write_text(text, encoding="utf-8")

    done = generate(copy)
    assert (done.returncode, done.stderr) == (0, "")

    (copy / "user.py").write_text(TYPED)
    for package in (".", "contract", "values"):
        (copy / "kalshi_ext" / package / "__init__.py").write_text("")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file="]
    checked = subprocess.run(
        [*mypy, "user.py"],
        cwd=copy,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    # The package is typed by annotations of its own; checking all of it takes seconds.
    model = (copy / "generated/kalshi_portfolio/models/order.py").read_text(encoding="utf-8")
    assert "    queue_entered_ts: int | Unset = UNSET\n" in model
    assert "    fee_tier: None | str | Unset = UNSET\n" in model


@pytest.mark.parametrize("name", ["Order", "Fill", "CreateOrderV2Request"])
def test_the_types_of_today_do_not_have_tomorrows_fields(name: str) -> None:
    shapes = (ROOT / "kalshi_ext" / "contract" / "types.py").read_text(encoding="utf-8")
    assert f"class {name}(TypedDict, total=False):" in shapes
    assert "fee_tier" not in shapes
