"""The command line: python3 -m tally [--top N] [--ignore WORD] [FILE ...]"""

import argparse
import sys
from pathlib import Path

from tally.chart import draw
from tally.words import count, top


def parser():
    """The options that tally takes."""
    options = argparse.ArgumentParser(prog="tally", description="Counts the words of a text.")
    options.add_argument("files", metavar="FILE", nargs="*", help="files to read (standard input)")
    options.add_argument("--top", metavar="N", type=int, default=10, help="how many words to show (10)")
    options.add_argument("--ignore", metavar="WORD", action="append", default=[], help="leave a word out")
    return options


def main(arguments=None):
    """Runs tally and returns its exit code."""
    options = parser().parse_args(arguments)
    if options.files:
        text = "\n".join(Path(name).read_text(encoding="utf-8") for name in options.files)
    else:
        text = sys.stdin.read()
    lines = draw(top(count(text, options.ignore), options.top))
    for line in lines:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
