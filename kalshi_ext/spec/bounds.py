"""How much of a document is read before it is called hostile.

The exchange's full document has about 120 operations in half a megabyte, some 20,000 values at
a depth of 20. The bounds leave several times that; YAML at the bounds takes about ten seconds.
"""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 100
