"""Place an order, and know what to do when it goes wrong."""

from __future__ import annotations

from kalshi_ext import (
    Kalshi,
    KalshiError,
    Misuse,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
)


def place(client: Kalshi, ticker: str, key: str) -> str:
    """Place one order under a key; say what came of it."""
    try:
        ack = client.orders.place(ticker, side="bid", count=1, price="0.10", client_order_id=key)
    except Misuse as error:
        return f"wrong call: {error}"
    except RateLimited:
        return "too fast, not placed"
    except Refused as error:
        return f"refused: {error.code}"
    except NotSent:
        return "not sent"
    except OutcomeUnknown as error:
        return f"look for {error.client_order_id}"
    except KalshiError as error:
        return str(error)
    return ack.order_id
