"""The freedoms of the hostile exchange and the faults of the network before it, as switches.

A freedom is what the facts leave open about an exchange, for the whole of a scenario; a fault is
what happens to one request. Both are data: the exchange and the network read them, hypothesis
draws them, and a scenario is written down by them.

What no client can survive is not among them, and said in docs/reliability.md: a network that
delivers a request twice to an exchange that forgets ids, a refusal in the exchange's own words of
what it executed, an acknowledgement that names our own id and another order.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

# Seconds. The exchange accepts a timestamp for LIFE; a client is told to count on a little more.
# Above one second, because a Date header is cut to whole ones and clocks are corrected from it.
LIFE = 1.2


@frozen
class Freedoms:
    """What the exchange may do; the defaults are those of a friendly one."""

    contract: Literal["current", "classic"] = "current"
    # How long an id is remembered as taken.
    ids: Literal["kept", "forgotten", "forgotten_when_ended", "forgotten_soon"] = "kept"
    duplicate_told: Literal["409", "400", "409_without_code"] = "409"
    # How old what each list shows is, in seconds; the watermark tells the oldest of them.
    orders_lag: float = 0.0
    order_lag: float = 0.0
    history_lag: float = 0.0
    fills_lag: float = 0.0
    watermark: Literal["true", "stuck", "absent", "ahead"] = "true"
    # What rows of lists and acknowledgements tell of our id.
    row_ids: Literal["full", "missing", "blank"] = "full"
    ack_ids: Literal["full", "missing"] = "full"
    empty_list: Literal["array", "omitted", "null", "empty_object"] = "array"
    page_size: int = 1000
    archive: Literal["never", "when_ended", "while_read"] = "never"
    order_get: Literal["ok", "404", "404_when_ended"] = "ok"
    error_shape: Literal["nested", "flat"] = "nested"
    date: Literal["true", "absent", "garbled", "hour_ahead", "hour_behind"] = "true"
    clock_ahead: float = 0.0  # seconds of the exchange's clock before the client's
    fill: Literal["none", "half", "all"] = "none"  # of each new order, at once
    # What becomes of the orders when the client first looks.
    meanwhile: Literal["nothing", "filled", "cancelled"] = "nothing"
    shard: int = 0
    # Orders somebody else has on the account: placed in the web app (a blank id), unlike ours or
    # alike; or under our own ids, by another program of the user.
    strangers: Literal["none", "other", "alike", "under_our_ids"] = "none"
    # Lists of groups, transfers and balances, which the watermark does not vouch for; transfers
    # between instances.
    unkeyed_lag: float = 0.0
    transfer_keys: Literal["honoured", "ignored"] = "honoured"
    transfer_rows: Literal["named", "unnamed"] = "named"
    transfer_status: Literal["complete", "pending"] = "complete"


FaultKind = Literal[
    "lose_request",  # never delivered, no answer
    "lose_answer",  # executed, no answer
    "cut_answer",  # executed, the answer ends at a share of its bytes
    "delay",  # executed `seconds` later, no answer
    "late_answer",  # executed, answered `seconds` later
    "double",  # executed twice, answered once
    "copy_later",  # executed and answered; a copy arrives `seconds` later
    "page_before",  # not executed, a page of somebody in front
    "page_after",  # executed, a page of somebody in front
    "page_meanwhile",  # executed `seconds` later, a page of somebody in front at once
    "limited",  # not executed: 429 in the exchange's words
    "expired",  # not executed: 401 timestamp expired, in the exchange's words
    "paused",  # not executed: 409 trading is paused, in the exchange's words
    "swap",  # executed, answered with what another request was answered
    "shift",  # answered, and once more to the connection's next request, and so on
    "other_order",  # executed, the acknowledgement names another order and another id
    "cancel_shape",  # executed, the acknowledgement is that of a cancel
    "too_many",  # executed, the acknowledgement counts more than was asked for
    "bare",  # executed, the acknowledgement names an order id and nothing else
    "nothing_said",  # executed, a success with an empty object
    "stolen",  # not executed, answered with another order's acknowledgement
]
On = Literal[
    "create", "change", "cancel", "list", "history", "fills", "get", "watermark", "group",
    "transfer", "instance", "subaccount", "money", "setting",
]  # fmt: skip

PAGES = {
    "html": b"<html><head><title>error</title></head><body>blocked</body></html>",
    "json": b'{"message": "no healthy upstream", "request_id": "7f"}',
    "errors": b'{"errors": [{"code": 1020, "detail": "denied"}]}',
    "empty": b"",
    "object": b"{}",
}
STATUSES = (200, 301, 400, 401, 403, 404, 408, 409, 410, 422, 429, 500, 502, 503, 520, 530)


@frozen
class Fault:
    """What happens to the `nth` request (from 0) of a kind, and to `times - 1` after it."""

    on: On
    kind: FaultKind
    nth: int = 0
    times: int = 1
    seconds: float = 0.3
    share: float = 0.5
    status: int = 502
    page: str = "html"

    def strikes(self, on: str, number: int) -> bool:
        """Say whether it strikes a request of a kind, the `number`th."""
        return on == self.on and self.nth <= number < self.nth + self.times
