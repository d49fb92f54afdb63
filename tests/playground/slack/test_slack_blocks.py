"""Block Kit checks: each limit at its edge, and that nothing makes them stumble."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.slack.blocks import check_blocks, with_identifiers
from playground.slack.shapes import JsonObject, JsonValue


def plain(text: str) -> JsonObject:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> JsonObject:
    return {"type": "mrkdwn", "text": text}


def section(text: str, **more: JsonValue) -> JsonObject:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(text: str = "Go", **more: JsonValue) -> JsonObject:
    return {"type": "button", "text": plain(text), **more}


def actions(*elements: JsonValue, **more: JsonValue) -> JsonObject:
    return {"type": "actions", "elements": list(elements), **more}


def options(count: int, *, text: str = "one", value: str = "v") -> list[JsonValue]:
    return [{"text": plain(text), "value": f"{value}{index}"} for index in range(count)]


def select(**more: JsonValue) -> JsonObject:
    return {"type": "static_select", "options": options(2), **more}


def rich(*elements: JsonValue) -> JsonObject:
    return {"type": "rich_text", "elements": list(elements)}


def rich_section(*inlines: JsonValue) -> JsonObject:
    return {"type": "rich_text_section", "elements": list(inlines)}


CONFIRM: JsonObject = {
    "title": plain("Sure?"),
    "text": mrkdwn("*Really*?"),
    "confirm": plain("Yes"),
    "deny": plain("No"),
}

GOOD: dict[str, list[JsonValue]] = {
    "none": [],
    "fifty blocks": [{"type": "divider"}] * 50,
    "section of 3000": [section("x" * 3000)],
    "section with fields only": [{"type": "section", "fields": [mrkdwn("x" * 2000)] * 5}],
    "section with a button": [section("x", accessory=button())],
    "section with an image": [
        section("x", accessory={"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"})
    ],
    "header of 150": [{"type": "header", "text": plain("x" * 150)}],
    "markdown of 12000 in two": [{"type": "markdown", "text": "x" * 6000}] * 2,
    "25 buttons": [actions(*[button(action_id=f"a{n}") for n in range(25)])],
    "button at its limits": [
        actions(button("x" * 75, action_id="a" * 255, value="v" * 2000, style="danger", confirm=CONFIRM))
    ],
    "button with an empty value": [actions(button(value=""))],
    "ten in a context": [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    "100 options": [actions(select(options=options(100, value="v" * 140)))],
    "option groups": [
        actions({"type": "static_select", "option_groups": [{"label": plain("g"), "options": options(3)}]})
    ],
    "initial option": [actions(select(initial_option=options(2)[1]))],
    "overflow": [actions({"type": "overflow", "options": options(5)})],
    "rich text": [
        rich(
            rich_section(
                {"type": "text", "text": "x", "style": {"bold": True}}, {"type": "user", "user_id": "U1"}
            ),
            {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [rich_section()]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code"}]},
            {"type": "rich_text_quote", "elements": [{"type": "link", "url": "https://example.org"}]},
        )
    ],
    "image": [
        {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a", "title": plain("t")}
    ],
    "same action_id in two blocks": [actions(button(action_id="a")), actions(button(action_id="a"))],
}

BAD: dict[str, tuple[list[JsonValue], str]] = {
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
    "no type": ([{}], "unsupported type: None [json-pointer:/blocks/0/type]"),
    "unknown type": ([{"type": "carousel"}], "unsupported type: carousel [json-pointer:/blocks/0/type]"),
    "unknown property": (
        [section("x", color="red")],
        "invalid additional property: color [json-pointer:/blocks/0]",
    ),
    "section of 3001": (
        [section("x" * 3001)],
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "empty section": ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "section of nothing": ([{"type": "section"}], "missing required field: text [json-pointer:/blocks/0]"),
    "text that is a string": (
        [{"type": "section", "text": "hello"}],
        "must be an object [json-pointer:/blocks/0/text]",
    ),
    "11 fields": (
        [{"type": "section", "fields": [mrkdwn("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
    ),
    "field of 2001": (
        [{"type": "section", "fields": [mrkdwn("x" * 2001)]}],
        "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
    ),
    "header of 151": (
        [{"type": "header", "text": plain("x" * 151)}],
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ),
    "header in mrkdwn": (
        [{"type": "header", "text": mrkdwn("x")}],
        "must be a valid text object type [json-pointer:/blocks/0/text/type]",
    ),
    "empty markdown": (
        [{"type": "markdown", "text": ""}],
        "must be more than 0 characters [json-pointer:/blocks/0/text]",
    ),
    "26 buttons": (
        [actions(*[button(action_id=f"a{n}") for n in range(26)])],
        "no more than 25 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "no buttons": ([actions()], "no less than 1 items allowed [json-pointer:/blocks/0/elements]"),
    "button text of 76": (
        [actions(button("x" * 76))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
    ),
    "button value of 2001": (
        [actions(button(value="x" * 2001))],
        "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
    ),
    "action_id of 256": (
        [actions(button(action_id="x" * 256))],
        "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
    ),
    "button in mrkdwn": (
        [actions({"type": "button", "text": mrkdwn("x")})],
        "must be a valid text object type [json-pointer:/blocks/0/elements/0/text/type]",
    ),
    "button style": (
        [actions(button(style="default"))],
        "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    "image in actions": (
        [actions({"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"})],
        "unsupported type: image [json-pointer:/blocks/0/elements/0/type]",
    ),
    "11 in a context": (
        [{"type": "context", "elements": [mrkdwn("x")] * 11}],
        "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "101 options": (
        [actions(select(options=options(101)))],
        "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "option text of 76": (
        [actions(select(options=options(1, text="x" * 76)))],
        "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]",
    ),
    "option value of 151": (
        [actions(select(options=options(1, value="v" * 150)))],
        "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
    ),
    "foreign initial option": (
        [actions(select(initial_option=options(3)[2]))],
        "must be one of the provided options [json-pointer:/blocks/0/elements/0/initial_option]",
    ),
    "block_id of 256": (
        [section("x", block_id="b" * 256)],
        "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
    ),
    "block_id twice": (
        [section("x", block_id="b"), section("y", block_id="b")],
        "`block_id` b already exists [json-pointer:/blocks/1/block_id]",
    ),
    "action_id twice": (
        [actions(button(action_id="a"), button(action_id="a"), block_id="b")],
        "`action_id` a already exists for block_id b [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    "image without alt_text": (
        [{"type": "image", "image_url": "https://example.org/a.png"}],
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    "unknown rich element": (
        [rich({"type": "rich_text_table"})],
        "unsupported type: rich_text_table [json-pointer:/blocks/0/elements/0/type]",
    ),
    "unknown rich inline": (
        [rich(rich_section({"type": "blink"}))],
        "unsupported type: blink [json-pointer:/blocks/0/elements/0/elements/0/type]",
    ),
}


@pytest.mark.parametrize("blocks", GOOD.values(), ids=GOOD.keys())
def test_takes_what_slack_takes(blocks: list[JsonValue]) -> None:
    assert check_blocks(blocks).error == "", check_blocks(blocks).messages


@pytest.mark.parametrize(("blocks", "message"), BAD.values(), ids=BAD.keys())
def test_names_the_wrong_place(blocks: list[JsonValue], message: str) -> None:
    verdict = check_blocks(blocks)
    assert verdict.error == "invalid_blocks"
    assert message in verdict.messages


@pytest.mark.parametrize("value", [None, "[]", {}, [1], [[]]])
def test_wants_an_array_of_objects(value: JsonValue) -> None:
    assert check_blocks(value).error == "invalid_blocks_format"


@pytest.mark.parametrize(
    "blocks",
    [
        [{"type": "markdown", "text": "x" * 12_001}],
        [{"type": "markdown", "text": "x" * 6_001}] * 2,
        [section("x" * 2_900)] * 5,
    ],
)
def test_counts_the_text_of_all_blocks(blocks: list[JsonValue]) -> None:
    assert check_blocks(blocks).error == "msg_blocks_too_long"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "elements", "options", "fields", "accessory", "confirm", "style", "block_id"]
            )
            | st.text(max_size=3),
            inner
            | st.sampled_from(
                ["section", "actions", "button", "static_select", "rich_text", "plain_text", "rich_text_list"]
            ),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values)
def test_any_json_gets_a_verdict(value: JsonValue) -> None:
    assert check_blocks(value).error in ("", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long")


words = st.text(string.ascii_letters + " *_`<&>", min_size=1, max_size=60)
good_blocks = st.one_of(
    st.just({"type": "divider"}),
    st.builds(section, words),
    st.builds(lambda text: {"type": "header", "text": plain(text)}, words),
    st.builds(lambda text: {"type": "markdown", "text": text}, words),
    st.builds(lambda text: {"type": "context", "elements": [mrkdwn(text)]}, words),
    st.builds(lambda text: actions(button(text, value=text)), words),
)


@given(st.lists(good_blocks, max_size=50))
def test_stored_blocks_are_still_good_and_all_have_names(blocks: list[JsonObject]) -> None:
    assert check_blocks([*blocks]).error == ""
    counter = iter(range(10_000))
    stored = with_identifiers(blocks, lambda: f"id{next(counter)}")
    assert check_blocks([*stored]).error == ""
    assert all(block["block_id"] for block in stored)
    assert [block["type"] for block in stored] == [block["type"] for block in blocks]
