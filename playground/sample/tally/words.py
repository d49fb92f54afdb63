"""Splitting a text into words and counting them."""

import re
from collections import Counter

WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def split(text):
    """The words of a text in their order, in lower case."""
    return [word.replace("\u2019", "'") for word in WORD.findall(text.casefold())]


def count(text, ignored=()):
    """How often each word of a text occurs, the ignored ones left out."""
    unwanted = {word.casefold() for word in ignored}
    return Counter(word for word in split(text) if word not in unwanted)


def top(counts, limit):
    """The most frequent words with their counts, at most `limit`; equal counts in alphabetical order."""
    ranked = sorted(counts.items(), key=lambda entry: (entry[1], entry[0]), reverse=True)
    return ranked[:limit]
