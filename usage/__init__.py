"""What people may spend and have spent."""
