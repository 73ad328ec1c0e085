"""Writes that end in a verdict: accepted, refused, not sent, or unknown and then resolved."""

from kalshi_ext.writes.cancelling import cancel, cancel_many
from kalshi_ext.writes.decreasing import decrease
from kalshi_ext.writes.keyed import keyed_transfer
from kalshi_ext.writes.looking import find
from kalshi_ext.writes.orders import amend
from kalshi_ext.writes.placing import place, place_many
from kalshi_ext.writes.recovery import Resolution, recover
from kalshi_ext.writes.repeating import delete_group, repeatable
from kalshi_ext.writes.unkeyed import create_group, create_subaccount, transfer

__all__ = [
    "Resolution",
    "amend",
    "cancel",
    "cancel_many",
    "create_group",
    "create_subaccount",
    "decrease",
    "delete_group",
    "find",
    "keyed_transfer",
    "place",
    "place_many",
    "recover",
    "repeatable",
    "transfer",
]
