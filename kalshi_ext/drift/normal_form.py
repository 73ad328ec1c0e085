"""The normal form of a schema: a conjunction of assertions, however the schema is written.

`$ref`, `allOf`, a union of one, a union with null and a union of constants are notation. Flattening
removes them; what is left is a list of assertions, each a mapping of keywords about the value
itself, wrappers before what they wrap. Two schemas with equal assertions accept equal values.

    {"allOf": [{"$ref": "#/components/schemas/Price"}], "nullable": true}
    {"oneOf": [{"type": "integer"}, {"type": "null"}]}

With `Price: {"type": "integer"}` both become: may be null; `{"type": "integer"}`.

Bounds are brought to one notation too. `exclusiveMinimum: true` (OpenAPI 3.0) and
`exclusiveMinimum: 0` (3.1) are read as one, and an exclusive bound of an integer as the inclusive
bound beside it: `> 0` is `>= 1`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from attrs import define, field, frozen

from kalshi_ext.drift.document import ANNOTATIONS, Node, join
from kalshi_ext.drift.limits import is_list, is_mapping

# Said beside a union these hold for the union, not for each of its variants.
_OUTSIDE_VARIANTS: Final = frozenset({"default", "deprecated"})
_UNIONS: Final = ("oneOf", "anyOf")
_NOTATION: Final = frozenset({"$ref", "allOf", "nullable", "$defs", "definitions"})


@define(eq=False)
class Assertion:
    """One conjunct of a schema: keywords about the value itself, and their node.

    `allows_null` is an explicit "may be null", which holds over whatever the node wraps.
    """

    node: Node
    keywords: dict[str, Any]
    allows_null: bool

    @property
    def pointer(self) -> str:
        """Point at the schema object that makes the assertion."""
        return self.node.pointer


def as_variant(assertion: Assertion) -> Assertion:
    """Remove what a union says beside its variants: null, default, deprecated."""
    keywords = {k: v for k, v in assertion.keywords.items() if k not in _OUTSIDE_VARIANTS}
    if is_list(keywords.get("type")):
        keywords["type"] = [each for each in keywords["type"] if each != "null"]
    return Assertion(assertion.node, keywords, False)


def flatten(nodes: tuple[Node, ...]) -> tuple[Assertion, ...]:
    """List the assertions of a conjunction of schemas, wrappers before what they wrap."""
    by_pointer: dict[str, Assertion | None] = {}
    for node in nodes:
        _flatten_into(by_pointer, node, ())
    return tuple(assertion for assertion in by_pointer.values() if assertion is not None)


def _flatten_into(
    by_pointer: dict[str, Assertion | None], node: Node, trail: tuple[str, ...]
) -> None:
    if node.pointer in trail:
        raise node.error("a schema that is made of itself")
    # Nodes that assert nothing are remembered too: two references at each of n levels would
    # otherwise be 2^n visits.
    if node.pointer in by_pointer:
        return
    if isinstance(node.value, bool):  # JSON Schema: true accepts every value, false none
        node = Node({} if node.value else {"not": {}}, node.pointer, node.document)
    assertion, unwrapped = _assertion(node.mapping())
    by_pointer[node.pointer] = assertion if assertion.keywords or assertion.allows_null else None
    for conjunct in _conjuncts(node) + unwrapped:
        _flatten_into(by_pointer, conjunct, (*trail, node.pointer))


def _conjuncts(node: Node) -> list[Node]:
    targets = [node.target()] if "$ref" in node else []
    return targets + node.members("allOf")


def _assertion(node: Node) -> tuple[Assertion, list[Node]]:
    """Read a schema object; the nodes are what its unions of one wrap."""
    keywords = {key: value for key, value in node.value.items() if _asserts(key)}
    if "x-default" in node.value:  # our own normalised contract keeps unsent defaults under it
        keywords.setdefault("default", node.value["x-default"])
    allows_null, unwrapped = node.flag("nullable"), list[Node]()
    for union in _UNIONS:
        if union in keywords:
            admits_null, nodes = _unwrap_union(node, union, keywords)
            allows_null, unwrapped = allows_null or admits_null, unwrapped + nodes
    return Assertion(node, keywords, allows_null), unwrapped


def _asserts(key: object) -> bool:
    keyword = str(key)
    notation = keyword in ANNOTATIONS or keyword in _NOTATION
    return not notation and not keyword.startswith("x-")


def _unwrap_union(node: Node, union: str, keywords: dict[str, Any]) -> tuple[bool, list[Node]]:
    """Remove a union that is only notation; tell whether it admits null and what it wraps."""
    members = node.members(union)
    variants = variants_of(node, union)
    constants = _constants(variants)
    if len(variants) == 1 or constants is not None:
        del keywords[union]
    if constants is not None and len(variants) > 1:
        keywords.setdefault("enum", constants)
        return len(variants) < len(members), []
    return len(variants) < len(members), variants if len(variants) == 1 else []


def variants_of(node: Node, union: str) -> list[Node]:
    """List the members of a `oneOf` or `anyOf` without null."""
    return [member for member in node.members(union) if not _is_null(member)]


def _is_null(member: Node) -> bool:
    value = _resolved_value(member)
    if not is_mapping(value):
        return False
    constants = value.get("enum"), [value.get("const", 0)]
    return value.get("type") in ("null", ["null"]) or [None] in constants


def _constants(members: list[Node]) -> list[Any] | None:
    """Read a union of constants as one enum; None when a member is something else."""
    values: list[Any] = []
    for member in members:
        value = _resolved_value(member)
        constant = _constant(value) if is_mapping(value) else None
        if constant is None:
            return None
        values += constant
    return values or None


def _constant(value: dict[str, Any]) -> list[Any] | None:
    if {key for key in value if _asserts(key)} - {"type", "const", "enum"}:
        return None
    if "const" in value:
        return [value["const"]]
    enum = value.get("enum")  # an enum of several members is a variant, not a constant
    return list(enum) if is_list(enum) and len(enum) == 1 else None


def _resolved_value(member: Node) -> Any:
    value = member.value
    return member.resolved().value if is_mapping(value) and "$ref" in value else value


_LENGTHS: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties",
                   "maxProperties")  # fmt: skip
# Inclusive keyword, exclusive keyword, and the sign that makes a tighter limit the greater one.
_LIMITS: Final = (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1))
_BOUND_KEYWORDS: Final = frozenset(
    {*_LENGTHS, *(keyword for limit in _LIMITS for keyword in limit[:2]), "multipleOf", "pattern",
     "uniqueItems"})  # fmt: skip


@frozen
class Bound:
    """One bound: how tight it is, its text for people, and its pointer.

    A greater `rank` is tighter, except for `multipleOf` (the step) and `pattern` (the set of
    patterns that must all match). `patterns` maps each of those patterns to its pointer.
    """

    rank: Any
    text: str
    pointer: str
    patterns: dict[str, str] = field(factory=dict[str, str], eq=False)


def bounds_of(assertions: Sequence[Assertion], *, integer: bool) -> dict[str, Bound]:
    """Collect the bounds of a schema by keyword, the tightest where several hold."""
    bounds: dict[str, Bound] = {}
    for assertion in assertions:
        for keyword, bound in _bounds_in(assertion, integer):
            known = bounds.get(keyword)
            bounds[keyword] = bound if known is None else _conjunction(keyword, known, bound)
    return bounds


def _conjunction(keyword: str, first: Bound, second: Bound) -> Bound:
    """Make one bound of two that both hold."""
    if keyword == "pattern":
        return _patterns_bound({**second.patterns, **first.patterns})
    if keyword == "multipleOf":
        step = _least_common_multiple(first.rank, second.rank)
        return Bound(step, f"a multiple of {_decimal(step)}", first.pointer)
    return second if second.rank > first.rank else first


def _least_common_multiple(first: Fraction, second: Fraction) -> Fraction:
    numerator = math.lcm(first.numerator, second.numerator)
    return Fraction(numerator, math.gcd(first.denominator, second.denominator))


def _bounds_in(assertion: Assertion, integer: bool) -> list[tuple[str, Bound]]:
    if _BOUND_KEYWORDS.isdisjoint(assertion.keywords):
        return []
    bounds = [(limit[0], _limit(assertion, *limit, integer=integer)) for limit in _LIMITS]
    bounds += [(keyword, _length(assertion, keyword)) for keyword in _LENGTHS]
    bounds += [("multipleOf", _multiple_of(assertion)), ("pattern", _pattern(assertion))]
    bounds += [("uniqueItems", _unique_items(assertion))]
    return [(keyword, bound) for keyword, bound in bounds if bound is not None]


def _limit(
    assertion: Assertion, inclusive: str, exclusive: str, sign: int, *, integer: bool
) -> Bound | None:
    """Read a lower (sign 1) or upper (-1) limit in either notation, the tighter of both."""
    limit, flag = _number(assertion, inclusive), assertion.keywords.get(exclusive)
    is_exclusive = flag is True
    if exclusive in assertion.keywords and not isinstance(flag, bool):
        strict = _number(assertion, exclusive)
        if limit is None or (strict is not None and sign * strict >= sign * limit):
            limit, is_exclusive = strict, True
    if limit is None:
        return None
    keyword = inclusive if inclusive in assertion.keywords else exclusive
    if integer:
        limit, is_exclusive = _integer_limit(limit, is_exclusive, sign), False
    comparison = {(1, False): "at least", (1, True): "more than",
                  (-1, False): "at most", (-1, True): "less than"}[sign, is_exclusive]  # fmt: skip
    rank = sign * limit, is_exclusive
    return Bound(rank, f"{comparison} {_decimal(limit)}", join(assertion.pointer, keyword))


def _integer_limit(limit: Fraction, is_exclusive: bool, sign: int) -> Fraction:
    """Give the outermost integer that a limit admits: `> 0` is 1, `<= 2.5` is 2."""
    if sign > 0:
        return Fraction(math.floor(limit) + 1 if is_exclusive else math.ceil(limit))
    return Fraction(math.ceil(limit) - 1 if is_exclusive else math.floor(limit))


def _length(assertion: Assertion, keyword: str) -> Bound | None:
    limit = _number(assertion, keyword)
    if limit is None or (keyword.startswith("min") and limit <= 0):
        return None  # every length is at least 0
    rank = limit if keyword.startswith("min") else -limit
    return Bound(rank, f"{keyword} {_decimal(limit)}", join(assertion.pointer, keyword))


def _multiple_of(assertion: Assertion) -> Bound | None:
    step = _number(assertion, "multipleOf")
    if step is None:
        return None
    return Bound(step, f"a multiple of {_decimal(step)}", join(assertion.pointer, "multipleOf"))


def _pattern(assertion: Assertion) -> Bound | None:
    if "pattern" not in assertion.keywords:
        return None
    return _patterns_bound({assertion.node.text("pattern"): join(assertion.pointer, "pattern")})


def _patterns_bound(pointers: dict[str, str]) -> Bound:
    text = "matching " + " and ".join(sorted(pointers))
    return Bound(frozenset(pointers), text, next(iter(pointers.values())), pointers)


def _unique_items(assertion: Assertion) -> Bound | None:
    if assertion.keywords.get("uniqueItems") is not True:
        return None
    return Bound(1, "no element twice", join(assertion.pointer, "uniqueItems"))


def _number(assertion: Assertion, keyword: str) -> Fraction | None:
    """Read a number exactly; binary floats would make 0.3 no multiple of 0.1."""
    value = assertion.keywords.get(keyword)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise assertion.node.error(f"{keyword} must be a number, not {str(value)[:40]!r}")
    return Fraction(str(value))


def _decimal(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else str(float(number))
