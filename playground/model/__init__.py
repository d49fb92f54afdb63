"""A model that follows a script, over the Messages API."""
