"""Compare two documents: the differ's one entry.

Operations are matched and compared part by part; how their schemas are compared stands in
traversal.py. Our part of the exchange's document is judged. The rest gives notes,
one for each operation that differs, because no call of the facade goes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, evolve, field, frozen

from kalshi_ext.drift.access import (
    compare_own_servers,
    compare_schemes,
    compare_security,
    compare_servers,
    compare_unused_schemes,
    renamed_schemes,
)
from kalshi_ext.drift.bodies import OperationPair, compare_request, compare_responses
from kalshi_ext.drift.document import Document, dereferenced
from kalshi_ext.drift.documents import is_ours as is_our_path
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Collector, Difference, Finding, LocatedDifference, Location
from kalshi_ext.drift.limits import is_mapping
from kalshi_ext.drift.opening import open_document
from kalshi_ext.drift.operations import (
    DocumentedOperation,
    Matches,
    match,
    operations_of,
    successor_of,
)
from kalshi_ext.drift.parameters import compare_parameters
from kalshi_ext.drift.spoken import weigh
from kalshi_ext.drift.traversal import Traversal

IsOurs = Callable[[str], bool]


def every_path(_path: str) -> bool:
    """Judge every path."""
    return True


def our_paths(base: dict[str, Any], new: dict[str, Any]) -> IsOurs:
    """Judge our paths, or every path when one of the documents has none of ours.

    A document without our paths is about something else, and the user asked about it.
    """
    return is_our_path if all(map(_has_our_paths, (base, new))) else every_path


def _has_our_paths(document: dict[str, Any]) -> bool:
    paths = document.get("paths")
    return is_mapping(paths) and any(is_our_path(str(path)) for path in paths)


@frozen
class Comparison:
    """Two compared documents and the findings.

    `operations` counts the pairs that were judged. `outside` counts the operations beyond our
    part when only one of the documents has any; they are no finding.
    """

    base: Document
    new: Document
    findings: tuple[Finding, ...]
    operations: int
    outside: int


@define
class _Context:
    base_ids: frozenset[str]
    new_ids: frozenset[str]
    renamed_schemes: dict[str, str]
    new: list[DocumentedOperation]
    traversal: Traversal = field(factory=Traversal)


def compare(
    base: Any,
    new: Any,
    *,
    is_ours: IsOurs = every_path,
    names: tuple[str, str] = ("base", "new"),
    spoken: Any = None,
) -> Comparison:
    """Compare two OpenAPI documents, loaded or opened, for a client that speaks `base`.

    Operations on paths that `is_ours` declines give notes. `spoken` is the corrected copy of `base`
    that the client really speaks, where there is one (spoken.py). Raises CannotCompare for a
    document that is malformed, endless or too large.
    """
    try:
        after = open_document(new, names[1])
        compared = _compare(open_document(base, names[0]), after, is_ours)
        if spoken is None:
            return compared
        corrected = _compare(open_document(spoken, "spoken"), after, is_ours)
        return evolve(compared, findings=weigh(compared.findings, corrected.findings))
    # Levels are bounded when a document is opened; chains of references go deeper.
    except RecursionError as error:
        raise CannotCompare("references are nested too deeply to follow") from error


def _compare(base: Document, new: Document, is_ours: IsOurs) -> Comparison:
    before, after = operations_of(base), operations_of(new)
    named = frozenset(scheme for each in before + after for scheme in each.schemes)
    ours, outside = _split(match(before, after), is_ours)
    collector = Collector()
    # Findings of one severity keep this order.
    collector.add(compare_servers(base, new))
    collector.add(compare_schemes(base, new, [operation for operation, _ in ours.same]))
    renamed = renamed_schemes(base, new)
    used = named | renamed.keys() | set(renamed.values())
    collector.add(compare_unused_schemes(base, new, used))
    context = _Context(_ids(before), _ids(after), renamed, after)
    collector.add(_operations(context, ours))
    collector.add(_webhooks(base, new))
    collector.add(_notes(context, outside))
    return Comparison(
        base, new, collector.findings(), len(ours.same), _count_outside_of_one(outside)
    )


def _ids(operations: list[DocumentedOperation]) -> frozenset[str]:
    return frozenset(operation.id for operation in operations)


def _split(matches: Matches, is_ours: IsOurs) -> tuple[Matches, Matches]:
    """Split matches into ours and the rest; a pair is ours when either side of it is."""
    return _selected(matches, is_ours, keep=True), _selected(matches, is_ours, keep=False)


def _selected(matches: Matches, is_ours: IsOurs, *, keep: bool) -> Matches:
    def selects(*operations: DocumentedOperation) -> bool:
        return any(is_ours(each.path) for each in operations) is keep

    return Matches(
        same=[pair for pair in matches.same if selects(*pair)],
        replaced=[pair for pair in matches.replaced if selects(*pair)],
        removed=[each for each in matches.removed if selects(each)],
        added=[each for each in matches.added if selects(each)],
    )


def _operations(context: _Context, matches: Matches) -> Iterator[LocatedDifference]:
    for each in matches.removed:
        names = {"name": each.label, "after": successor_of(each, context.new)}
        yield _located(each, Difference("operation-removed", each.pointer, "/paths", **names))
    for each in matches.added:
        yield _located(each, Difference("operation-added", "/paths", each.pointer, each.label))
    for base, new in matches.replaced:
        yield _changed("operation-replaced", base, new, base.label, new.label)
    for base, new in matches.same:
        yield from _compare_operation(context, base, new)


def _webhooks(base: Document, new: Document) -> Iterator[LocatedDifference]:
    before, after = (dereferenced(each.at("").get("webhooks")) for each in (base, new))
    if before != after:
        yield Difference("webhooks-changed", "/webhooks", "/webhooks"), Location(None, "webhooks")


def _located(operation: DocumentedOperation, difference: Difference) -> LocatedDifference:
    return difference, Location(operation, "operation")


def _changed(
    rule: str, base: DocumentedOperation, new: DocumentedOperation,
    before: str = "", after: str = "",
) -> LocatedDifference:  # fmt: skip
    return _located(base, Difference(rule, base.pointer, new.pointer, base.id, before, after))


def _compare_operation(
    context: _Context, base: DocumentedOperation, new: DocumentedOperation
) -> Iterator[LocatedDifference]:
    yield from _identity(context, base, new)
    before, after = base.node.flag("deprecated"), new.node.flag("deprecated")
    if before != after:
        successor = successor_of(new, context.new) if after else ""
        rule = f"operation-{'' if after else 'un'}deprecated"
        yield _changed(rule, base, new, after=successor)
    security = compare_security(base.security, new.security, context.renamed_schemes)
    yield from ((difference, Location(base, "security")) for difference in security)
    yield from compare_own_servers(base, new)
    pair = OperationPair(base, new, context.traversal)
    yield from compare_parameters(pair)
    yield from compare_request(pair)
    yield from compare_responses(pair)
    if dereferenced(base.node.get("callbacks")) != dereferenced(new.node.get("callbacks")):
        yield _changed("callbacks-changed", base, new)


def _identity(
    context: _Context, base: DocumentedOperation, new: DocumentedOperation
) -> Iterator[LocatedDifference]:
    if base.method != new.method:
        methods = base.method.upper(), new.method.upper()
        yield _changed("operation-method-changed", base, new, *methods)
    # The route, not the path: other names of path variables are reported with the parameters.
    if base.route[1] != new.route[1]:
        yield _changed("operation-path-changed", base, new, base.path, new.path)
    if base.id != new.id:
        yield _changed(_id_rule(context, base, new), base, new, base.id, new.id)


def _id_rule(context: _Context, base: DocumentedOperation, new: DocumentedOperation) -> str:
    """Tell a new name from another operation that took this one's place."""
    # An id that the other document has too moved elsewhere: this route is another operation now.
    moved = (base.id and base.id in context.new_ids) or (new.id and new.id in context.base_ids)
    return "operation-replaced" if moved else "operation-id-changed"


def _count_outside_of_one(outside: Matches) -> int:
    """Count the operations outside our part when only one of the documents has any."""
    in_both = outside.same or outside.replaced or (outside.removed and outside.added)
    return 0 if in_both else len(outside.removed) + len(outside.added)


def _notes(context: _Context, outside: Matches) -> Iterator[LocatedDifference]:
    """Note the operations outside our part that were removed, added or changed."""
    if _count_outside_of_one(outside):
        return
    for each in outside.removed:
        yield _note("removed", each, each.pointer, "/paths")
    for each in outside.added:
        yield _note("added", each, "/paths", each.pointer)
    for base, new in outside.replaced:
        yield _note("changed", base, base.pointer, new.pointer)
    for base, new in outside.same:
        count = len({difference for difference, _ in _compare_operation(context, base, new)})
        if count:
            yield _note("changed", base, base.pointer, new.pointer, str(count))


def _note(
    change: str, operation: DocumentedOperation, base: str, new: str, count: str = "1"
) -> LocatedDifference:
    difference = Difference(f"outside-{change}", base, new, operation.label, after=count)
    return _located(operation, difference)
