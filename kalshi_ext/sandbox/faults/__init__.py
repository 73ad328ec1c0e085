"""Misbehave on purpose: by rule, by count, by seed."""

from kalshi_ext.sandbox.faults.rules import CATALOGUE, FaultKind, FaultPlan, FaultRule

__all__ = ["CATALOGUE", "FaultKind", "FaultPlan", "FaultRule"]
