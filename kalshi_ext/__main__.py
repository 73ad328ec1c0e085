"""Run `python -m kalshi_ext`."""

from kalshi_ext.cli import main

main()
