"""Checks of a message's Block Kit blocks, as Slack checks them. Pure.

Limits are those of Slack's Block Kit reference; a block type that this stand-in does not know is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from playground.slack.elements import (
    IDENTIFIER,
    Inspection,
    check_element,
    check_picture,
    check_rich_text,
    check_text,
    check_text_object,
)
from playground.slack.records import elements_of, visible_texts
from playground.slack.shapes import JsonObject, JsonValue, as_text

BLOCKS = 50
SECTION_TEXT = 3000
SECTION_FIELDS = 10
SECTION_FIELD = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
ACTIONS_ELEMENTS = 25
IMAGE_TITLE = 2000
MARKDOWN_TEXT = 12_000  # of all markdown blocks of a message together
# Not in the reference: Slack counts all text of a message's blocks plus about 125 a block, and refuses above
# this, which app authors measured as 13,297 characters in one markdown block and 125 fewer with a divider.
ALL_TEXT = 13_422
BLOCK_WEIGHT = 125

_IN_ACTIONS = frozenset({"button", "static_select", "overflow"})
_AS_ACCESSORY = _IN_ACTIONS | {"image"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What Slack says of blocks: `error` is empty when they are fine; `messages` name each wrong place."""

    error: str = ""
    messages: tuple[str, ...] = ()


def check_blocks(value: JsonValue) -> Verdict:
    """Judge what an app sent as `blocks`, already decoded from JSON."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return Verdict("invalid_blocks_format")
    seen = Inspection()
    if len(value) > BLOCKS:
        seen.wrong(f"no more than {BLOCKS} items allowed", "/blocks")
    blocks = [item for item in value if isinstance(item, dict)]
    for index, block in enumerate(blocks):
        _check_block(seen, block, f"/blocks/{index}")
    _check_identifiers(seen, blocks)
    if seen.messages:
        return Verdict("invalid_blocks", tuple(seen.messages))
    markdown = sum(len(as_text(block.get("text"))) for block in blocks if block.get("type") == "markdown")
    weight = sum(map(len, visible_texts(value))) + BLOCK_WEIGHT * len(blocks)
    if markdown > MARKDOWN_TEXT or weight > ALL_TEXT:
        return Verdict("msg_blocks_too_long")
    return Verdict()


def with_identifiers(blocks: Iterable[JsonObject], new_id: Callable[[], str]) -> tuple[JsonObject, ...]:
    """The blocks as Slack stores them: every block has a block_id, every button and select an action_id.

    A markdown block's own block_id is not kept, as Slack's reference says.
    """
    return tuple(_with_identifiers(block, new_id) for block in blocks)


def _with_identifiers(block: JsonObject, new_id: Callable[[], str]) -> JsonObject:
    named: JsonObject = dict(block)
    if block.get("type") == "markdown" or not block.get("block_id"):
        named["block_id"] = new_id()
    elements: list[JsonValue] = []
    for element in elements_of(block):
        interactive = element.get("type") in _IN_ACTIONS
        elements.append({"action_id": new_id(), **element} if interactive else element)
    if block.get("type") == "actions":
        named["elements"] = elements
    elif elements:
        named["accessory"] = elements[0]
    return named


def _check_block(seen: Inspection, block: JsonObject, pointer: str) -> None:
    kind = block.get("type")
    spec = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if spec is None:
        seen.wrong(f"unsupported type: {kind}", f"{pointer}/type")
        return
    allowed, check = spec
    seen.keys(block, allowed | {"type", "block_id"}, pointer)
    seen.string(block, "block_id", pointer, IDENTIFIER, least=0, required=False)
    check(seen, block, pointer)


def _check_identifiers(seen: Inspection, blocks: list[JsonObject]) -> None:
    names: set[str] = set()
    for index, block in enumerate(blocks):
        name = as_text(block.get("block_id"))
        if name and name in names:
            seen.wrong(f"`block_id` {name} already exists", f"/blocks/{index}/block_id")
        names.add(name)
        actions: set[str] = set()
        for position, element in enumerate(elements_of(block)):
            action = as_text(element.get("action_id"))
            if action and action in actions:
                seen.wrong(
                    f"`action_id` {action} already exists for block_id {name}",
                    f"/blocks/{index}/elements/{position}/action_id",
                )
            actions.add(action)


def _section(seen: Inspection, block: JsonObject, pointer: str) -> None:
    if "text" not in block and "fields" not in block:
        seen.wrong("missing required field: text", pointer)
    check_text(seen, block, "text", pointer, SECTION_TEXT, plain=False, required=False)
    if "fields" in block:
        for index, item in enumerate(seen.items(block, "fields", pointer, SECTION_FIELDS)):
            check_text_object(seen, item, f"{pointer}/fields/{index}", SECTION_FIELD, plain=False)
    if "accessory" in block:
        check_element(seen, block["accessory"], f"{pointer}/accessory", _AS_ACCESSORY)


def _context(seen: Inspection, block: JsonObject, pointer: str) -> None:
    for index, item in enumerate(seen.items(block, "elements", pointer, CONTEXT_ELEMENTS)):
        where = f"{pointer}/elements/{index}"
        if isinstance(item, dict) and item.get("type") == "image":
            check_element(seen, item, where, frozenset({"image"}))
        else:
            check_text_object(seen, item, where, SECTION_TEXT, plain=False)


def _actions(seen: Inspection, block: JsonObject, pointer: str) -> None:
    for index, item in enumerate(seen.items(block, "elements", pointer, ACTIONS_ELEMENTS)):
        check_element(seen, item, f"{pointer}/elements/{index}", _IN_ACTIONS)


def _header(seen: Inspection, block: JsonObject, pointer: str) -> None:
    check_text(seen, block, "text", pointer, HEADER_TEXT, plain=True)


def _markdown(seen: Inspection, block: JsonObject, pointer: str) -> None:
    seen.string(block, "text", pointer, ALL_TEXT * 10)


def _image(seen: Inspection, block: JsonObject, pointer: str) -> None:
    check_picture(seen, block, pointer)
    check_text(seen, block, "title", pointer, IMAGE_TITLE, plain=True, required=False)


def _divider(seen: Inspection, block: JsonObject, pointer: str) -> None:
    """A divider has nothing to check."""


_BLOCKS: dict[str, tuple[frozenset[str], Callable[[Inspection, JsonObject, str], None]]] = {
    "section": (frozenset({"text", "fields", "accessory", "expand"}), _section),
    "context": (frozenset({"elements"}), _context),
    "divider": (frozenset(), _divider),
    "actions": (frozenset({"elements"}), _actions),
    "header": (frozenset({"text"}), _header),
    "markdown": (frozenset({"text"}), _markdown),
    "rich_text": (frozenset({"elements"}), check_rich_text),
    "image": (frozenset({"image_url", "slack_file", "alt_text", "title"}), _image),
}
