from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalshi_ext.errors import Misuse
from kalshi_ext.values import Band, PriceGrid

TAPERED = [
    {"start": "0.0000", "end": "0.1000", "step": "0.0010"},
    {"start": "0.1000", "end": "0.9000", "step": "0.0100"},
    {"start": "0.9000", "end": "1.0000", "step": "0.0010"},
]


def test_without_bands_whole_cents_are_valid_and_nothing_else() -> None:
    cents = [Decimal(n) / 100 for n in range(1, 100)]
    assert PriceGrid().ticks() == cents
    for rows in ([], None):
        assert [n for n in range(10_001) if PriceGrid.read(rows).has(Decimal(n) / 10_000)] == list(
            range(100, 10_000, 100)
        )


@pytest.mark.parametrize(("value", "valid"), [
    ("0.001", True), ("0.0015", False), ("0.099", True), ("0.1", True), ("0.101", False),
    ("0.5", True), ("0.899", False), ("0.9", True), ("0.999", True), ("0", False), ("1", False),
    ("-0.01", False), ("1.01", False), ("0.0000001", False),
])  # fmt: skip
def test_bands_make_finer_ticks_where_they_lie(value: str, valid: bool) -> None:
    assert PriceGrid.read(TAPERED).has(Decimal(value)) is valid


def test_whole_cents_are_valid_inside_a_coarser_band() -> None:
    assert PriceGrid.read([{"start": "0", "end": "1", "step": "0.05"}]).has(Decimal("0.51"))


def test_a_band_counts_its_ticks_from_its_start() -> None:
    grid = PriceGrid.read([{"start": "0.005", "end": "0.02", "step": "0.007"}])
    assert [n for n in range(30) if grid.has(Decimal(n) / 1000)] == [5, 10, 12, 19, 20]


def test_ticks_are_exactly_the_valid_prices() -> None:
    grid = PriceGrid.read(TAPERED)
    every = [Decimal(n) / 10_000 for n in range(1, 10_000)]
    assert grid.ticks() == [tick for tick in every if grid.has(tick)]


def test_a_price_off_the_grid_is_refused_with_its_neighbours() -> None:
    grid = PriceGrid.read(TAPERED)
    assert grid.check("0.56") == Decimal("0.56")
    with pytest.raises(
        Misuse, match=r"^p='0\.565': not on this market's grid; beside it: '0\.56' and '0\.57'"
    ):
        grid.check("0.565", name="p")
    with pytest.raises(Misuse, match=r"beside it: '0\.001'$"):
        grid.check("0.0005")
    with pytest.raises(Misuse, match=r"beside it: '0\.999'$"):
        grid.check("0.9995")


@pytest.mark.parametrize("row", [
    {}, {"start": "0", "end": "1"}, {"start": "0", "end": "1", "step": "0"},
    {"start": "0", "end": "1", "step": "-0.01"}, {"start": "1", "end": "0", "step": "0.01"},
    {"start": "a", "end": "1", "step": "0.01"}, {"start": "0", "end": "1", "step": "0.00000001"},
    {"start": "", "end": "1", "step": "0.01"},
], ids=str)  # fmt: skip
def test_a_row_that_is_no_band_is_a_value_error(row: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        PriceGrid.read([row])


def test_equal_bands_are_one_band() -> None:
    band = Band(Decimal("0.1"), Decimal("0.9"), Decimal("0.01"))
    assert band == Band(Decimal("0.10"), Decimal("0.90"), Decimal("0.0100"))
    assert len({PriceGrid((band,)), PriceGrid((band,))}) == 1


@given(st.integers(1, 9_999), st.sampled_from(["0.0001", "0.001", "0.005", "0.01"]))
def test_one_band_over_everything_is_its_step(n: int, step: str) -> None:
    price = Decimal(n) / 10_000
    expected = price % Decimal(step) == 0 or price % Decimal("0.01") == 0
    assert PriceGrid.read([{"start": "0", "end": "1", "step": step}]).has(price) is expected
