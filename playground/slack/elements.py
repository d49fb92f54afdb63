"""Checks of the parts of Block Kit blocks: text objects, buttons, selects, rich text. Pure.

Limits and allowed properties are those of Slack's Block Kit reference.
"""

from __future__ import annotations

from collections.abc import Callable

from playground.slack.shapes import JsonObject, JsonValue

BUTTON_TEXT = 75
BUTTON_VALUE = 2000
OPTION_TEXT = 75
OPTION_VALUE = 150
PLACEHOLDER = 150
OPTIONS = 100
OVERFLOW_OPTIONS = 5
IDENTIFIER = 255
URL = 3000
ALT_TEXT = 2000
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
MAX_INDENT = 8

_STYLES = frozenset({"primary", "danger"})
_BUTTON = frozenset({"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"})
_SELECT = frozenset(
    [
        "type",
        "placeholder",
        "options",
        "option_groups",
        "action_id",
        "initial_option",
        "confirm",
        "focus_on_load",
    ]
)
_OVERFLOW = frozenset({"type", "options", "action_id", "confirm"})
_IMAGE = frozenset({"type", "image_url", "slack_file", "alt_text"})
_TEXT_STYLE = frozenset(
    ["bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"]
)
_INLINE: dict[str, tuple[frozenset[str], frozenset[str]]] = {  # type: (required, optional)
    "text": (frozenset({"text"}), frozenset({"style"})),
    "link": (frozenset({"url"}), frozenset({"text", "unsafe", "style"})),
    "emoji": (frozenset({"name"}), frozenset({"unicode", "skin_tone", "style", "url"})),
    "user": (frozenset({"user_id"}), frozenset({"style"})),
    "usergroup": (frozenset({"usergroup_id"}), frozenset({"style"})),
    "channel": (frozenset({"channel_id"}), frozenset({"style"})),
    "broadcast": (frozenset({"range"}), frozenset({"style"})),
    "color": (frozenset({"value"}), frozenset({"style"})),
    "date": (frozenset({"timestamp", "format"}), frozenset({"url", "fallback", "style"})),
    "team": (frozenset({"team_id"}), frozenset({"style"})),
}


