"""Compare request bodies, and responses by status."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from kalshi_ext.drift.contract import Operation
from kalshi_ext.drift.difference import REQUEST, RESPONSE, Difference, listed
from kalshi_ext.drift.document import Node
from kalshi_ext.drift.finding import Met, Use
from kalshi_ext.drift.headers import compare_headers
from kalshi_ext.drift.media import compare_content, media_of
from kalshi_ext.drift.pointers import join
from kalshi_ext.drift.walk import Walker


def compare_request(base: Operation, new: Operation, walker: Walker) -> Iterator[Met]:
    """Find every difference in what is sent as a body."""
    use = Use(base, "request body")
    before, after = base.body, new.body
    if before and after:
        yield from _required(before, after, use)
        yield from compare_content(before, after, REQUEST, use, walker)
    elif before:
        where = before.pointer, join(new.pointer, "requestBody")
        yield Difference(f"request-body-removed-{_kind(before)}", *where), use
    elif after:
        where = join(base.pointer, "requestBody"), after.pointer
        yield Difference(f"request-body-added-{_kind(after)}", *where), use


def _kind(body: Node) -> str:
    return "required" if body.flag("required") else "optional"


def _required(base: Node, new: Node, use: Use) -> Iterator[Met]:
    if _kind(base) != _kind(new):
        yield Difference(f"request-body-became-{_kind(new)}", base.pointer, new.pointer), use


@frozen(eq=False)
class _Pair:
    base: Operation
    new: Operation
    walker: Walker

    def lone(self, rule: str, status: str, base: str = "", new: str = "") -> Met:
        holders = [join(each.pointer, "responses") for each in (self.base, self.new)]
        difference = Difference(rule, base or holders[0], new or holders[1], name=status)
        return difference, Use(self.base, f"response {status}")


def compare_responses(base: Operation, new: Operation, walker: Walker) -> Iterator[Met]:
    """Find every difference in what may come back."""
    pair = _Pair(base, new, walker)
    yield from _successes(pair)
    yield from _other_statuses(pair)
    for status, before, after in _common(base, new):
        yield from _response(pair, status, before, after)


def _common(base: Operation, new: Operation) -> Iterator[tuple[str, Node, Node]]:
    """Pair the responses a client can meet under both documents."""
    for status, node in base.responses.items():
        other = _effective(new, status)
        if other:
            yield status, node, other
    for status, node in new.responses.items():
        other = None if status in base.responses else _effective(base, status)
        if other:
            yield status, other, node


def _effective(operation: Operation, status: str) -> Node | None:
    """Find what describes a status: itself, its range (4XX), or default."""
    found = operation.responses
    names = [status] if status == "default" else [status, f"{status[:1]}XX", "default"]
    if status.startswith("2") and not _is_success(operation, "default"):
        names.remove("default")  # beside a success, default describes failures
    return next((found[name] for name in names if name in found), None)


def _is_success(operation: Operation, status: str) -> bool:
    only = not any(each.startswith("2") for each in operation.responses)
    return status.startswith("2") or (status == "default" and only)


def _successes(pair: _Pair) -> Iterator[Met]:
    mine, theirs = _success_statuses(pair.base), _success_statuses(pair.new)
    kept = [s for s in mine if s in theirs or _effective(pair.new, s)]
    known = [s for s in theirs if s in mine or _effective(pair.base, s)]
    if kept or known:
        yield from (pair.lone("status-success-removed", s) for s in mine if s not in kept)
        yield from (pair.lone("status-success-added", s) for s in theirs if s not in known)
    elif mine or theirs:
        rule = "stated" if not mine else "unstated" if not theirs else "replaced"
        difference, use = pair.lone(f"status-success-{rule}", listed(mine or theirs))
        texts = {"before": listed(mine), "after": listed(theirs)}
        yield (
            Difference(difference.rule, difference.base, difference.new, difference.name, **texts),
            use,
        )


def _success_statuses(operation: Operation) -> list[str]:
    return [status for status in operation.responses if _is_success(operation, status)]


def _other_statuses(pair: _Pair) -> Iterator[Met]:
    for status, node in pair.base.responses.items():
        if not _is_success(pair.base, status) and not _effective(pair.new, status):
            yield pair.lone(f"status-{_class(status)}-removed", status, base=node.pointer)
    for status, node in pair.new.responses.items():
        if not _is_success(pair.new, status) and not _effective(pair.base, status):
            yield pair.lone(f"status-{_class(status)}-added", status, new=node.pointer)


def _class(status: str) -> str:
    return "redirect" if status.startswith(("1", "3")) else "error"


def _response(pair: _Pair, status: str, base: Node, new: Node) -> Iterator[Met]:
    use = Use(pair.base, f"response {status}")
    before, after = bool(media_of(base)), bool(media_of(new))
    if before and after:
        yield from compare_content(base, new, RESPONSE, use, pair.walker)
    elif before or after:
        what = "response" if _is_success(pair.base, status) else "error"
        rule = f"{what}-body-{'added' if after else 'removed'}"
        yield Difference(rule, base.pointer, new.pointer, name=status), use
    yield from compare_headers(base, new, use, pair.walker)
