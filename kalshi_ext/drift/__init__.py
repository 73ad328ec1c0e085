"""Compare two contracts, and say what a difference means for whoever trades with this package."""
