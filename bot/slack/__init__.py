"""Slack as a platform: deliveries in, reports out."""
