"""Legal holds, erasure and expiry of calls: rows, reducers, and the shell that destroys."""
