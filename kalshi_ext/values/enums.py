"""Open enums: a member the exchange adds tomorrow is a value, not an error.

The contract changes about weekly (documented), and one new word in one row must not cost a page.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

__all__ = ["OpenEnum"]


class OpenEnum(StrEnum):
    """A text of a known set, or any other text as a member without a name.

    Unknown members keep their text in `.value`, compare and hash by it, pickle and copy, and have
    `.known` False. They are not listed when the class is iterated.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        # Not registered in the class: texts from outside would make it grow without bound.
        member = str.__new__(cls, value)
        member._name_ = ""
        member._value_ = str(value)
        return member

    @property
    def known(self) -> bool:
        """Whether the contract names this member."""
        return self._name_ != ""

    # By text: two members of one unknown text are two objects.
    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self._name_ or 'unknown'}: {self._value_!r}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value_,)  # by value: an unknown member has no name to look up

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self
