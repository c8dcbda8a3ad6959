"""Lines: what any line can say and be told."""
