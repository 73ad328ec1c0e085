"""Mutations and rewrites of the contracts with verdicts reasoned here, not asked of the tool.

Nothing in this package imports the differ except `verdicts`, which runs it.
"""
