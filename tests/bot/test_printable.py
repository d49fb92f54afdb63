from __future__ import annotations

import pytest

from bot.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m and \x1b]0;title\x07more", "red and more"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("nul\0 bell\a \ud800", "nul bell \ufffd"),
        ("🎉 is fine, and so is é", "🎉 is fine, and so is é"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
