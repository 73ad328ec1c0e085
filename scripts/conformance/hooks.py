"""Hooks of schemathesis: sign requests, name things that exist, drop failures that have a reason.

schemathesis loads this file in its own environment.

Without known tickers and ids nearly every request would end at the first lookup.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

KEY = load_pem_private_key(Path(os.environ["CONFORMANCE_KEY_FILE"]).read_bytes(), None)
KEY_ID = os.environ["CONFORMANCE_KEY_ID"]
TICKERS = ("KXRAIN-26DEC31-NYC", "KXRAIN-26DEC31-CHI", "KXBTC-26DEC31-B100", "KXATP-26DEC31-WIN")
PRICES = ("0.1000", "0.54", "0.56", "0.9000")
CENTS = ("yes_price", "no_price")
KNOWN_IDS: dict[str, list[str]] = {"order_id": [], "order_group_id": [], "transfer_id": []}
EXPLAINED = (
    (
        r'"code":"(invalid_order|invalid_price|invalid_order_size|insufficient_balance'
        r'|AMEND_ORDER_NO_OP)"',
        "400 for the rules of trading, which no schema states (observed codes)",
    ),
    (
        r"does not exist|not found|exchange_index:? must be from",
        "400 for a subaccount, shard or market that is not there (assumed)",
    ),
    (r"must have from 1 to", "400 for a batch without entries (assumed)"),
    (r"must be from 1 to|must be above 0|can only be 0", "400 for an amount of nothing (assumed)"),
    (r"missing parameters|give one of|exactly one", "400: one of two fields is due (documented)"),
    (r"add up to 100|named twice|the same|differ|is too long", "400: fields must agree (assumed)"),
    (
        r"parameter (status|count_filter|settlement_status)",
        "400: one of a few words (documented)",
    ),
    (r"(count|price|reduce_\w+) is not a fixed-point", "400: beyond 18 digits (assumed)"),
    (
        r"must fit in 64 bits|must be an integer, not '-?\d{19}|from 0 to 253402300799",
        "400: beyond what a time or an int64 holds",
    ),
)
"""Why the exchange answers 400 to what a schema allows: a pattern of the body, and the reason."""
RETIRED = "the retired classic writes are still routed, and answer 410 (observed)"
NULLS = "null for a field counts as leaving it out (assumed)"
ENTRIES = "batches answer 200 or 201 and tell each entry's error (documented)"
RANDOM = random.Random(int(os.environ.get("CONFORMANCE_SEED", "1")))


class Signer(requests.auth.AuthBase):
    """Sign a request as it goes out: fresh time, true path."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        stamp = str(int(time.time() * 1000))
        text = f"{stamp}{request.method}{urlsplit(request.url).path}".encode()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = KEY.sign(text, pss, hashes.SHA256())
        request.headers["KALSHI-ACCESS-KEY"] = KEY_ID
        request.headers["KALSHI-ACCESS-TIMESTAMP"] = stamp
        request.headers["KALSHI-ACCESS-SIGNATURE"] = base64.b64encode(signature).decode()
        return request


@schemathesis.auth(refresh_interval=None)
class SignPositiveCases:
    """Sign every request but those that are meant to come without."""

    def get(self, _case: Any, _context: Any) -> Signer:
        return Signer()

    def set(self, case: Any, signer: Signer, _context: Any) -> None:
        headers = case.meta and case.meta.components.get("header")
        if headers is None or headers.mode.is_positive:
            case._auth = signer  # noqa: SLF001 - its only way to sign one case and not another


@schemathesis.hook
def map_case(_context: Any, case: Any) -> Any:
    """Put tickers and ids that exist into most well-formed requests."""
    if case.meta is None or not case.meta.generation.mode.is_positive or RANDOM.random() < 0.3:
        return case
    for name, ids in KNOWN_IDS.items():
        if ids and name in (case.path_parameters or {}):
            case.path_parameters[name] = RANDOM.choice(ids)
    for name in ("ticker", "market_ticker"):
        if name in (case.query or {}):
            case.query[name] = RANDOM.choice(TICKERS)
    for order in _orders(case.body):
        _use_known_values(order)
    return case


def _orders(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        return []
    inner = body.get("orders")
    return [order for order in [body, *(inner or [])] if isinstance(order, dict)]


def _use_known_values(order: dict[str, Any]) -> None:
    choices = {"ticker": TICKERS, "market_ticker": TICKERS, "price": PRICES}
    for name, values in choices.items():
        if name in order:
            order[name] = RANDOM.choice(values)
    if isinstance(order.get("count"), str):
        order["count"] = RANDOM.choice(("1.00", "0.25", "3"))
    for name in ("exchange_index", "order_group_id", "expiration_time", "expiration_ts"):
        order.pop(name, None)
    if KNOWN_IDS["order_id"] and "order_id" in order:
        order["order_id"] = RANDOM.choice(KNOWN_IDS["order_id"])


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop the failures that have a reason, and count them."""
    kind, body = type(failure).__name__, (response.content or b"").decode(errors="replace")
    reason = ""
    if kind == "RejectedPositiveData" and response.status_code == 400:
        reason = next((why for text, why in EXPLAINED if re.search(text, body)), "")
    if kind == "AcceptedNegativeData" and '"error":{' in body:
        reason = ENTRIES
    if (
        kind == "AcceptedNegativeData"
        and isinstance(case.body, dict)
        and None in case.body.values()
    ):
        reason = NULLS
    if "deprecated_v1_order_endpoint" in body or kind == "AllowHeaderMismatch":
        reason = RETIRED
    if not reason:
        return True
    with Path(os.environ["CONFORMANCE_EXPLAINED"]).open("a") as notes:
        notes.write(json.dumps(reason) + "\n")
    return False


@schemathesis.hook
def after_call(_context: Any, _case: Any, response: Any) -> None:
    """Remember the ids that answers name."""
    try:
        _collect_ids(json.loads(response.content or b"null"))
    except ValueError:
        return


def _collect_ids(data: Any) -> None:
    if isinstance(data, list):
        for item in data:
            _collect_ids(item)
    elif isinstance(data, dict):
        for name, value in data.items():
            if name in KNOWN_IDS and isinstance(value, str) and value:
                KNOWN_IDS[name] = [*KNOWN_IDS[name][-30:], value]
            elif isinstance(value, dict | list):
                _collect_ids(value)
