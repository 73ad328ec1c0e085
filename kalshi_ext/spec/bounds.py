"""How much of a document is read before it is called hostile.

The exchange's full document has about 120 operations, half a megabyte and 60,000 values at
a depth of 20: each bound leaves roughly ten times that.
"""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_NODES: Final = 500_000
MAX_DEPTH: Final = 100
