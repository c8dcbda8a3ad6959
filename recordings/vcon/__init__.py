"""A call as a vCon (draft-ietf-vcon-vcon-core, syntax 0.4.0): built, signed, encrypted, opened."""
