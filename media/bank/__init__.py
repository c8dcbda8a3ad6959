"""The media plane as arrays: one row a leg, one pass over all legs every 20 ms."""
