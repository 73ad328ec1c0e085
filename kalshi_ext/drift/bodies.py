"""Compare what is sent and received: request bodies, responses by status, their headers, content.

A status may be described three ways: by itself (404), by its range (4XX), or by `default`. Two
documents are compared status by status through whatever describes it in each, so that a 404 that
becomes part of a 4XX is no change. `default` describes a success only where no 2xx is named.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from kalshi_ext.drift.document import Node, dereferenced, join
from kalshi_ext.drift.finding import (
    REQUEST,
    RESPONSE,
    Difference,
    LocatedDifference,
    Location,
    values_text,
)
from kalshi_ext.drift.operations import DocumentedOperation
from kalshi_ext.drift.schema import schema_at
from kalshi_ext.drift.traversal import Traversal


@frozen(eq=False)
class OperationPair:
    """One operation in both documents, and the traversal that compares their schemas."""

    base: DocumentedOperation
    new: DocumentedOperation
    traversal: Traversal


def compare_request(pair: OperationPair) -> Iterator[LocatedDifference]:
    """Compare the request bodies of an operation."""
    location = Location(pair.base, "request body")
    before, after = pair.base.body, pair.new.body
    if before and after:
        if _presence(before) != _presence(after):
            rule = f"request-body-became-{_presence(after)}"
            yield Difference(rule, before.pointer, after.pointer), location
        yield from compare_content(before, after, REQUEST, location, pair.traversal)
    elif before:
        pointers = before.pointer, join(pair.new.pointer, "requestBody")
        yield Difference(f"request-body-removed-{_presence(before)}", *pointers), location
    elif after:
        pointers = join(pair.base.pointer, "requestBody"), after.pointer
        yield Difference(f"request-body-added-{_presence(after)}", *pointers), location


def _presence(node: Node) -> str:
    return "required" if node.flag("required") else "optional"


def compare_responses(pair: OperationPair) -> Iterator[LocatedDifference]:
    """Compare the responses of an operation."""
    yield from _successes(pair)
    yield from _other_statuses(pair)
    for status, before, after in _common(pair.base, pair.new):
        yield from _response(pair, status, before, after)


def _common(
    base: DocumentedOperation, new: DocumentedOperation
) -> Iterator[tuple[str, Node, Node]]:
    """Pair the responses that both documents describe, each by its status."""
    for status, node in base.responses.items():
        described = _description(new, status)
        if described:
            yield status, node, described
    for status, node in new.responses.items():
        described = None if status in base.responses else _description(base, status)
        if described:
            yield status, described, node


def _description(operation: DocumentedOperation, status: str) -> Node | None:
    """Find what describes a status: itself, its range (4XX), or default."""
    names = [status] if status == "default" else [status, f"{status[:1]}XX", "default"]
    if status.startswith("2") and not _is_success(operation, "default"):
        names.remove("default")  # beside a success, default describes failures
    responses = operation.responses
    return next((responses[name] for name in names if name in responses), None)


def _is_success(operation: DocumentedOperation, status: str) -> bool:
    names_no_success = not any(each.startswith("2") for each in operation.responses)
    return status.startswith("2") or (status == "default" and names_no_success)


def _successes(pair: OperationPair) -> Iterator[LocatedDifference]:
    before, after = _success_statuses(pair.base), _success_statuses(pair.new)
    kept = [status for status in before if status in after or _description(pair.new, status)]
    known = [status for status in after if status in before or _description(pair.base, status)]
    # While one success stays, each of the others is a change of its own. When none stays, the
    # success was replaced: one change, not one removed and one added.
    if kept or known:
        yield from (_status(pair, "success-removed", s) for s in before if s not in kept)
        yield from (_status(pair, "success-added", s) for s in after if s not in known)
    elif before or after:
        change = "stated" if not before else "unstated" if not after else "replaced"
        difference, location = _status(pair, f"success-{change}", values_text(before or after))
        yield evolve(difference, before=values_text(before), after=values_text(after)), location


def _success_statuses(operation: DocumentedOperation) -> list[str]:
    return [status for status in operation.responses if _is_success(operation, status)]


def _other_statuses(pair: OperationPair) -> Iterator[LocatedDifference]:
    for status, node in pair.base.responses.items():
        if not _is_success(pair.base, status) and not _description(pair.new, status):
            yield _status(pair, f"{_status_class(status)}-removed", status, base=node.pointer)
    for status, node in pair.new.responses.items():
        if not _is_success(pair.new, status) and not _description(pair.base, status):
            yield _status(pair, f"{_status_class(status)}-added", status, new=node.pointer)


def _status_class(status: str) -> str:
    return "redirect" if status.startswith(("1", "3")) else "error"


def _status(
    pair: OperationPair, change: str, status: str, *, base: str = "", new: str = ""
) -> LocatedDifference:
    """Make the difference of a status that only one document describes."""
    holders = [join(each.pointer, "responses") for each in (pair.base, pair.new)]
    difference = Difference(f"status-{change}", base or holders[0], new or holders[1], status)
    return difference, Location(pair.base, f"response {status}")


def _response(
    pair: OperationPair, status: str, base: Node, new: Node
) -> Iterator[LocatedDifference]:
    location = Location(pair.base, f"response {status}")
    before, after = bool(_media_types(base)), bool(_media_types(new))
    if before and after:
        yield from compare_content(base, new, RESPONSE, location, pair.traversal)
    elif before or after:
        kind = "response" if _is_success(pair.base, status) else "error"
        rule = f"{kind}-body-{'added' if after else 'removed'}"
        yield Difference(rule, base.pointer, new.pointer, name=status), location
    yield from _compare_headers(base, new, location, pair.traversal)


def compare_content(
    base: Node, new: Node, direction: str, location: Location, traversal: Traversal
) -> Iterator[LocatedDifference]:
    """Compare the `content` of two bodies, responses or parameters by media type."""
    base_media, new_media = _media_types(base), _media_types(new)
    for name in dict.fromkeys([*base_media, *new_media]):
        before, after = base_media.get(name), new_media.get(name)
        if before and after:
            yield from _media_pair(before, after, direction, location, traversal)
        else:
            rule = f"{direction}-media-{'removed' if before else 'added'}"
            pointers = _pointers(before, after, base, new, "content")
            yield Difference(rule, *pointers, name=name), location


def _pointers(
    before: Node | None, after: Node | None, base: Node, new: Node, key: str
) -> tuple[str, str]:
    """Point at a member in both documents: at its holder where it is absent."""
    return (
        before.pointer if before else join(base.pointer, key),
        after.pointer if after else join(new.pointer, key),
    )


def _media_types(holder: Node) -> dict[str, Node]:
    """List the media types of a body; case, blanks and the default charset do not matter."""
    return {_media_name(key): node for key, node in holder.entries("content").items()}


def _media_name(key: str) -> str:
    parts = [part.strip() for part in key.lower().split(";")]
    return "; ".join(part for part in parts if part != "charset=utf-8")


def _media_pair(
    base: Node, new: Node, direction: str, location: Location, traversal: Traversal
) -> Iterator[LocatedDifference]:
    schemas = schema_at(base.mapping()), schema_at(new.mapping())
    for difference, path in traversal.differences(*schemas, direction):
        # A body has no name: its path begins with a field. A parameter's begins with the name.
        inner = location.path + path if location.path else path.lstrip(".")
        yield difference, evolve(location, path=inner)
    encodings = dereferenced(base.get("encoding")), dereferenced(new.get("encoding"))
    if direction == REQUEST and encodings[0] != encodings[1]:
        yield Difference("request-encoding-changed", base.pointer, new.pointer), location


def _compare_headers(
    base: Node, new: Node, response: Location, traversal: Traversal
) -> Iterator[LocatedDifference]:
    base_headers, new_headers = _headers(base), _headers(new)
    for name in dict.fromkeys([*base_headers, *new_headers]):
        before, after = base_headers.get(name), new_headers.get(name)
        location = Location(response.operation, f"{response.part} header", name)
        if before and after:
            yield from _header_pair(before, after, location, traversal)
        else:
            rule = f"response-header-{'removed' if before else 'added'}"
            pointers = _pointers(before, after, base, new, "headers")
            yield Difference(rule, *pointers, name=name), location


def _headers(response: Node) -> dict[str, Node]:
    """List headers by lower-case name; OpenAPI ignores content-type, which `content` states."""
    headers = {name.lower(): node for name, node in response.entries("headers").items()}
    return {name: node.resolved() for name, node in headers.items() if name != "content-type"}


def _header_pair(
    base: Node, new: Node, location: Location, traversal: Traversal
) -> Iterator[LocatedDifference]:
    if _presence(base) != _presence(new):
        rule = f"response-header-became-{_presence(new)}"
        yield Difference(rule, base.pointer, new.pointer, name=location.path), location
    for difference, path in traversal.differences(schema_at(base), schema_at(new), RESPONSE):
        yield difference, evolve(location, path=location.path + path)
