"""The second witness itself: its freedoms do what they say, and the draws take all of them."""

from __future__ import annotations

import base64
import json
import time
from decimal import Decimal
from typing import Any, get_args

import pytest
from attrs import define, field, fields
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hostile_books import Attempt
from hostile_draws import CHOICES, draw_scenarios
from hostile_exchange import ROOT, HostileExchange, WireRequest
from hostile_freedoms import LIFE, FaultKind, Freedoms
from hostile_network import kind_of

CREATE = {
    "ticker": "T",
    "client_order_id": "c1",
    "side": "bid",
    "count": "5.00",
    "price": "0.40",
    "time_in_force": "good_till_canceled",
}
ORDERS = "/portfolio/events/orders"


@define
class Caller:
    """Calls an exchange without a network."""

    freedoms: Freedoms
    key: Ed25519PrivateKey = field(factory=Ed25519PrivateKey.generate)
    exchange: HostileExchange = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.exchange = HostileExchange(self.freedoms, {"k": ("trader", self.key.public_key())})

    def call(self, method: str, path: str, body: Any = None, *, age: float = 0.0) -> Any:
        stamp = str(int((self.exchange.now() - age) * 1000))
        signature = self.key.sign(f"{stamp}{method}{ROOT}{path}".encode())
        headers = {
            "kalshi-access-key": "k",
            "kalshi-access-timestamp": stamp,
            "kalshi-access-signature": base64.b64encode(signature).decode(),
        }
        raw = b"" if body is None else json.dumps(body).encode()
        attempt = Attempt(0, 0, time.monotonic())
        return self.exchange.execute(
            WireRequest(method, path, {}, headers, raw, attempt, kind_of(method, path))
        )

    def listed(self, path: str = "/portfolio/orders") -> Any:
        return self.call("GET", path)[1].get("orders")


def world(**free: Any) -> Caller:
    return Caller(Freedoms(**free))


def test_an_order_is_made_and_listed() -> None:
    caller = world()
    status, answer = caller.call("POST", ORDERS, CREATE)
    assert (status, answer["remaining_count"]) == (201, "5.00")
    assert [row["client_order_id"] for row in caller.listed()] == ["c1"]


def test_an_old_signature_is_refused_and_a_wrong_one_too() -> None:
    caller = world()
    old = caller.call("POST", ORDERS, CREATE, age=LIFE + 0.5)
    caller.key = Ed25519PrivateKey.generate()
    wrong = caller.call("POST", ORDERS, CREATE)
    assert [answer["error"]["code"] for _, answer in (old, wrong)] == [
        "header_timestamp_expired",
        "authentication_error",
    ]
    assert caller.exchange.books.orders == []


@pytest.mark.parametrize(
    ("free", "told"),
    [
        ({}, 409),
        ({"duplicate_told": "400"}, 400),
        ({"ids": "forgotten"}, 201),
        ({"ids": "forgotten_when_ended", "fill": "all"}, 201),
        ({"ids": "forgotten_when_ended"}, 409),
    ],
)
def test_an_id_is_remembered_as_long_as_a_world_wants(free: Any, told: int) -> None:
    caller = world(**free)
    caller.call("POST", ORDERS, CREATE)
    assert caller.call("POST", ORDERS, CREATE)[0] == told


@pytest.mark.parametrize(
    ("free", "rows"),
    [
        ({"orders_lag": 60.0}, []),
        ({"empty_list": "empty_object"}, None),
        ({"archive": "when_ended", "fill": "all"}, []),
        ({"archive": "when_ended"}, ["c1"]),
        ({"row_ids": "blank"}, [""]),
        ({"row_ids": "missing"}, [None]),
    ],
)
def test_a_list_shows_what_a_world_lets_it_show(free: Any, rows: Any) -> None:
    caller = world(**free)
    caller.call("POST", ORDERS, CREATE)
    listed = caller.listed()
    assert (listed and [row.get("client_order_id") for row in listed]) == rows


def test_what_moves_while_it_is_read_is_in_history_then() -> None:
    caller = world(archive="while_read", fill="all")
    caller.call("POST", ORDERS, CREATE)
    shown = [len(caller.listed()), len(caller.listed()), len(caller.listed("/historical/orders"))]
    assert shown == [1, 0, 1]


def test_the_first_look_meets_what_happens_meanwhile() -> None:
    caller = world(meanwhile="filled")
    caller.call("POST", ORDERS, CREATE)
    assert caller.listed()[0]["status"] == "executed"
    assert caller.exchange.books.orders[0].now.filled == Decimal(5)


def test_a_few_hundred_draws_take_every_freedom_and_every_fault() -> None:
    drawn = draw_scenarios(400, 1)
    default = Freedoms()
    free = {a.name for a in fields(Freedoms) for s in drawn
            if getattr(s.freedoms, a.name) != getattr(default, a.name)}  # fmt: skip
    assert free == {*CHOICES, "contract"}
    assert {fault.kind for s in drawn for fault in s.faults} == set(get_args(FaultKind))


def test_the_same_seed_draws_the_same_worlds() -> None:
    assert draw_scenarios(20, 7) == draw_scenarios(20, 7)
    assert draw_scenarios(20, 7) != draw_scenarios(20, 8)
