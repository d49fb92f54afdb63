import unittest

from tally.words import count, split, top


class Split(unittest.TestCase):
    def test_case_does_not_matter(self):
        self.assertEqual(split("The the THE"), ["the", "the", "the"])

    def test_apostrophes_belong_to_words(self):
        self.assertEqual(split("don't 'quote' don\u2019t"), ["don't", "quote", "don't"])

    def test_digits_are_no_words(self):
        self.assertEqual(split("route 66"), ["route"])


class Count(unittest.TestCase):
    def test_ignored_words_are_left_out(self):
        self.assertEqual(count("a b a", ignored=["B"]), {"a": 2})


class Top(unittest.TestCase):
    def test_frequent_words_come_first(self):
        self.assertEqual(top({"rare": 1, "common": 3}, 2), [("common", 3), ("rare", 1)])

    def test_ties_come_in_alphabetical_order(self):
        self.assertEqual(top({"pear": 1, "apple": 1, "fig": 2}, 3), [("fig", 2), ("apple", 1), ("pear", 1)])

    def test_no_more_than_asked_for(self):
        self.assertEqual(len(top({"a": 3, "b": 2, "c": 1}, 2)), 2)


if __name__ == "__main__":
    unittest.main()
