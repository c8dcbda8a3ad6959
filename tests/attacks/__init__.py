"""Attacks on what the house promises, each made for real."""
