"""The conversation with the exchange, without I/O: what is sent, when again, what answers mean."""
