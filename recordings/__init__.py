"""The sealed audio: vault, evidence, verification."""
