from __future__ import annotations

from hypothesis import settings

# Time is never asserted: a busy machine must not fail a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
