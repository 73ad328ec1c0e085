"""The client for asyncio, written by hand; `_sync` is derived from it by scripts/unasync.py."""
