"""Signatures as a library: bytes in, bytes out. It knows nothing of the gateway."""
