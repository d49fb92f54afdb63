"""A GitHub that listens on loopback."""
