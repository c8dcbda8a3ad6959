"""Samples and packets: knows nothing of calls."""
