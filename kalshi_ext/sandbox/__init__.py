"""Run a test exchange that speaks both contracts on loopback."""
