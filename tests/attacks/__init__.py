"""Each attack on a consent, with the real thing: what must not be possible is tried."""
