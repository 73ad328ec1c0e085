"""Pre-trade limits: what may leave this client, decided before anything is signed.

Imported when a client with limits is made, and by no other. Whoever meets a gate finds the room
loaded: an import from it in the middle of a function opens no file.
"""

from kalshi_ext.risk.codes import CODES
from kalshi_ext.risk.gate import Admission, RiskGate
from kalshi_ext.risk.limits import Limits, Reference, TradingState
from kalshi_ext.risk.overrides import Override
from kalshi_ext.risk.recall import Departed, recall, resolve_amend, resolve_order
from kalshi_ext.risk.snapshot import Snapshot, apply

__all__ = [
    "CODES",
    "Admission",
    "Departed",
    "Limits",
    "Override",
    "Reference",
    "RiskGate",
    "Snapshot",
    "TradingState",
    "apply",
    "recall",
    "resolve_amend",
    "resolve_order",
]
