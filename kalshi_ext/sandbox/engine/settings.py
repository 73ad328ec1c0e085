"""Settings of the exchange: what is not known for certain about Kalshi, with its default.

README.md marks each as documented, observed or assumed and names the tests that execute it. Names
and values stand in state files and in the digest: they never change their meaning.
"""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from attrs import frozen

from kalshi_ext.errors import KalshiError

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnknownSetting(KalshiError):
    """A setting's name or value is not known; the message names it."""


@frozen(kw_only=True)
class Settings:
    """Choose the behaviours."""

    seed: int = 0
    """Ids are derived from it and a counter."""
    classic_writes: Literal["retired", "served"] = "retired"
    """Today's exchange answers the six classic order writes with 410; a classic one runs them."""
    error_shape: Literal["nested", "flat"] = "nested"
    """Error bodies of the current contract; classic ones are always nested."""
    parameter_errors: Literal["msg", "error"] = "msg"
    """Query refusals: {"msg": ...} or the shape of all other errors."""

    # A 409 for a repeated client_order_id was observed; how long it lasts is assumed.
    dedupe: Literal["forever", "while_open", "seconds"] = "forever"
    """How long a client_order_id stays taken."""
    dedupe_seconds: int = 60
    """For dedupe="seconds": counted from creation; an open order's id is taken anyhow."""
    client_order_id_max: int = 64
    # documented: both ways of self-trade prevention; assumed: whose orders count
    self_trade_scope: Literal["account", "subaccount"] = "account"
    """Whose resting orders count as one's own."""
    unknown_ticker: Literal[400, 404] = 400
    """Status of an order write that names a market that does not exist."""
    # limits: 200,000 open orders and 64 characters are documented, the others assumed
    max_open_orders: int = 200_000
    notional_limit: int | None = None
    """Most dollars one order may be worth; above: 400 NOTIONAL_RISK_LIMIT_EXCEEDED."""
    # documented: an entry stands or falls alone; assumed: size and order of the answers
    batch_max: int | None = None
    """Most entries of a batch; None: only the token bucket bounds it."""
    batch_answers: Literal["request", "reversed", "shuffled"] = "request"
    """Order of the entries in a batch's answer."""
    cancel_names_client_order_id: bool = False
    """Observed: not (6 of 6)."""
    expiry_late_seconds: int = 0
    """How long after its expiry an order ends; one observer saw 2 to 3 minutes."""
    unset_fields: Literal["absent", "null"] = "absent"
    """Optional fields of an order that are not set: left out (observed), or null."""
    cancel_all_sweep_seconds: int = 0
    """How long after a cancel-all new orders are swept too (60 is the documented maximum)."""
    # documented: what an amend does; assumed: which fills it counts
    amend_fill_count: Literal["this", "total"] = "this"
    """Whether an amend's fill_count speaks of the amend or of the order's whole life."""
    cancelled_by_stp: Literal["answer", "refuse"] = "answer"
    """An incoming order stopped by its own resting one: 201 with what was filled, or 400."""

    # documented: 15 seconds; assumed: whether reaching the limit is enough
    group_window_seconds: int = 15
    group_trips: Literal["over", "reach"] = "over"
    """A group is triggered when its volume passes the limit, or already when it reaches it."""

    # assumed: that resting orders hold back the sum of both sides
    reservation: Literal["none", "max", "sum"] = "sum"
    """What resting orders hold back, until an account chooses for itself."""
    balance_shows: Literal["available", "cash"] = "available"
    fcm_only_resting_value: bool = False
    """Answer 403 to the total resting value for accounts that are not FCM members."""
    instance_transfer_seconds: int = 0
    """How long a transfer between shards or instances stays pending."""

    # documented: that there are target allocations; assumed: that they move nothing
    allocation_sweep: Literal["never", "at_once"] = "never"
    """Whether setting a target allocation moves free cash between shards there and then."""
    subaccount_tier: Literal["any", "advanced"] = "any"
    """Usage level needed to open a subaccount; below: 403."""

    # documented; an account's true numbers are in /account/limits
    rate_limits: bool = True
    default_cost: int = 10
    cancel_cost: int = 2

    # documented and observed: that reads lag; assumed: what lags beyond the four
    read_lag_seconds: float = 0
    """Reads of balance, orders, fills and positions see the state of so long ago."""
    lag_reaches: Literal["documented", "everything"] = "documented"
    """Whether settlements, payments, transfers, groups and queues lag like those four."""
    history_window_days: float | None = 90
    """Rows untouched for longer move to /historical; None: only admin moves the cutoffs."""
    empty_lists: Literal["array", "omit", "null"] = "array"
    full_page_cursor: Literal["when_more", "always"] = "when_more"
    """Whether a full page names a cursor even when nothing follows."""
    # observed: the wire of 2.x has other names, numbers and statuses than its documents
    classic_dialect: Literal["document", "recorded"] = "document"
    """What the classic side speaks: as its documents say, or as others recorded it on the wire."""
    classic_limit_max: int = 200
    # unknown: two observers saw the 404 without a ticker, a third read argues against it
    get_order_reaches: Literal["every_shard", "shard_0"] = "every_shard"
    """Whether GET of an order whose market is not on shard 0 needs `market_ticker`, else 404."""
    empty_answers: Literal["nothing", "object"] = "nothing"
    """Body of a 200 or 201 for which the contract promises none: no byte, or {}."""
    # observed on real fills; consistent by default, so that only tests of this meet it
    legacy_fields: Literal["consistent", "contradicting", "absent"] = "consistent"
    """Deprecated side and action on orders and fills; real fills contradict themselves."""

    thursday_pause: bool = False
    """Pause trading each Thursday 3-5 AM Eastern."""
    exchange_paused_status: Literal[409, 503] = 503
    """Status of a write while the exchange is paused (nothing allowed)."""
    log_events: bool = True

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Build settings from plain data; raises UnknownSetting."""
        for name, value in values.items():
            _check_setting(name, value)
        return cls(**values)


def _check_setting(name: str, value: object) -> None:
    hints = get_type_hints(Settings)
    if name not in hints:
        raise UnknownSetting(f"setting {name!r} is not known; known: {', '.join(sorted(hints))}")
    if not _matches_hint(value, hints[name]):
        raise UnknownSetting(f"setting {name} must be one of {hints[name]}, not {value!r}")


def _matches_hint(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if isinstance(hint, UnionType):
        return any(_matches_hint(value, option) for option in get_args(hint))
    # bool is a subclass of int in Python: seed=True is a mistake, not 1
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
