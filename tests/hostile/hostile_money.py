"""Money on the hostile exchange: transfers between subaccounts and instances, new subaccounts.

The movements are the books of it, and balances are what they add up to. A transfer between
subaccounts is known by its client_transfer_id, which the exchange takes once (documented); whether
it does so between instances is not known, and so a freedom. The watermark vouches for none of these
lists, so they may be as old as a world wants.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen
from hostile_books import STRANGER, Refusal
from hostile_freedoms import Freedoms

KEYED, UNKEYED, SUBACCOUNTS = (
    "/portfolio/subaccounts/transfer",
    "/portfolio/intra_exchange_instance_transfer",
    "/portfolio/subaccounts",
)
LISTS = {
    "/portfolio/subaccounts/balances": "subaccount_balances",
    "/portfolio/subaccounts/transfers": "transfers",
    "/portfolio/intra_exchange_instance_transfers": "transfers",
}
NETTING, ALLOCATION = "/portfolio/subaccounts/netting", "/portfolio/target_balance_allocation"
SETTINGS = {NETTING: "netting", ALLOCATION: "allocation"}
OPENING = Decimal(1000)  # dollars on each of the subaccounts that are there from the start


@frozen
class Movement:
    """One movement of money, for ever; `ends` are subaccounts or instances, `at` Unix seconds."""

    transfer_id: str
    key: str
    ends: tuple[Any, Any]
    amount: Decimal
    made_by: int
    at: float

    def is_between_subaccounts(self) -> bool:
        return isinstance(self.ends[0], int)


@frozen
class BookSubaccount:
    """One subaccount and the request that made it."""

    number: int
    made_by: int
    at: float


@frozen
class Setting:
    """One setting of what the account holds ("netting", "allocation"), for ever."""

    name: str
    value: Any
    attempt: int


@define
class Purse:
    """The money of the one account."""

    movements: list[Movement] = field(factory=list[Movement])
    subaccounts: list[BookSubaccount] = field(
        factory=lambda: [BookSubaccount(number, STRANGER, 0.0) for number in (0, 1)]
    )
    settings: list[Setting] = field(factory=list[Setting])
    _serial: itertools.count[int] = field(factory=lambda: itertools.count(1))

    def move(
        self, key: str, ends: tuple[Any, Any], amount: Decimal, attempt: int, now: float
    ) -> Movement:
        """Move money; whether its key was known is the door's question."""
        serial = f"t-{next(self._serial):04d}"
        self.movements.append(Movement(serial, key, ends, amount, attempt, now))
        return self.movements[-1]

    def balance(self, number: int) -> Decimal:
        """Return the dollars of a subaccount."""
        moves = [move for move in self.movements if move.is_between_subaccounts()]
        came = sum((move.amount for move in moves if move.ends[1] == number), Decimal(0))
        went = sum((move.amount for move in moves if move.ends[0] == number), Decimal(0))
        return (OPENING if number < 2 else Decimal(0)) + came - went

    def moved(self) -> Decimal:
        """Return the dollars that subaccount 0 lost."""
        return OPENING - self.balance(0)

    def add_strangers(self) -> None:
        """Let there be earlier transfers, alike and unlike ours."""
        for amount in (Decimal("2.5"), Decimal("9.75"), Decimal("2.5")):
            self.move("", ("event_contract", "margined"), amount, STRANGER, 1.0)


Page = Callable[[str, list[Any], str | None], Any]


@define
class MoneyDoor:
    """Reads and writes of money over HTTP; `page` writes a list as the world's freedoms want it."""

    purse: Purse
    page: Page

    def write(self, path: str, body: Any, attempt: int, now: float, free: Freedoms) -> Any:
        """Execute a write; return status and document."""
        if path in SETTINGS:
            value = body["enabled"] if path == NETTING else _percents(body)
            self.purse.settings.append(Setting(SETTINGS[path], value, attempt))
            return 200, {}
        if path == SUBACCOUNTS:
            number = self.purse.subaccounts[-1].number + 1
            self.purse.subaccounts.append(BookSubaccount(number, attempt, now))
            return 201, {"subaccount_number": number}
        between = path == KEYED
        if between:
            ends, amount = (body["from_subaccount"], body["to_subaccount"]), body["amount_cents"]
            dollars = Decimal(amount) / 100
        else:
            ends, dollars = (body["source"], body["destination"]), Decimal(body["amount"]) / 10_000
        key = body.get("client_transfer_id", "")
        if between or free.transfer_keys == "honoured":
            self._refuse_known(key, free, between=between)
        movement = self.purse.move(key, ends, dollars, attempt, now)
        return 200, {} if between else {"transfer_id": movement.transfer_id}

    def _refuse_known(self, key: str, free: Freedoms, *, between: bool) -> None:
        known = [m for m in self.purse.movements if m.key == key]
        if any(m.is_between_subaccounts() == between for m in known):
            told = free.duplicate_told
            code = "" if told == "409_without_code" else "transfer_already_applied"
            raise Refusal(400 if told == "400" else 409, code, "transfer already applied")

    def read(self, path: str, query: dict[str, str], now: float, free: Freedoms) -> Any:
        """Answer a list, newest first, as old as the world wants it."""
        seen = now - free.unkeyed_lag
        if path.endswith("/balances"):
            rows = [self._balance_row(s) for s in self.purse.subaccounts if s.at <= seen]
            return 200, self.page("subaccount_balances", rows[::-1], None)
        between = path == KEYED + "s"
        kept = [m for m in self.purse.movements if m.is_between_subaccounts() == between]
        rows = [_row(m, free) for m in reversed(kept) if m.at <= seen]
        size = min(free.page_size, int(query.get("limit", 100)))
        first = int(query.get("cursor") or 0)
        cursor = str(first + size) if len(rows) > first + size else None
        return 200, self.page("transfers", rows[first : first + size], cursor)

    def _balance_row(self, subaccount: BookSubaccount) -> Any:
        balance = self.purse.balance(subaccount.number)
        return {
            "subaccount_number": subaccount.number,
            "exchange_index": 0,
            "balance": f"{balance:.4f}",
            "updated_ts": int(subaccount.at),
        }


def _percents(body: Any) -> dict[int, int]:
    return {row["exchange_index"]: row["percent"] for row in body["allocations"]}


def _row(move: Movement, free: Freedoms) -> Any:
    row = {"transfer_id": move.transfer_id, "created_ts": int(move.at)}
    if move.is_between_subaccounts():
        ends = {"from_subaccount": move.ends[0], "to_subaccount": move.ends[1]}
        return row | ends | {"amount_cents": int(move.amount * 100), "exchange_index": 0}
    row |= {"source": move.ends[0], "destination": move.ends[1], "amount": f"{move.amount:.4f}"}
    row |= {"source_exchange_shard": 0, "destination_exchange_shard": 0}
    row["status"] = free.transfer_status
    named = free.transfer_rows == "named" and move.key
    return row | ({"client_transfer_id": move.key} if named else {})
