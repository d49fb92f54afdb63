"""Drawing counts as lines of text."""

WIDTH = 8


def draw(entries):
    """One line per entry: the word, its count, and a bar as long as the count is large."""
    if not entries:
        return []
    longest = max(len(word) for word, _ in entries)
    digits = max(len(str(number)) for _, number in entries)
    most = max(number for _, number in entries)
    return [
        f"{word:<{longest}}  {number:>{digits}}  {'#' * max(1, round(WIDTH * number / most))}"
        for word, number in entries
    ]
