"""Any number of orders in one call. scheduler.py begins with the theory."""

from kalshi_ext.bulk.operations import amend_many, cancel_many, place_many

__all__ = ["amend_many", "cancel_many", "place_many"]
