"""How long what is kept of a call is kept, and what wins when it should be destroyed: pure."""
