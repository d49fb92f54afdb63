import contextlib
import io
import tempfile
import unittest
from pathlib import Path

from tally.__main__ import main


def run(text, *options):
    """What tally prints for a file with this text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "text.txt")
        file.write_text(text, encoding="utf-8")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            main([str(file), *options])
    return output.getvalue()


class Command(unittest.TestCase):
    def test_words_with_counts_and_bars(self):
        self.assertEqual(run("go go stop"), "go    2  ########\nstop  1  ####\n")

    def test_top_limits_the_list(self):
        self.assertEqual(run("go go stop", "--top", "1"), "go  2  ########\n")

    def test_nothing_for_an_empty_text(self):
        self.assertEqual(run(""), "")


if __name__ == "__main__":
    unittest.main()
