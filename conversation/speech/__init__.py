"""Speech engines behind one small interface, in a process of their own."""
