"""What a page may load, by its policy, and what it does load."""

from __future__ import annotations

from html.parser import HTMLParser

from playground.visitor import Page


class Reader(HTMLParser):
    """What of a page a policy is about."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = list[str]()
        self.loaded = list[str]()
        self._data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.wrong += [f"{tag} {name}" for name in values if name.startswith("on") or name == "style"]
        self.wrong += [
            f"{tag} {value}" for value in values.values() if (value or "").startswith("javascript:")
        ]
        self._data = tag == "script" and values.get("type") == "application/json"
        if tag == "script" and "src" not in values and not self._data:
            self.wrong.append("an inline script")
        if tag in ("style", "iframe", "object", "embed", "base"):
            self.wrong.append(tag)
        for name in ("src", "srcset", "action", "poster", "data"):
            self.loaded += [values[name] or ""] if name in values else []
        if tag == "link":
            self.loaded.append(values.get("href") or "")


def policy_of(page: Page) -> dict[str, list[str]]:
    directives = [part.split() for part in page.headers["Content-Security-Policy"].split(";")]
    found = {name: values for name, *values in directives}
    assert len(found) == len(directives)  # of two of a name only the first counts
    return found
