"""The only way out of a container: git and the model."""
