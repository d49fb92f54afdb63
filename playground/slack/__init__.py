"""A Slack that listens on loopback."""
