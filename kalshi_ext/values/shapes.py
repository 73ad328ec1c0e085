"""The base of the types of JSON: typing's own for type checkers, a bare class at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["TypedDict"]

if TYPE_CHECKING:
    from typing import TypedDict
else:

    class TypedDict:
        """A name with annotations, all that the library uses of such a type.

        typing compiles each annotation of a type by itself: of both contracts that took 5 ms, more
        than everything else in `contract/types`.
        """

        def __new__(cls, name: str, fields: dict[str, str], total: bool = True) -> type:
            """Make a type with fields that are no names of Python."""
            return type(name, (cls,), {"__annotations__": fields}, total=total)

        def __init_subclass__(cls, total: bool = True) -> None:
            """Take the word of a TypedDict."""
