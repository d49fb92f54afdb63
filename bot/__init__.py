"""People: Slack and GitHub as conversations, what a message asks for, how progress reads."""
