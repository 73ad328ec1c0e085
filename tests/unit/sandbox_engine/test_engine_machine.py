"""A bounded run of the random trading; scripts/invariants.py does the long one."""

from __future__ import annotations

from engine_machine import TradingMachine
from hypothesis import HealthCheck, settings

TestTrading = TradingMachine.TestCase
TestTrading.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
