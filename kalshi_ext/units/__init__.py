"""Say amounts, counts, prices, times and ids exactly; read them from whatever arrives.

Strict functions (`price`, `count`, `moment`, `path_id` …) take any object and raise Misuse for
what breaks their rule. Tolerant ones (`read_…`) give None for absent values and ValueError for
garbage, so that a caller can set one row aside.
"""

from kalshi_ext.units.grid import Band, PriceGrid, on_grid
from kalshi_ext.units.ids import client_order_id, path_id, ticker
from kalshi_ext.units.moments import moment, read_time, since, until
from kalshi_ext.units.money import (
    centicents,
    cents,
    complement,
    count,
    count_text,
    dollars,
    dollars_text,
    price,
)
from kalshi_ext.units.reads import read_centicents, read_cents, read_count, read_dollars

__all__ = [
    "Band",
    "PriceGrid",
    "centicents",
    "cents",
    "client_order_id",
    "complement",
    "count",
    "count_text",
    "dollars",
    "dollars_text",
    "moment",
    "on_grid",
    "path_id",
    "price",
    "read_centicents",
    "read_cents",
    "read_count",
    "read_dollars",
    "read_time",
    "since",
    "ticker",
    "until",
]
