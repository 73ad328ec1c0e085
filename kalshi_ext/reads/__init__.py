"""What reads tell and prove: orders, how fresh they are, markets, the account, the client."""

from kalshi_ext.reads.account import read_account
from kalshi_ext.reads.health import health
from kalshi_ext.reads.lookup import find_order
from kalshi_ext.reads.orders import get_order
from kalshi_ext.reads.reopening import wait_until_open

__all__ = ["find_order", "get_order", "health", "read_account", "wait_until_open"]
