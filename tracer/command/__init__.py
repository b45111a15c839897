"""The command: its options, what it says to a person, and the session of one process."""
