"""Text that can be shown, whatever a program has put into it."""

from __future__ import annotations

import re

_UNSHOWABLE = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)|[@-_])?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` without what no message can show: terminals' colours, control characters, halves of pairs."""
    text = re.sub(r"\r\n?|[\x85\u2028\u2029]", "\n", text)
    return _SURROGATE.sub("\ufffd", _UNSHOWABLE.sub("", text))
