"""SIP (RFC 3261) without I/O: bytes and the time go in, bytes and events come out."""
