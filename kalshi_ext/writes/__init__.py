"""Writes that end executed, not executed or unknown. resolve.py begins with the theory."""

from kalshi_ext.writes.amend import amend, decrease
from kalshi_ext.writes.bulk import amend_many, cancel_many, place_many
from kalshi_ext.writes.cancel import cancel, delete_group, send_idempotent
from kalshi_ext.writes.create import create_group, create_subaccount, transfer_between_instances
from kalshi_ext.writes.health import health
from kalshi_ext.writes.limited import noted, read_account
from kalshi_ext.writes.listed_orders import get_order
from kalshi_ext.writes.lookup import find_order
from kalshi_ext.writes.place import place
from kalshi_ext.writes.recovery import Resolution, recover
from kalshi_ext.writes.reopening import wait_until_open
from kalshi_ext.writes.resume import note, resume
from kalshi_ext.writes.stop import cancel_all, stop
from kalshi_ext.writes.stop_report import RestingOrder, StoppedGroup, StopReport
from kalshi_ext.writes.transfer import transfer_between_subaccounts

__all__ = [
    "Resolution",
    "RestingOrder",
    "StopReport",
    "StoppedGroup",
    "amend",
    "amend_many",
    "cancel",
    "cancel_all",
    "cancel_many",
    "create_group",
    "create_subaccount",
    "decrease",
    "delete_group",
    "find_order",
    "get_order",
    "health",
    "note",
    "noted",
    "place",
    "place_many",
    "read_account",
    "recover",
    "resume",
    "send_idempotent",
    "stop",
    "transfer_between_instances",
    "transfer_between_subaccounts",
    "wait_until_open",
]
