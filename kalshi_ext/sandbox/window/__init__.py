"""Show the exchange to its owner: one local page, served by the admin side."""
