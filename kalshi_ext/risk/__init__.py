"""Pre-trade limits: what may leave this client, decided before anything is signed."""

from kalshi_ext.risk.codes import CODES
from kalshi_ext.risk.gate import Admission, RiskGate, risk_gate
from kalshi_ext.risk.limits import Limits, Reference, TradingState
from kalshi_ext.risk.overrides import Override
from kalshi_ext.risk.recall import Departed, recall, resolve_amend, resolve_order

__all__ = [
    "CODES",
    "Admission",
    "Departed",
    "Limits",
    "Override",
    "Reference",
    "RiskGate",
    "TradingState",
    "recall",
    "resolve_amend",
    "resolve_order",
    "risk_gate",
]
