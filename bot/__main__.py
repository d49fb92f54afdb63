"""`python -m bot` is `heddle`."""

from bot.cli import main

main()
