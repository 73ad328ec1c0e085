"""Lets these tests use the scripts as a checkout has them."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

for place in (HERE, ROOT / "scripts", ROOT / "tests" / "recorded", ROOT / "tests" / "contract"):
    if str(place) not in sys.path:
        sys.path.append(str(place))
