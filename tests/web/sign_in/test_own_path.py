"""Where a browser may be sent after signing in."""

from __future__ import annotations

import pytest

from web.sign_in.path import own_path


@pytest.mark.parametrize(
    ("text", "root", "path"),
    [
        ("/code/abc", "/", "/code/abc"),
        ("/heddle/code/abc", "/heddle/", "/heddle/code/abc"),
        ("/code/abc", "/heddle/", ""),
        ("/heddlecode/abc", "/heddle/", ""),
        ("/heddle//code", "/heddle/", ""),
        ("/heddle/../code", "/heddle/", ""),
        ("/", "/", ""),
        ("", "/", ""),
        ("/code/é", "/", ""),
        ("/code/a\n", "/", ""),
    ],
)
def test_own_path(text: str, root: str, path: str) -> None:
    assert own_path(text, root) == path
