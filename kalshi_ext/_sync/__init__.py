# Derived from kalshi_ext/_async/__init__.py by scripts/unasync.py; do not edit.
"""The client for threads."""
