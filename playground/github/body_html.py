"""Bodies and comments as GitHub's API gives them as HTML: as on the page, with images that their reader can see."""

from __future__ import annotations

import re
from html import escape, unescape

from playground.github.hub import Hub
from playground.github.pages.markdown import render, renderer
from playground.github.repositories import Repository

_IMAGE = re.compile(r'(<img\b[^>]*?\bsrc=")([^"]*)"')


def body_html(hub: Hub, repository: Repository, text: str | None) -> str:
    """Markdown as HTML. An image that was attached here has an address that works without signing in, for a while."""

    def signed(image: re.Match[str]) -> str:
        address = hub.attachments.signed(unescape(image[2]), hub.url)
        return f'{image[1]}{escape(address)}"'

    html = render(renderer(), text, repository=repository.full_name, origin=hub.url)
    return _IMAGE.sub(signed, str(html)).strip()
