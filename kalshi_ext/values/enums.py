"""Enums that stay open: a member the exchange invents tomorrow is a value, not an error."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

__all__ = ["OpenEnum"]


class OpenEnum(StrEnum):
    """Hold one of the known texts, or an unknown one as an unnamed member.

    Unknown members keep their text in `.value`, compare and hash by it, pickle and copy, and
    say `.known` is False. They are not listed when the class is iterated.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = ""
        member._value_ = str(value)
        return member

    @property
    def known(self) -> bool:
        """Say whether the contract names this member."""
        return self._name_ != ""

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self._name_ or 'unknown'}: {self._value_!r}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[type[Self], tuple[str]]:
        return type(self), (self._value_,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self
