"""The 24 attacks on consent and the record, each with a test that is named after it."""
