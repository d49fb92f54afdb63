"""`python -m playground.bench`, which scripts/bench becomes."""

from playground.bench.cli import app

app()
