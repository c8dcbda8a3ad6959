"""The whole server, against real peers and real misfortune."""
