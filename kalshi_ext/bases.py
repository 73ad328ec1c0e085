"""Base classes that print and compare: written once, where attrs would write them for each class.

attrs compiles what it writes when a class is made, and this library has two hundred classes: that
was half of the time of its import. `@frozen(eq=False, repr=False)` with such a base leaves it
`__init__` to compile. What attrs says of a field holds here too: `repr`, `eq` and `hash`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any

_Key = Callable[[Any], object]

_SHOWN: dict[type, tuple[tuple[str, Callable[[object], str]], ...]] = {}
_COMPARED: dict[type, _Key] = {}
_HASHED: dict[type, _Key] = {}


class Printed:
    """Print an attrs class as attrs does: `Name(field=value, ...)`."""

    __slots__ = ()

    @recursive_repr("...")
    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={show(getattr(self, name))}" for name, show in _shown(type(self))
        )
        return f"{type(self).__qualname__.rpartition('>.')[2]}({shown})"


class Value(Printed):
    """Compare an attrs class by its fields with others of exactly the same class."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        kind = type(self)
        if type(other) is not kind:
            return NotImplemented
        key = _COMPARED.get(kind) or _compared(kind)
        return key(self) == key(other)

    def __hash__(self) -> int:
        kind = type(self)
        return hash((kind, (_HASHED.get(kind) or _hashed(kind))(self)))


def _shown(kind: Any) -> tuple[tuple[str, Callable[[object], str]], ...]:
    if kind not in _SHOWN:
        _SHOWN[kind] = tuple(
            (each.name, repr if each.repr is True else each.repr)
            for each in kind.__attrs_attrs__
            if each.repr is not False
        )
    return _SHOWN[kind]


def _compared(kind: Any) -> _Key:
    names = [each.name for each in kind.__attrs_attrs__ if each.eq]
    return _COMPARED.setdefault(kind, _key_of(names))


def _hashed(kind: Any) -> _Key:
    names = [
        each.name
        for each in kind.__attrs_attrs__
        if each.hash is True or (each.hash is None and each.eq)
    ]
    return _HASHED.setdefault(kind, _key_of(names))


def _key_of(names: list[str]) -> _Key:
    return attrgetter(*names) if names else lambda _: ()
