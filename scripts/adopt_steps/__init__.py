"""The steps of taking a new contract in; see scripts/adopt.py."""
