"""Stand-ins for Slack, GitHub and the model: the demo and the tests use the same ones."""
