"""Writes that end executed, not executed or unknown. resolve.py begins with the theory."""

from kalshi_ext.writes.admission import noted
from kalshi_ext.writes.amend import amend, decrease
from kalshi_ext.writes.cancel import cancel, delete_group
from kalshi_ext.writes.create import create_group, create_subaccount, transfer_between_instances
from kalshi_ext.writes.place import place
from kalshi_ext.writes.recovery import Resolution, recover
from kalshi_ext.writes.transfer import transfer_between_subaccounts
from kalshi_ext.writes.wanted_state import send_idempotent

__all__ = [
    "Resolution",
    "amend",
    "cancel",
    "create_group",
    "create_subaccount",
    "decrease",
    "delete_group",
    "noted",
    "place",
    "recover",
    "send_idempotent",
    "transfer_between_instances",
    "transfer_between_subaccounts",
]
