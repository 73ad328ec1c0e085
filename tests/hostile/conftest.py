"""The journals of the hostile worlds borrow the PostgreSQL server of the journal's own tests."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "wire" / "journal"))
