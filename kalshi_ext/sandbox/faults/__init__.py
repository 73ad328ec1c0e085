"""Misbehave on purpose: by rule, by count, by seed."""

from kalshi_ext.sandbox.faults.catalogue import CATALOGUE, Kind
from kalshi_ext.sandbox.faults.rules import Plan, Rule

__all__ = ["CATALOGUE", "Kind", "Plan", "Rule"]
