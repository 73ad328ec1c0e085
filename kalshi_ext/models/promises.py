"""Fields that a contract promises, typed without None."""

from __future__ import annotations

from typing import Any, Final

# The default of a field that the current contract requires: `price: Decimal = PROMISED`. Its type
# has no None, so that `fill.price * fill.count` needs no check. It is None all the same where the
# exchange broke the promise (absent or unreadable: counted in `client.drift()`, and arithmetic with
# it is a TypeError, never a wrong sum), and in the classic contract where 2.x had no such field.
# Identity, direction, status and counts of a row are never None: without them there is no row.
PROMISED: Final[Any] = None
