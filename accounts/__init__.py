"""People: who they are, how they get in."""
