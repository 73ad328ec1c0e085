"""Read pages of long lists in one pass: strict, and silent where it cannot.

A fast reader takes the bytes of a page and returns what the tolerant reader (`decoding.decode_page`
after `find_deviations`) would return, or None, whereupon that one reads the page. It returns a page
only where

    the body is ASCII without an escape      so every text is one that can be stored and sent
    every object has the fields of its contract, all that are required, and no other
    every word of an enum is one the contract knows
    every value is of the one type it has today, and its rule can read it

so there is nothing to count, to set aside or to raise. The rules for values are those of the
tolerant reader; numbers and words repeat, and are looked up. The structs are derived from the
contract's table of fields: nothing here but `RULES` says which field of a model comes from where.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, cast

from attrs import NOTHING, fields

from kalshi_ext import values
from kalshi_ext.contract import types
from kalshi_ext.contract.fields import FIELDS
from kalshi_ext.contract.operations import OPERATIONS
from kalshi_ext.contracts.decode_orders import AGREED
from kalshi_ext.contracts.decoding import DECODE_ERRORS, MAX_CURSOR, MAX_NAME
from kalshi_ext.models import Fill, Order, Position, Settlement, Trade
from kalshi_ext.models.kept_pages import FromPage, KeptPage
from kalshi_ext.protocol.messages import Page
from kalshi_ext.protocol.responses import parse_json
from kalshi_ext.values.enums import OpenEnum
from kalshi_ext.values.parsing import number_of_text, price_of_text

FastReader = Callable[[bytes], Page[Any] | None]

MAX_KNOWN: Final = 4096  # values that one rule remembers; histories repeat few prices and counts
MAX_NUMBER: Final = 64  # characters; longer ones would be remembered
_WHOLE: Final = 2**53  # beyond it JSON parsers differ


class Known(dict[Any, Any]):
    """What a rule made of values, to be looked up. None stays None."""

    def __init__(self, rule: Callable[[Any], Any]) -> None:
        super().__init__({None: None})
        self._rule = rule

    def __missing__(self, value: Any) -> Any:
        result = self._rule(value)
        if len(self) > MAX_KNOWN:
            self.clear()
            self[None] = None
        self[value] = result
        return result


# How the value of a model is written, of `{value}` on the wire and of `{read}` of the rule.
_AS_IT_IS: Final = "{value}"
_CALLED: Final = "{read}({value})"
_LOOKED_UP: Final = "{read}[{value}]"
# Nearly always a time is plain and in UTC; of the year 1 is one that was never set.
_PARSED: Final = (
    "time if (text := {value}) and (time := parse(text)).tzinfo is UTC and time.year > 1"
    " else {read}(text)"
)


class Rule(NamedTuple):
    """How a field is read: its JSON type (see `_types`), and what makes the model's value of it.

    `needed` is for a field that the tolerant reader has another place for: without it, it reads.
    """

    kind: str
    read: Any = None
    form: str = _AS_IT_IS
    needed: bool = False


def _remembered(kind: str, rule: Callable[[Any], Any]) -> Rule:
    return Rule(kind, Known(rule), _LOOKED_UP)


def _word(name: str) -> Rule:
    members: type[OpenEnum] = getattr(types, name)
    return Rule("text", {None: None, **{each.value: each for each in members}}, _LOOKED_UP)


def _same(value: Any) -> Any:
    return value


# A ticker repeats from row to row: one text for all of them.
_NAME: Final = _remembered("name", _same)
_ID: Final = Rule("name")
_TEXT: Final = Rule("text", form="{value} or None")
_TEXT_OR_EMPTY: Final = Rule("text", form="{value} or ''")
_NUMBER: Final = _remembered("number", number_of_text)
_PRICE: Final = _remembered("number", price_of_text)
_CENTS: Final = _remembered("whole", values.read_cents)
_TIME: Final = Rule("text", values.read_time, _PARSED)
_EXPIRY: Final = Rule("text", values.read_expiry, _CALLED)
_TIME_OR_OTHER: Final = Rule("name", values.read_time, _PARSED, needed=True)
_FLAG: Final = Rule("flag")
_WHOLE_NUMBER: Final = Rule("whole")
# Read as a pair, which must agree.
_DIRECTION: Final = {name: (name, Rule("text")) for name in ("book_side", "outcome_side")}

# Of each model: its field, the field on the wire, the rule.
RULES: Final[Mapping[type[Any], Mapping[str, tuple[str, Rule]]]] = {
    Fill: {
        **_DIRECTION,
        "fill_id": ("fill_id", _ID),
        "order_id": ("order_id", _ID),
        "ticker": ("ticker", _NAME),
        "count": ("count_fp", _NUMBER),
        "price": ("yes_price_dollars", _PRICE),
        "is_taker": ("is_taker", _FLAG),
        "fee": ("fee_cost", _NUMBER),
        "created_time": ("created_time", _TIME_OR_OTHER),  # else of `ts`
        "trade_id": ("trade_id", _ID),
        "subaccount": ("subaccount_number", _WHOLE_NUMBER),
        "exchange_index": ("exchange_index", _WHOLE_NUMBER),
    },
    Order: {
        **_DIRECTION,
        "order_id": ("order_id", _ID),
        "client_order_id": ("client_order_id", _TEXT_OR_EMPTY),
        "ticker": ("ticker", _NAME),
        "status": ("status", _word("OrderStatus")),
        "type": ("type", _word("OrderType")),
        "price": ("yes_price_dollars", _PRICE),
        "count": ("initial_count_fp", _NUMBER),
        "fill_count": ("fill_count_fp", _NUMBER),
        "remaining_count": ("remaining_count_fp", _NUMBER),
        "taker_fees": ("taker_fees_dollars", _NUMBER),
        "maker_fees": ("maker_fees_dollars", _NUMBER),
        "taker_fill_cost": ("taker_fill_cost_dollars", _NUMBER),
        "maker_fill_cost": ("maker_fill_cost_dollars", _NUMBER),
        "expiration_time": ("expiration_time", _EXPIRY),
        "created_time": ("created_time", _TIME),
        "updated_time": ("last_update_time", _TIME),
        "self_trade_prevention_type": (
            "self_trade_prevention_type",
            _word("SelfTradePreventionType"),
        ),
        "order_group_id": ("order_group_id", _TEXT),
        "cancel_order_on_pause": ("cancel_order_on_pause", _FLAG),
        "subaccount": ("subaccount_number", _WHOLE_NUMBER),
        "exchange_index": ("exchange_index", _WHOLE_NUMBER),
    },
    Trade: {
        "trade_id": ("trade_id", _ID),
        "ticker": ("ticker", _NAME),
        "count": ("count_fp", _NUMBER),
        "price": ("yes_price_dollars", _NUMBER),
        "taker_book_side": ("taker_book_side", _word("BookSide")),
        "taker_outcome_side": ("taker_outcome_side", _word("OutcomeSide")),
        "is_block_trade": ("is_block_trade", _FLAG),
        "created_time": ("created_time", _TIME),
    },
    Settlement: {
        "ticker": ("ticker", _NAME),
        "event_ticker": ("event_ticker", _TEXT),
        "market_result": ("market_result", _word("MarketResult")),
        "revenue": ("revenue", _CENTS),
        "value": ("value", _CENTS),
        "yes_count": ("yes_count_fp", _NUMBER),
        "no_count": ("no_count_fp", _NUMBER),
        "yes_total_cost": ("yes_total_cost_dollars", _NUMBER),
        "no_total_cost": ("no_total_cost_dollars", _NUMBER),
        "fee": ("fee_cost", _NUMBER),
        "settled_time": ("settled_time", _TIME),
        "exchange_index": ("exchange_index", _WHOLE_NUMBER),
    },
    Position: {
        "ticker": ("ticker", _NAME),
        "position": ("position_fp", _NUMBER),
        "exposure": ("market_exposure_dollars", _NUMBER),
        "realized_pnl": ("realized_pnl_dollars", _NUMBER),
        "fees_paid": ("fees_paid_dollars", _NUMBER),
        "total_traded": ("total_traded_dollars", _NUMBER),
        "last_updated": ("last_updated_ts", _TIME),
        "exchange_index": ("exchange_index", _WHOLE_NUMBER),
    },
}


def fast_reader(operation: str, key: str, model: type) -> FastReader:
    """Return the fast reader of a list of the current contract, built once it is used."""

    def read(body: bytes) -> Page[Any] | None:
        # Texts with escapes or beyond ASCII would need the tolerant reader's look at each.
        if not body.isascii() or b"\\" in body:
            return None
        try:
            reader = _reader(operation, key, model)
        except (ImportError, OSError):  # no file can be opened any more: msgspec comes late
            return None
        return None if reader is None else reader(body)

    return read


@functools.cache
def _reader(operation: str, key: str, model: type) -> FastReader | None:
    import msgspec  # 10 ms, for those only who read lists

    envelope = _envelope(msgspec, OPERATIONS[operation].answer, key, model)
    if envelope is None:
        return None
    decode = msgspec.json.Decoder(envelope).decode
    rows_of, build, parse = attrgetter(key), _builder(model), functools.partial(_raw_rows, key)
    refusals = (msgspec.MsgspecError, RecursionError, *DECODE_ERRORS)

    def read(body: bytes) -> Page[Any] | None:
        try:
            document = decode(body)
            items = build(rows_of(document), KeptPage(body, parse))
        except refusals:
            return None
        return Page(items, document.cursor or None)

    return read


def _raw_rows(key: str, body: bytes) -> list[Any]:
    return cast("list[Any]", parse_json(body)[key])


_BUILD: Final = """
def build(rows, page):
    items = []
    add = items.append
    for index, row in enumerate(rows):
        item = new(Open)
        item._page = page
        item._index = index
        {assignments}
        item.__class__ = Model
        add(item)
    return tuple(items)
