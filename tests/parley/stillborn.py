"""A child of the keeper which dies before it is told anything."""

raise SystemExit(1)
