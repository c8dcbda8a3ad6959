"""Deployed code: named sets of tables, reducers, rules and an agent, in versions."""
