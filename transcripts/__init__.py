"""What was said, and what was heard."""
