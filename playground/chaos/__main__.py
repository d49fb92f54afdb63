"""`python -m playground.chaos`."""

from playground.chaos.cli import app

app()
