"""Trade on the Kalshi exchange."""
