"""Signing in: by Slack, by GitHub, or by a link that is good once."""
