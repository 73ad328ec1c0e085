"""Reads of an account's limits and costs for a contract that has no word for them.

The classic document knows neither, but whoever speaks it today talks to today's exchange, under
whose paths they are. Where they are not (404) the documented numbers stand.
"""

from __future__ import annotations

from attrs import evolve

from kalshi_ext.contracts.any_path import any_call
from kalshi_ext.contracts.decode_account import decode_endpoint_costs, decode_limits
from kalshi_ext.models.account import AccountLimits, EndpointCosts
from kalshi_ext.protocol.messages import Call


def budget_reads() -> tuple[Call[AccountLimits], Call[EndpointCosts]]:
    """Return the reads of an account's limits and of what requests cost."""
    limits = any_call("GET", "/account/limits", None, None)
    costs = any_call("GET", "/account/endpoint_costs", None, None)
    return evolve(limits, decode=decode_limits), evolve(costs, decode=decode_endpoint_costs)
