"""The durable state plane: typed rows, reducers, one log."""
