"""The sandbox exchange's engine: a deterministic state machine; engine.py tells its invariants."""

from kalshi_ext.sandbox.engine.commands import (
    Admin,
    Answer,
    ApiRequest,
    Caller,
    Command,
    Event,
    InvariantBroken,
    command_from_data,
    command_to_data,
)
from kalshi_ext.sandbox.engine.engine import Engine
from kalshi_ext.sandbox.engine.inspector import Inspector
from kalshi_ext.sandbox.engine.operations import CLASSIC, CURRENT, OPERATIONS, RETIRED
from kalshi_ext.sandbox.engine.settings import Settings, UnknownSetting

__all__ = [
    "CLASSIC",
    "CURRENT",
    "OPERATIONS",
    "RETIRED",
    "Admin",
    "Answer",
    "ApiRequest",
    "Caller",
    "Command",
    "Engine",
    "Event",
    "Inspector",
    "InvariantBroken",
    "Settings",
    "UnknownSetting",
    "command_from_data",
    "command_to_data",
]
