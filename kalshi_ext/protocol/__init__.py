"""The protocol, without I/O: what is sent, when it is retried, what answers mean."""
