"""Compare two documents: the differ's one entry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from attrs import define, field, frozen

from kalshi_ext.drift.bodies import compare_request, compare_responses
from kalshi_ext.drift.contract import Operation, operations_of
from kalshi_ext.drift.difference import Difference
from kalshi_ext.drift.document import Document, open_document
from kalshi_ext.drift.errors import CannotCompare
from kalshi_ext.drift.finding import Collector, Finding, Met, Use
from kalshi_ext.drift.match import Matches, match
from kalshi_ext.drift.parameters import compare_parameters
from kalshi_ext.drift.pointers import last
from kalshi_ext.drift.scope import IsOurs, everything, lone_outside, notes, split
from kalshi_ext.drift.security import (
    SCHEMES,
    changed_schemes,
    compare_security,
    known_schemes,
    scheme_identity,
)
from kalshi_ext.drift.servers import compare_own_servers, compare_servers
from kalshi_ext.drift.unfold import unfolded
from kalshi_ext.drift.walk import Walker


@frozen
class Compared:
    """Two compared documents and what was found.

    `operations` counts the pairs that were judged, `outside` the operations beyond our part
    when only one of the documents has any: they are no finding.
    """

    base: Document
    new: Document
    findings: tuple[Finding, ...]
    operations: int
    outside: int


@define
class _Run:
    base: Document
    new: Document
    ids: tuple[frozenset[str], frozenset[str]]
    used: frozenset[str]
    walker: Walker = field(factory=Walker)
    renamed: dict[str, str] = field(factory=dict[str, str])


def compare(
    base: Any, new: Any, *, is_ours: IsOurs = everything, names: tuple[str, str] = ("base", "new")
) -> Compared:
    """Compare two OpenAPI documents, loaded or opened, from a client that speaks `base`.

    Operations on paths that `is_ours` declines are told in notes, one for each that differs, or
    only counted when one document has none of them. Raises CannotCompare for a document that is
    malformed, endless or too large.
    """
    try:
        return _compare(base, new, is_ours, names)
    except RecursionError as error:
        raise CannotCompare("references are nested too deeply to follow") from error


def _compare(base: Any, new: Any, is_ours: IsOurs, names: tuple[str, str]) -> Compared:
    documents = open_document(base, names[0]), open_document(new, names[1])
    before, after = map(operations_of, documents)
    used = frozenset(scheme for each in before + after for scheme in each.schemes)
    run = _Run(*documents, (_ids(before), _ids(after)), used)
    matches, outside = split(match(before, after), is_ours)
    collector = Collector()
    collector.add(compare_servers(run.base, run.new))
    collector.add(_schemes(run, matches))
    collector.add(_operations(run, matches))
    collector.add(notes(outside, partial(_whole, run)))
    findings = collector.findings()
    return Compared(run.base, run.new, findings, len(matches.same), lone_outside(outside))


def _ids(operations: list[Operation]) -> frozenset[str]:
    return frozenset(operation.id for operation in operations)


def _operations(run: _Run, matches: Matches) -> Iterator[Met]:
    for each in matches.removed:
        yield _about(each, Difference("operation-removed", each.pointer, "/paths", each.label))
    for each in matches.added:
        yield _about(each, Difference("operation-added", "/paths", each.pointer, each.label))
    for base, new in matches.replaced:
        yield _changed("operation-replaced", base, new, base.label, new.label)
    for base, new in matches.same:
        yield from _whole(run, base, new)
    if _text(run.base, "webhooks") != _text(run.new, "webhooks"):
        yield Difference("webhooks-changed", "/webhooks", "/webhooks"), Use(None, "webhooks")


def _text(document: Document, part: str) -> str:
    return unfolded(document.at("").get(part))


def _about(operation: Operation, difference: Difference) -> Met:
    return difference, Use(operation, "operation")


def _changed(rule: str, base: Operation, new: Operation, before: str = "", after: str = "") -> Met:
    return _about(base, Difference(rule, base.pointer, new.pointer, base.id, before, after))


def _whole(run: _Run, base: Operation, new: Operation) -> Iterator[Met]:
    yield from _identity(run, base, new)
    yield from _details(run, base, new)


def _identity(run: _Run, base: Operation, new: Operation) -> Iterator[Met]:
    if base.method != new.method:
        methods = base.method.upper(), new.method.upper()
        yield _changed("operation-method-changed", base, new, *methods)
    if base.wire[1] != new.wire[1]:
        yield _changed("operation-path-changed", base, new, base.path, new.path)
    if base.id != new.id:
        yield _changed(_id_rule(run, base, new), base, new, base.id, new.id)


def _id_rule(run: _Run, base: Operation, new: Operation) -> str:
    """Tell a new name from another operation that took this one's place."""
    moved = (base.id and base.id in run.ids[1]) or (new.id and new.id in run.ids[0])
    return "operation-replaced" if moved else "operation-id-changed"


def _details(run: _Run, base: Operation, new: Operation) -> Iterator[Met]:
    before, after = base.node.flag("deprecated"), new.node.flag("deprecated")
    if before != after:
        yield _changed(f"operation-{'' if after else 'un'}deprecated", base, new)
    security = compare_security(base.security, new.security, run.renamed)
    yield from ((found, Use(base, "security")) for found in security)
    yield from compare_own_servers(base, new)
    yield from compare_parameters(base, new, run.walker)
    yield from compare_request(base, new, run.walker)
    yield from compare_responses(base, new, run.walker)
    if unfolded(base.node.get("callbacks")) != unfolded(new.node.get("callbacks")):
        yield _changed("callbacks-changed", base, new)


def _schemes(run: _Run, matches: Matches) -> Iterator[Met]:
    """Find schemes that changed on the wire, told once for all operations that use them."""
    for before, after in changed_schemes(run.base, run.new):
        old, new = scheme_identity(before), scheme_identity(after)
        run.renamed[old] = new
        texts = last(before.pointer), old, new
        found = Difference("security-scheme-changed", before.pointer, after.pointer, *texts)
        users = [base for base, _ in matches.same if old in base.schemes]
        yield from ((found, Use(base, "security")) for base in users)
        if not users:
            yield found, Use(None, "security")
    yield from _unused_schemes(run)


def _unused_schemes(run: _Run) -> Iterator[Met]:
    use = Use(None, "security")
    before, after = known_schemes(run.base), known_schemes(run.new)
    used = run.used | run.renamed.keys() | set(run.renamed.values())
    for identity in before.keys() - after.keys() - used:
        where = before[identity].pointer, SCHEMES
        yield Difference("security-scheme-removed", *where, last(where[0])), use
    for identity in after.keys() - before.keys() - used:
        where = SCHEMES, after[identity].pointer
        yield Difference("security-scheme-added", *where, last(where[1])), use
