"""The browser's side: HTTP routes over committed rows."""
