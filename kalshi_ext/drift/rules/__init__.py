"""The table of rules: every kind of difference, its verdict and the reason for it."""

from __future__ import annotations

from typing import Final

from kalshi_ext.drift.rules.kinds import Rule, Severity
from kalshi_ext.drift.rules.messages import BODY_RULES, PARAMETER_RULES, STATUS_RULES
from kalshi_ext.drift.rules.service import SERVICE_RULES
from kalshi_ext.drift.rules.values import VALUE_RULES

__all__ = ["RULES", "Rule", "Severity"]

RULES: Final[dict[str, Rule]] = {
    rule.id: rule
    for rules in (SERVICE_RULES, PARAMETER_RULES, BODY_RULES, STATUS_RULES, VALUE_RULES)
    for rule in rules
}
