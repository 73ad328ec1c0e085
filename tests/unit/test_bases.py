"""The bases print and compare as attrs does where it compiles the methods for each class."""

from __future__ import annotations

import inspect
import pickle
import pkgutil
from importlib import import_module
from typing import Any

import attrs
import pytest
from attrs import field, frozen

import kalshi_ext
from kalshi_ext.bases import Value


def shout(value: object) -> str:
    return f"<{value}>"


@frozen
class Compiled:
    """As attrs writes it."""

    a: Any
    b: Any = field(default=2, repr=False)
    c: Any = field(default=3, eq=False)
    d: Any = field(default=4, repr=shout)


@frozen(eq=False, repr=False)
class Plain(Value):
    """The same with the bases."""

    a: Any
    b: Any = field(default=2, repr=False)
    c: Any = field(default=3, eq=False)
    d: Any = field(default=4, repr=shout)


@frozen(eq=False, repr=False)
class Further(Plain):
    """One field more."""

    e: Any = 5


@frozen(eq=False, repr=False)
class Empty(Value):
    """No field at all."""


ARGUMENTS = [(1,), (1, 9), (1, 2, 9), (1, 2, 3, 9), (2,), ((1,),)]


@pytest.mark.parametrize("one", ARGUMENTS)
@pytest.mark.parametrize("other", ARGUMENTS)
def test_two_are_equal_where_attrs_says_so(one: tuple[Any], other: tuple[Any]) -> None:
    equal = Compiled(*one) == Compiled(*other)
    assert (Plain(*one) == Plain(*other)) is equal
    assert (Plain(*one) != Plain(*other)) is not equal
    assert len({Plain(*one), Plain(*other)}) == len({Compiled(*one), Compiled(*other)})


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_one_prints_as_attrs_prints_it(arguments: tuple[Any]) -> None:
    printed = repr(Compiled(*arguments)).replace("Compiled", "Plain")
    assert repr(Plain(*arguments)) == printed


def test_another_class_is_never_equal() -> None:
    assert Plain(1) != Further(1)
    assert Further(1) != Plain(1)
    assert Plain(1) != (1, 2, 4)
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Further(1)) == "Further(a=1, c=3, d=<4>, e=5)"


def test_what_cannot_be_hashed_is_told_as_ever() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Plain([]))


def test_one_that_holds_itself_prints_an_end() -> None:
    rows: list[Any] = []
    rows.append(Plain(rows))
    assert "..." in repr(rows[0])


def test_evolve_and_pickle_keep_what_compares() -> None:
    assert attrs.evolve(Plain(1), a=7) == Plain(7)
    assert pickle.loads(pickle.dumps(Plain(1))) == Plain(1)


ROOMS = {"sandbox", "drift", "probe", "testing", "cli", "otel"}


def attrs_classes() -> dict[str, Any]:
    """Return the attrs classes of the client's own rooms by their full names."""
    found: dict[str, Any] = {}
    for module in pkgutil.walk_packages(kalshi_ext.__path__, "kalshi_ext."):
        if module.name.split(".")[1] in ROOMS | {"__main__"}:
            continue
        for name, value in vars(import_module(module.name)).items():
            own = inspect.isclass(value) and value.__module__ == module.name
            if own and "__attrs_attrs__" in vars(value):
                found[f"{module.name}.{name}"] = value
    return found


def test_no_class_of_the_client_has_methods_compiled_that_the_bases_have() -> None:
    compiled = {
        f"{name}.{method}"
        for name, kind in attrs_classes().items()
        for method in ("__eq__", "__repr__", "__hash__")
        if "attrs generated" in repr(getattr(vars(kind).get(method), "__code__", None))
    }
    assert compiled == set()
