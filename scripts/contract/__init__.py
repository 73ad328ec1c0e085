"""Make our contracts from the exchange's document: normal form, overlay, lint. See README.md."""
