from __future__ import annotations

from case_samples import load_settings
from hypothesis import HealthCheck

load_settings(suppress_health_check=[HealthCheck.too_slow])
