"""The table of rules: every kind of difference, its severity, reason, advice and opposite."""

from __future__ import annotations

from typing import Final

from kalshi_ext.drift.rules.operations import (
    BODY_RULES,
    OPERATION_RULES,
    PARAMETER_RULES,
    STATUS_RULES,
)
from kalshi_ext.drift.rules.rule import NOTHING, DriftRule, Reader, Severity, then_adopt
from kalshi_ext.drift.rules.schemas import SCHEMA_RULES

__all__ = ["NOTHING", "RULES", "DriftRule", "Reader", "Severity", "then_adopt"]

RULES: Final[dict[str, DriftRule]] = {
    rule.id: rule
    for rules in (OPERATION_RULES, PARAMETER_RULES, BODY_RULES, STATUS_RULES, SCHEMA_RULES)
    for rule in rules
}
