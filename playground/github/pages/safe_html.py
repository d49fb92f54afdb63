"""HTML that somebody wrote, made fit to stand in a page: a short list of tags stays, the rest is shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

PLAIN = frozenset(
    {
        "a",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "input",
        "ins",
        "kbd",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "samp",
        "span",
        "strike",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "tt",
        "ul",
        "var",
    }
)
"""The tags that may stay, all of them without attributes unless `_attributes` lets them have some."""

VOID = frozenset({"br", "hr", "img", "input"})
SCHEMES = frozenset({"http", "https", "mailto"})
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")
_LANGUAGE = re.compile(r"language-[\w+#.-]{1,40}")
_ALIGNED = re.compile(r"text-align:(left|center|right)")
_START = re.compile(r"\d{1,9}")

Attributes = list[tuple[str, str | None]]
Sign = Callable[[str], str]


def clean(html: str, origin: str = "", sign: Sign = str) -> str:
    """Well-formed HTML with nothing in it that runs.

    origin: the server whose pictures may be shown. sign: adds to a picture's address what its reader needs.
    """
    cleaner = _Cleaner(origin, sign)
    cleaner.feed(html)
    cleaner.close()
    return cleaner.result()


def safe_link(address: str) -> str:
    """The address if following it is harmless, else nothing."""
    bare = _INVISIBLE.sub("", address)
    try:
        scheme = urlsplit(bare).scheme.lower()
    except ValueError:
        return ""
    if scheme in SCHEMES or (not scheme and ":" not in re.split(r"[/?#]", bare)[0]):
        return bare
    return ""


def local_picture(address: str, origin: str) -> bool:
    """Whether a picture comes from this server: nobody else should learn who looks at a page."""
    bare = _INVISIBLE.sub("", address).replace("\\", "/")
    if origin and bare.startswith(f"{origin}/"):
        return True
    return bare.startswith("/") and not bare.startswith("//")


class _Cleaner(HTMLParser):
    def __init__(self, origin: str, sign: Sign) -> None:
        super().__init__(convert_charrefs=True)
        self._origin = origin
        self._sign = sign
        self._parts: list[str] = []
        self._open: list[str] = []

    def set_cdata_mode(self, elem: str, **options: bool) -> None:
        """What a script holds is text here like everything else."""

    def result(self) -> str:
        """What was fed so far, with everything closed."""
        return "".join((*self._parts, *(f"</{tag}>" for tag in reversed(self._open))))

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if tag not in PLAIN:
            self._parts.append(escape(self.get_starttag_text() or f"<{tag}>"))
            return
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag == "img" and not local_picture(values.get("src", ""), self._origin):
            self._parts.append(_picture_elsewhere(values, inside_link="a" in self._open))
            return
        if tag == "input" and values.get("type", "").lower() != "checkbox":
            self._parts.append(escape(self.get_starttag_text() or "<input>"))
            return
        if tag == "img":
            values["src"] = self._sign(_INVISIBLE.sub("", values["src"]))
        kept = "".join(f' {name}="{escape(value)}"' for name, value in _attributes(tag, values).items())
        self._parts.append(f"<{tag}{kept}>")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        # Browsers take `<sub/>` for `<sub>`; so does this.
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in PLAIN:
            self._parts.append(escape(f"</{tag}>"))
        elif tag in self._open:
            while True:
                closed = self._open.pop()
                self._parts.append(f"</{closed}>")
                if closed == tag:
                    return

    def handle_data(self, data: str) -> None:
        self._parts.append(escape(data, quote=False))


def _picture_elsewhere(values: dict[str, str], *, inside_link: bool) -> str:
    address = safe_link(values.get("src", ""))
    label = escape(f"🖼 {values.get('alt') or address or 'image'}")
    if not address or inside_link:
        return label
    return f'<a href="{escape(address)}" rel="nofollow noopener noreferrer">{label}</a>'


def _attributes(tag: str, values: dict[str, str]) -> dict[str, str]:
    """The attributes that a tag keeps."""
    kept: dict[str, str] = {}
    match tag:
        case "a" if address := safe_link(values.get("href", "")):
            kept = {"href": address, "rel": "nofollow noopener noreferrer"}
        case "img":
            kept = {"src": values["src"], "alt": values.get("alt", ""), "loading": "lazy"}
            kept |= {
                name: values[name] for name in ("width", "height") if _START.fullmatch(values.get(name, ""))
            }
        case "input":
            kept = {"type": "checkbox", "disabled": ""} | ({"checked": ""} if "checked" in values else {})
            kept["aria-label"] = "done" if "checked" in values else "to do"
        case "details" if "open" in values:
            kept = {"open": ""}
        case "li" if values.get("class") == "task":
            kept = {"class": "task"}
        case "code" if _LANGUAGE.fullmatch(values.get("class", "")):
            kept = {"class": values["class"]}
        case "ol" if _START.fullmatch(values.get("start", "")):
            kept = {"start": values["start"]}
        case "td" | "th" if aligned := _ALIGNED.fullmatch(values.get("style", "")):
            kept = {"class": aligned[1]}
    if title := values.get("title"):
        kept["title"] = title
    return kept
