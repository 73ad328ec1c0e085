"""A difference, the locations where a client meets it, and the finding that it becomes.

One change of a shared component is one difference with many locations, reported once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import define, field, frozen

from kalshi_ext.drift.facade import FacadeCall, facade_call
from kalshi_ext.drift.limits import is_list
from kalshi_ext.drift.operations import DocumentedOperation
from kalshi_ext.drift.rules import RULES, DriftRule, Severity

REQUEST, RESPONSE = "request", "response"
_MAX_SHOWN: Final = 200


@frozen
class Difference:
    """What differs (`rule`), the pointers in both documents, the texts before and after.

    `name` is the field, parameter, enum member or status that differs, when it has one.
    """

    rule: str
    base: str
    new: str
    name: str = ""
    before: str = ""
    after: str = ""


def value_text(value: Any) -> str:
    """Write a JSON value for people: short, text unquoted."""
    if is_list(value):
        return values_text(value)
    literal = {True: "true", False: "false", None: "null"}
    return literal[value] if value is None or isinstance(value, bool) else str(value)[:_MAX_SHOWN]


def values_text(values: Iterable[Any]) -> str:
    """Write several JSON values for people, in order."""
    return ", ".join(value_text(value) for value in values)


@frozen
class Location:
    """One place where a client meets a difference.

    `part` is the piece of the operation ("query parameter", "request body", "response 200");
    `path` is the parameter or the path of fields inside it, as in `orders[].price`. Without an
    operation it concerns every call.
    """

    operation: DocumentedOperation | None
    part: str
    path: str = ""

    @property
    def call(self) -> FacadeCall | None:
        """Name the facade's call for the operation."""
        return facade_call(self.operation.id) if self.operation else None

    @property
    def is_error(self) -> bool:
        """Whether it is in an error: a refusal, or the error of an entry of a batch."""
        is_refusal = self.part.startswith("response ") and self.part[9:10] != "2"
        return is_refusal or ".error." in f".{self.path}."

    @property
    def is_refusal_of_write(self) -> bool:
        """Whether it is in an error that may prove that a write was not executed."""
        operation = self.operation
        return operation is not None and operation.method.casefold() != "get" and self.is_error


LocatedDifference = tuple[Difference, Location]


@frozen
class Finding:
    """A judged difference and every location where a client meets it.

    `is_kept` says that the client there speaks a contract which has no such difference: its own
    corrections are as narrow as the new document, or as tolerant.
    """

    difference: Difference
    locations: tuple[Location, ...]
    is_kept: bool = False

    @property
    def rule(self) -> DriftRule:
        """Look up the rule that judges it."""
        return RULES[self.difference.rule]

    @property
    def severity(self) -> Severity:
        """Read the rule's severity; what the client keeps to already is compatible."""
        if self.is_kept:
            return Severity.COMPATIBLE
        return Severity.RISKY if self.makes_refusals_doubtful else self.rule.severity

    @property
    def makes_refusals_doubtful(self) -> bool:
        """Whether errors get a field by which this version no longer knows whose they are."""
        is_added = self.rule.id.startswith("response-field-added-")
        return is_added and any(each.is_refusal_of_write for each in self.locations)

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
    """Gathers the locations of each difference."""

    # The inner mapping is an ordered set.
    locations: dict[Difference, dict[Location, None]] = field(
        factory=dict[Difference, dict[Location, None]]
    )

    def add(self, located: Iterable[LocatedDifference]) -> None:
        """Take differences with their locations."""
        for difference, location in located:
            self.locations.setdefault(difference, {})[location] = None

    def findings(self) -> tuple[Finding, ...]:
        """Give the findings, worst first, otherwise in the order of the documents."""
        findings = [Finding(each, tuple(where)) for each, where in self.locations.items()]
        # sorted() is stable: findings of one severity stay in the order of the documents.
        return tuple(sorted(findings, key=lambda finding: finding.severity.rank))
