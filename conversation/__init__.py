"""The agent: who has the floor, what is said, what is done."""
