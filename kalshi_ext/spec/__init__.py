"""Read, normalise, overlay and check OpenAPI documents of the exchange."""
