"""GitHub's REST API: `route` is the frame, every other module a resource with its shapes and its routes."""
