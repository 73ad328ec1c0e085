"""Where a difference is met, and the finding that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field, frozen

from kalshi_ext.drift.contract import Operation
from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.facade import Call, call_of
from kalshi_ext.drift.rules import RULES, Rule, Severity


@frozen
class Use:
    """One place where a client meets a difference.

    `part` is the piece of the operation ("query parameter", "request body", "response 200");
    `path` is the argument or the path of fields inside it, as in `orders[].price`.
    """

    operation: Operation | None
    part: str
    path: str = ""

    @property
    def call(self) -> Call | None:
        """Name the facade's call for the operation."""
        return call_of(self.operation.id) if self.operation else None

    @property
    def text(self) -> str:
        """Name the place for people."""
        where = f"{self.part} `{self.path}`" if self.path else self.part
        return f"{self.operation.label}, {where}" if self.operation else where


Met = tuple[Difference, Use]


@frozen
class Finding:
    """A judged difference and every place a client meets it."""

    difference: Difference
    uses: tuple[Use, ...]

    @property
    def rule(self) -> Rule:
        """Look up the rule that judged it."""
        return RULES[self.difference.rule]

    @property
    def severity(self) -> Severity:
        """Tell how bad it is."""
        return self.rule.severity

    @property
    def base(self) -> str:
        """Point into the base document."""
        return self.difference.base

    @property
    def new(self) -> str:
        """Point into the new document."""
        return self.difference.new


@define
class Collector:
    """Gathers differences; one met in several places becomes one finding with several uses."""

    found: dict[Difference, dict[Use, None]] = field(factory=dict[Difference, dict[Use, None]])

    def add(self, met: Iterable[Met]) -> None:
        """Take differences with their uses."""
        for difference, use in met:
            self.found.setdefault(difference, {})[use] = None

    def findings(self) -> tuple[Finding, ...]:
        """Give the findings, worst first, in the order of the documents otherwise."""
        made = [Finding(difference, tuple(uses)) for difference, uses in self.found.items()]
        return tuple(sorted(made, key=lambda finding: finding.severity.rank))


def meet(differences: Iterable[Difference], use: Use) -> Iterator[Met]:
    """Say of several differences that they are met in one place."""
    return ((difference, use) for difference in differences)
