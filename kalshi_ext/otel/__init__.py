"""OpenTelemetry for a client: traces and metrics, made of its events and of nothing else.

    client = Kalshi.from_env(on_event=OpenTelemetry())
    instrument(client)                                   a client that was made elsewhere

Needs the extra `otel` (opentelemetry-api); what is exported, and where to, is the program's to set
up with opentelemetry-sdk. Without an SDK nothing is recorded.
"""

from kalshi_ext.errors import INSTALL

try:
    from kalshi_ext.otel.listener import OpenTelemetry, instrument
except ModuleNotFoundError as error:
    raise ImportError(
        f"kalshi_ext.otel needs opentelemetry-api ({error}); {INSTALL.format(extra='otel')}"
    ) from error

__all__ = ["OpenTelemetry", "instrument"]
