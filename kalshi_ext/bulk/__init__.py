"""Any number of orders in one call. lanes.py begins with the theory."""

from kalshi_ext.bulk.calls import amend_many, cancel_many, place_many

__all__ = ["amend_many", "cancel_many", "place_many"]
