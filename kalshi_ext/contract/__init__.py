"""What the exchange's documents say, as data derived by `make generate`. No behaviour."""
