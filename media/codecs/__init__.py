"""Codecs between wire bytes and 16-bit samples."""
