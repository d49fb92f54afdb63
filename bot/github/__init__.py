"""GitHub as the place where repositories live."""