class Inspection:
    """Collects what is wrong, each with the JSON pointer of the place, in Slack's wording."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def wrong(self, what: str, pointer: str) -> None:
        self.messages.append(f"{what} [json-pointer:{pointer}]")

    def object(self, value: JsonValue, pointer: str) -> JsonObject | None:
        if isinstance(value, dict):
            return value
        self.wrong("must be an object", pointer)
        return None

    def keys(self, value: JsonObject, allowed: frozenset[str], pointer: str) -> None:
        for key in value:
            if key not in allowed:
                self.wrong(f"invalid additional property: {key}", pointer)

    def string(
        self, owner: JsonObject, key: str, pointer: str, most: int, *, least: int = 1, required: bool = True
    ) -> str | None:
        """The string under the key when it is one of the allowed length, else None and a problem."""
        if key not in owner:
            if required:
                self.wrong(f"missing required field: {key}", pointer)
            return None
        value = owner[key]
        if not isinstance(value, str):
            self.wrong("must be a string", f"{pointer}/{key}")
        elif len(value) > most:
            self.wrong(f"must be less than {most + 1} characters", f"{pointer}/{key}")
        elif len(value) < least:
            self.wrong(f"must be more than {least - 1} characters", f"{pointer}/{key}")
        else:
            return value
        return None

    def items(
        self, owner: JsonObject, key: str, pointer: str, most: int | None, *, least: int = 1
    ) -> list[JsonValue]:
        """The array under the key, empty (and a problem) when it is missing, too short or too long."""
        value = owner.get(key)
        if key not in owner:
            self.wrong(f"missing required field: {key}", pointer)
        elif not isinstance(value, list):
            self.wrong("must be an array", f"{pointer}/{key}")
        elif most is not None and len(value) > most:
            self.wrong(f"no more than {most} items allowed", f"{pointer}/{key}")
        elif len(value) < least:
            self.wrong(f"no less than {least} items allowed", f"{pointer}/{key}")
        else:
            return value
        return []


def check_text(
    seen: Inspection,
    owner: JsonObject,
    key: str,
    pointer: str,
    most: int,
    *,
    plain: bool,
    required: bool = True,
) -> None:
    """A text object under the key: `plain_text` where `plain`, else either type, of 1 to `most` characters."""
    if key not in owner:
        if required:
            seen.wrong(f"missing required field: {key}", pointer)
        return
    check_text_object(seen, owner[key], f"{pointer}/{key}", most, plain=plain)


def check_text_object(seen: Inspection, value: JsonValue, pointer: str, most: int, *, plain: bool) -> None:
    text = seen.object(value, pointer)
    if text is None:
        return
    kind = text.get("type")
    if kind == "plain_text":
        seen.keys(text, frozenset({"type", "text", "emoji"}), pointer)
    elif kind == "mrkdwn" and not plain:
        seen.keys(text, frozenset({"type", "text", "verbatim"}), pointer)
    else:
        seen.wrong("must be a valid text object type", f"{pointer}/type")
        return
    seen.string(text, "text", pointer, most)


def check_element(seen: Inspection, value: JsonValue, pointer: str, allowed: frozenset[str]) -> None:
    """A button, static_select, overflow or image, where the block allows it."""
    element = seen.object(value, pointer)
    if element is None:
        return
    kind = element.get("type")
    check = _ELEMENTS.get(kind) if isinstance(kind, str) and kind in allowed else None
    if check is None:
        seen.wrong(f"unsupported type: {kind}", f"{pointer}/type")
        return
    check(seen, element, pointer)


def _button(seen: Inspection, element: JsonObject, pointer: str) -> None:
    seen.keys(element, _BUTTON, pointer)
    check_text(seen, element, "text", pointer, BUTTON_TEXT, plain=True)
    seen.string(element, "action_id", pointer, IDENTIFIER, required=False)
    seen.string(element, "url", pointer, URL, required=False)
    seen.string(element, "value", pointer, BUTTON_VALUE, least=0, required=False)
    seen.string(element, "accessibility_label", pointer, BUTTON_TEXT, required=False)
    if "style" in element and element["style"] not in _STYLES:
        seen.wrong("must be one of: primary, danger", f"{pointer}/style")
    _confirm(seen, element, pointer)


def _select(seen: Inspection, element: JsonObject, pointer: str) -> None:
    seen.keys(element, _SELECT, pointer)
    check_text(seen, element, "placeholder", pointer, PLACEHOLDER, plain=True, required=False)
    seen.string(element, "action_id", pointer, IDENTIFIER, required=False)
    _confirm(seen, element, pointer)
    if "options" in element and "option_groups" in element:
        seen.wrong("only one of options, option_groups is allowed", pointer)
        return
    options: list[JsonValue] = []
    if "option_groups" in element:
        for index, item in enumerate(seen.items(element, "option_groups", pointer, OPTIONS)):
            where = f"{pointer}/option_groups/{index}"
            group = seen.object(item, where)
            if group is not None:
                check_text(seen, group, "label", where, OPTION_TEXT, plain=True)
                options += _options(seen, group, where, OPTIONS)
    else:
        options = _options(seen, element, pointer, OPTIONS)
    if "initial_option" in element and element["initial_option"] not in options:
        seen.wrong("must be one of the provided options", f"{pointer}/initial_option")


def _overflow(seen: Inspection, element: JsonObject, pointer: str) -> None:
    seen.keys(element, _OVERFLOW, pointer)
    seen.string(element, "action_id", pointer, IDENTIFIER, required=False)
    _options(seen, element, pointer, OVERFLOW_OPTIONS)
    _confirm(seen, element, pointer)


def _image(seen: Inspection, element: JsonObject, pointer: str) -> None:
    seen.keys(element, _IMAGE, pointer)
    check_picture(seen, element, pointer)


def check_picture(seen: Inspection, owner: JsonObject, pointer: str) -> None:
    """What image blocks and image elements share: one source and a text for who can't see it."""
    if ("image_url" in owner) == ("slack_file" in owner):
        seen.wrong("exactly one of image_url, slack_file is required", pointer)
    seen.string(owner, "image_url", pointer, URL, required=False)
    seen.string(owner, "alt_text", pointer, ALT_TEXT)


