"""Between people's words and Slack's control sequences, in both directions."""

from __future__ import annotations

import re

JOINER = "\N{WORD JOINER}"  # takes no room and breaks no line

_CONTROL = re.compile(r"<([^<>\n]{1,3000})>")
_PING = re.compile(r"(?i)(@|&#0*64;|&#x0*40;|&commat;)(?=(?:channel|here|everyone)\b)")
_ANGLE = re.compile(r"(?i)(<|&lt;|&#0*60;|&#x0*3c;)(?=[!@#])")
_IMAGE = re.compile(r"!(?=\[)")


def escape(text: str) -> str:
    """Plain text as Slack's mrkdwn shows it: its three control characters become entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_text(text: str, bot_user_id: str) -> str:
    """What a person typed: the first mention of the bot is removed, addresses and entities are as they were.

    Slack: "Formatting text for app surfaces", retrieving messages.
    """
    mention = re.compile(rf"[ \t]*<@{re.escape(bot_user_id)}(?:\|[^<>\n]*)?>[ \t]*[:,]?[ \t]*")
    without = mention.sub(" ", text, count=1)
    typed = _CONTROL.sub(_typed, without)
    return typed.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()


def _typed(match: re.Match[str]) -> str:
    target, _, label = match[1].partition("|")
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        return f"@{label.lstrip('@') or target[1:].split('^')[0]}"
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if "://" in target or target.startswith("mailto:"):
        address = target.removeprefix("mailto:")
        return (
            address
            if not label or label in (address, target) or address.endswith(label)
            else f"{label} ({address})"
        )
    return match[0]


def disarm(markdown: str) -> str:
    """Model text for a `markdown` block: it can ping nobody and load nothing, and reads the same.

    A word joiner breaks every sequence that Slack would resolve (`<!here>`, `<@U…>`, `@channel`); images
    become links.
    """
    calm = _PING.sub(rf"\1{JOINER}", markdown)
    calm = _ANGLE.sub(rf"\1{JOINER}", calm)
    return _IMAGE.sub("", calm)
