"""Recorders of others (SIPREC): a call's two voices go to them, through the gate of our own."""
