"""Where a browser goes after signing in: one of Heddle's own pages, whatever the address says."""

from __future__ import annotations

import re

_BELOW = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}){1,8}")
LONGEST = 500


def own_path(text: str, root: str) -> str:
    """`text` if it is a plain path below `root` (`/` or `/heddle/`), else empty.

    Plain: names joined by single slashes, without query, escapes, dots at the start of a name or backslashes. So no
    way of reading it leads to another host, and `..` leads nowhere.
    """
    prefix = root.rstrip("/")
    if len(text) > LONGEST or not text.startswith(f"{prefix}/"):
        return ""
    return text if _BELOW.fullmatch(text[len(prefix) :]) else ""