"""


def _builder(model: type[FromPage]) -> Callable[[list[Any], KeptPage], tuple[Any, ...]]:
    """Return what makes models of structs: a function written for the model, as attrs writes one.

    A frozen model refuses assignments, and calls of its slots' setters take half of the time of a
    list. So a row is made as its open twin, of the same slots, and becomes the model.
    """
    names = {each.name for each in fields(cast("Any", model))} - {"raw"}
    known: dict[str, Any] = {"new": object.__new__, "Model": model, "Open": _open_twin(model)}
    known |= {"parse": datetime.fromisoformat, "UTC": UTC, "AGREED": AGREED}
    # What the contract has no field for.
    lines = [f"item.{name} = None" for name in sorted(names - RULES[model].keys())]
    if _DIRECTION.keys() <= names:
        lines.append(", ".join(f"item.{name}" for name in _DIRECTION))
        lines[-1] += f" = AGREED[{', '.join(f'row.{name}' for name in _DIRECTION)}]"
    for name, (wire, rule) in RULES[model].items():
        if name not in _DIRECTION:
            known[f"read_{name}"] = rule.read
            value = rule.form.format(value=f"row.{wire}", read=f"read_{name}")
            lines.append(f"item.{name} = {value}")
    # Of the names in `RULES` alone: nothing that was received is in it.
    exec(_BUILD.format(assignments="\n        ".join(lines)), known)  # noqa: S102
    return cast("Callable[[list[Any], KeptPage], tuple[Any, ...]]", known["build"])


def _open_twin(model: type) -> type:
    """Return a class of the same slots whose instances can be assigned to."""
    setting = {name: getattr(object, name) for name in ("__setattr__", "__delattr__")}
    return type(model)(f"Open{model.__name__}", (model,), {"__slots__": (), **setting})


_STRICT: Final = {"forbid_unknown_fields": True, "kw_only": True, "gc": False}


def _envelope(msgspec: Any, answer: str, key: str, model: type) -> Any:
    """Derive the struct of a page; None where the contract lacks what the model needs."""
    table, kinds = FIELDS["current"], _types(msgspec)
    members: list[Any] = []
    for name, (_, inner) in table[answer].items():
        if name == "cursor":
            members.append((name, kinds["cursor"], None))
        elif inner not in table:
            members.append((name, None, None))  # none is known
        elif name != key:  # positions come as two lists in one
            members.append(
                (name, _list_of(_struct(msgspec, kinds, table[inner], None)) | None, None)
            )
        elif (row := _struct(msgspec, kinds, table[inner], model)) is None:
            return None
        else:
            members.append((name, _list_of(row)))
    return msgspec.defstruct(answer, members, **_STRICT)


def _list_of(row: Any) -> Any:
    return list[row]


def _struct(
    msgspec: Any,
    kinds: Mapping[str, Any],
    contract: Mapping[str, tuple[bool, str]],
    model: type | None,
) -> Any:
    """Derive the struct of a row; None where the contract lacks what the model needs."""
    rules = dict(RULES[model].values()) if model else {}
    needed = _needed(model) if model else set[str]()
    if not needed <= contract.keys():
        return None
    members: list[Any] = []
    for name, (required, inner) in contract.items():
        kind = _kind(kinds, rules.get(name), inner)
        members.append((name, kind) if required or name in needed else (name, kind | None, None))
    return msgspec.defstruct("Row", members, **_STRICT)


def _needed(model: type) -> set[str]:
    """Return the fields on the wire without which the tolerant reader refuses, or looks again."""
    rules = RULES[model]
    without = {each.name for each in fields(model) if each.default is NOTHING} - {"raw"}
    return {wire for name, (wire, rule) in rules.items() if rule.needed or name in without}


def _kind(kinds: Mapping[str, Any], rule: Rule | None, inner: str) -> Any:
    """Return the type of one field: a known word, nothing known, by its rule, or plain JSON."""
    if inner in FIELDS["current"]:
        return None
    if inner:
        members: type[OpenEnum] = getattr(types, inner)
        return Literal[tuple(member.value for member in members)]
    return kinds[rule.kind if rule else "any"]


def _types(msgspec: Any) -> dict[str, Any]:
    def text(**bounds: int) -> Any:
        return Annotated[str, msgspec.Meta(**bounds)]

    whole: Any = Annotated[int, msgspec.Meta(ge=-_WHOLE, le=_WHOLE)]
    return {
        "cursor": text(max_length=MAX_CURSOR) | None,
        "name": text(min_length=1, max_length=MAX_NAME),
        "number": text(min_length=1, max_length=MAX_NUMBER),
        "text": str,
        "flag": bool,
        "whole": whole,
        "any": Union[str, bool, whole, None],  # noqa: UP007 - of a type made at run time
    }
