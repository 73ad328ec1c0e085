"""Amounts, counts, prices, times and ids: checked exactly going out, read tolerantly coming in.

Strict functions (`price`, `count`, `moment`, `path_id` …) accept any object and raise Misuse for
what breaks their rule. Tolerant ones (`read_…`) return None for absent values and raise ValueError
for garbage, so that a caller can drop one row and keep the page.
"""

from kalshi_ext.values.ids import client_order_id, path_id, path_ticker, ticker
from kalshi_ext.values.money import (
    centicents,
    cents,
    complement,
    count,
    count_text,
    dollars,
    dollars_text,
    price,
)
from kalshi_ext.values.parsing import (
    read_cents,
    read_count,
    read_dollars,
    read_flag,
    read_price,
    read_text,
    read_whole,
)
from kalshi_ext.values.ticks import Band, PriceGrid
from kalshi_ext.values.times import moment, read_expiry, read_time, since, until

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
    "path_id",
    "path_ticker",
    "price",
    "read_cents",
    "read_count",
    "read_dollars",
    "read_expiry",
    "read_flag",
    "read_price",
    "read_text",
    "read_time",
    "read_whole",
    "since",
    "ticker",
    "until",
]
