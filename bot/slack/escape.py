"""Between people's words and Slack's control sequences, in both directions."""

from __future__ import annotations

import re

from bot.markdown import code_spans

IMAGE = "image"  # the label of an image that has none
JOINER = "\N{WORD JOINER}"  # takes no room and breaks no line

_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_CONTROL = re.compile(r"<([^<>\n]{1,3000})>|&(amp|lt|gt);")

_ANGLE = r"(?:<|&lt;?|&#0{0,6}60;|&#x0{0,6}3c;)"
_AT = r"(?:@|&#0{0,6}64;|&#x0{0,6}40;|&commat;)"
_PING = re.compile(rf"(?i)({_AT})(?=[*_~`]{{0,8}}(?:channel|here|everyone))")
# What Slack or a browser would follow is taken whole, so that nothing is put into the middle of an address.
_SEQUENCE = re.compile(
    rf"(?i)(?P<angle>{_ANGLE})"
    rf"(?=\\?(?:{_AT}|(?:!|&#0{{0,6}}33;|&#x0{{0,6}}21;|&excl;)(?!--|doctype\b|\[CDATA)"
    r"|(?:#|&#0{0,6}35;|&#x0{0,6}23;|&num;)[a-z0-9]))"
    rf"|(?P<address>https?://(?:(?!{_ANGLE})[^\s<>])+)|{_PING.pattern[4:].replace('(', '(?P<at>', 1)}"
)
_BADGE = re.compile(r"\[!\[([^\[\]]{0,500})\]\([^()\s]{0,2000}\)\](?=\()")
_IMAGE = re.compile(r"\\[\s\S]|!+\[(\](?=[(\[]))?")


def escape(text: str) -> str:
    """Plain text as Slack's mrkdwn shows it: its three control characters become entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def plain_text(text: str, bot_user_id: str) -> str:
    """What a person typed: the first mention of the bot is removed, addresses and entities are as they were.

    Mentions and channels read `@name` and `#name`, or their id where Slack sends no name. Slack:
    "Formatting text for app surfaces", retrieving messages.
    """
    mention = re.compile(
        rf"(?P<line>^[ \t]*)?(?P<space>[ \t]*)<@{re.escape(bot_user_id)}(?:\|[^<>\n]*)?>(?:[:,](?=\s|$))?[ \t]*",
        re.MULTILINE,
    )
    without = mention.sub(lambda match: match["line"] if match["line"] is not None else " ", text, count=1)
    return _CONTROL.sub(_typed, without).strip()


def _typed(match: re.Match[str]) -> str:
    if match[2]:
        return _ENTITIES[match[2]]
    target, _, label = (_unescaped(part) for part in match[1].partition("|"))
    if target.startswith("!date^"):
        return label or target
    if target.startswith(("#", "@", "!")):
        mark = "#" if target.startswith("#") else "@"
        return mark + (label.lstrip("@#") or target[1:].split("^")[-1])
    if target.startswith(("mailto:", "tel:")):
        return label or target.partition(":")[2]
    if "://" not in target:
        return f"<{_unescaped(match[1])}>"
    if label and target.rstrip("/") == f"http://{label}".rstrip("/"):
        return label  # Slack makes an address of whatever looks like one, `setup.py` for example
    return f"{label} ({target})" if label and label not in target else target


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def disarm(markdown: str) -> str:
    """Model text for a `markdown` block: it can ping nobody and load nothing, and reads the same.

    A word joiner breaks every sequence that Slack would resolve (`<!here>`, `<@U…>`, `@channel`), in any
    case and written with entities; inside an address, where it would lead elsewhere, such an `@` becomes
    `%40`. Images outside code become links. Doing it twice changes nothing more.
    """
    return _SEQUENCE.sub(_disarmed, _without_images(markdown))


def _disarmed(match: re.Match[str]) -> str:
    if match["address"]:
        return _PING.sub("%40", match["address"])
    return match[0] + JOINER


def _without_images(markdown: str) -> str:
    if "![" not in markdown:
        return markdown
    parts: list[str] = []
    position = 0
    for start, end in (*code_spans(markdown), (len(markdown), len(markdown))):
        words = _BADGE.sub(lambda match: f"[{match[1] or IMAGE}]", markdown[position:start])
        parts += (_IMAGE.sub(_as_link, words), markdown[start:end])
        position = end
    return "".join(parts)


def _as_link(match: re.Match[str]) -> str:
    if match[0].startswith("\\"):
        return match[0]
    return f"[{IMAGE}]" if match[1] else "["
