"""Measurements: each module prints a table of its own."""
