"""One line in the contract, one command, and the types have it: nothing else to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from documents_for_spec import ROOT
from generator_copy import copy_repository, generate

TYPED = """
from typing import assert_type
from kalshi_ext.contract.types import Fill, GetOrdersResponse, Order, OrderStatus
from kalshi_portfolio.models import Order as Generated

def read(order: Order, page: GetOrdersResponse, generated: Generated) -> None:
    assert_type(order["fee_tier"], str | None)
    assert_type(order["queue_entered_ts"], int)
    orders = page["orders"] or []
    assert_type(orders[0]["fee_tier"], str | None)
    halted: OrderStatus = OrderStatus.HALTED
    print(halted)
    reveal_type(generated.queue_entered_ts)
    reveal_type(generated.fee_tier)
"""


def test_one_line_of_the_contract_reaches_every_type(tmp_path: Path) -> None:
    copy = copy_repository(tmp_path / "copy")
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
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": f"{copy}:{copy / 'generated'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    revealed = [line for line in checked.stdout.splitlines() if "Revealed" in line]
    assert checked.returncode == 0, checked.stdout
    assert '"int | kalshi_portfolio.types.Unset"' in revealed[0].replace("builtins.", "")
    assert "None" in revealed[1]


@pytest.mark.parametrize("name", ["Order", "Fill", "CreateOrderV2Request"])
def test_the_types_of_today_do_not_have_tomorrows_fields(name: str) -> None:
    shapes = (ROOT / "kalshi_ext" / "contract" / "types.py").read_text(encoding="utf-8")
    assert f"class {name}(TypedDict, total=False):" in shapes
    assert "fee_tier" not in shapes
