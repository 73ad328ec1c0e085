"""A local page that shows the exchange to its owner, served by the admin side."""