def _options(seen: Inspection, owner: JsonObject, pointer: str, most: int) -> list[JsonValue]:
    options = seen.items(owner, "options", pointer, most)
    for index, item in enumerate(options):
        where = f"{pointer}/options/{index}"
        option = seen.object(item, where)
        if option is None:
            continue
        seen.keys(option, frozenset({"text", "value", "description", "url"}), where)
        check_text(seen, option, "text", where, OPTION_TEXT, plain=True)
        seen.string(option, "value", where, OPTION_VALUE)
        check_text(seen, option, "description", where, OPTION_TEXT, plain=True, required=False)
        seen.string(option, "url", where, URL, required=False)
    return options


def _confirm(seen: Inspection, element: JsonObject, pointer: str) -> None:
    if "confirm" not in element:
        return
    where = f"{pointer}/confirm"
    confirm = seen.object(element["confirm"], where)
    if confirm is None:
        return
    seen.keys(confirm, frozenset({"title", "text", "confirm", "deny", "style"}), where)
    check_text(seen, confirm, "title", where, CONFIRM_TITLE, plain=True)
    check_text(seen, confirm, "text", where, CONFIRM_TEXT, plain=False)
    check_text(seen, confirm, "confirm", where, CONFIRM_BUTTON, plain=True)
    check_text(seen, confirm, "deny", where, CONFIRM_BUTTON, plain=True)
    if "style" in confirm and confirm["style"] not in _STYLES:
        seen.wrong("must be one of: primary, danger", f"{where}/style")


def check_rich_text(seen: Inspection, block: JsonObject, pointer: str) -> None:
    """The elements of a rich_text block."""
    for index, item in enumerate(seen.items(block, "elements", pointer, None)):
        where = f"{pointer}/elements/{index}"
        element = seen.object(item, where)
        if element is None:
            continue
        kind = element.get("type")
        if kind in ("rich_text_section", "rich_text_quote"):
            _inlines(seen, element, where)
        elif kind == "rich_text_preformatted":
            _inlines(seen, element, where, frozenset({"text", "link"}))
        elif kind == "rich_text_list":
            _rich_list(seen, element, where)
        else:
            seen.wrong(f"unsupported type: {kind}", f"{where}/type")


def _rich_list(seen: Inspection, element: JsonObject, pointer: str) -> None:
    if element.get("style") not in ("bullet", "ordered"):
        seen.wrong("must be one of: bullet, ordered", f"{pointer}/style")
    indent = element.get("indent", 0)
    if not isinstance(indent, int) or not 0 <= indent <= MAX_INDENT:
        seen.wrong(f"must be a number from 0 to {MAX_INDENT}", f"{pointer}/indent")
    for index, item in enumerate(seen.items(element, "elements", pointer, None)):
        where = f"{pointer}/elements/{index}"
        section = seen.object(item, where)
        if section is None:
            continue
        if section.get("type") != "rich_text_section":
            seen.wrong(f"unsupported type: {section.get('type')}", f"{where}/type")
            continue
        _inlines(seen, section, where)


def _inlines(
    seen: Inspection, element: JsonObject, pointer: str, kinds: frozenset[str] = frozenset(_INLINE)
) -> None:
    for index, item in enumerate(seen.items(element, "elements", pointer, None, least=0)):
        where = f"{pointer}/elements/{index}"
        inline = seen.object(item, where)
        if inline is None:
            continue
        kind = inline.get("type")
        if not isinstance(kind, str) or kind not in kinds:
            seen.wrong(f"unsupported type: {kind}", f"{where}/type")
            continue
        required, optional = _INLINE[kind]
        seen.keys(inline, required | optional | {"type"}, where)
        for key in sorted(required - inline.keys()):
            seen.wrong(f"missing required field: {key}", where)
        if kind == "text":
            seen.string(inline, "text", where, 40_000, required=False)
        style = inline.get("style")
        if isinstance(style, dict):
            seen.keys(style, _TEXT_STYLE, f"{where}/style")
        elif style is not None:
            seen.wrong("must be an object", f"{where}/style")


_ELEMENTS: dict[str, Callable[[Inspection, JsonObject, str], None]] = {
    "button": _button,
    "static_select": _select,
    "overflow": _overflow,
    "image": _image,
}
