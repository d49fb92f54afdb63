from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import MessageKind
from bot.slack.deliveries import BUTTONS, CHOOSE, CONTINUE, STOP, read
from bot.slack.thread import Thread, source, source_ts

BOT = "U0BOT"
TS, LATER = "1700000000.000100", "1700000009.000200"


def event(**fields: Any) -> dict[str, Any]:
    """An Events API callback; a field that is None is left out."""
    inner = {
        "type": "message", "user": "U1", "text": "fix it", "channel": "C1", "channel_type": "channel", "ts": TS,
        "team": "T1", "blocks": [],
    } | fields  # fmt: skip
    return {
        "type": "event_callback",
        "event_id": "Ev1",
        "team_id": "T1",
        "event": {name: value for name, value in inner.items() if value is not None},
    }


def press(action: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "team": {"id": "T1"},
        "channel": {"id": "C1"},
        "user": {"id": "U1"},
        "message": {"ts": LATER, "thread_ts": TS},
        "actions": [{"action_ts": "17.5"} | action],
    } | fields


MENTION = f"<@{BOT}> fix it"


@pytest.mark.parametrize(
    ("body", "text", "begins", "ts"),
    [
        (event(type="app_mention", text=MENTION), "fix it", True, TS),
        (event(text=MENTION), "fix it", True, TS),
        (event(text=f"<@{BOT}|heddle> fix it"), "fix it", True, TS),
        (event(channel_type="im", channel="D1"), "fix it", True, TS),
        (event(ts=LATER, thread_ts=TS), "fix it", False, TS),
        (event(ts=LATER, thread_ts=TS, text=MENTION), "fix it", True, TS),
        (event(text=MENTION, subtype="file_share", files=[{"id": "F1"}]), "fix it", True, TS),
        (event(ts=LATER, thread_ts=TS, subtype="thread_broadcast"), "fix it", False, TS),
        (event(text=f"<@{BOT}>"), "", True, TS),
        (event(text=f"see `&lt;@{BOT}&gt;` and <@{BOT}> fix it"), f"see `<@{BOT}>` and fix it", True, TS),
    ],
)
def test_what_a_person_says(body: dict[str, Any], text: str, begins: bool, ts: str) -> None:
    incoming = read(body, BOT)
    assert incoming is not None
    assert (incoming.text, incoming.begins, incoming.kind) == (text, begins, MessageKind.TEXT)
    assert incoming.author == "U1"
    assert incoming.delivery_id == "slack:Ev1"
    assert Thread.of(incoming.address) == Thread("T1", body["event"]["channel"], ts)
    assert source_ts(incoming.source) == body["event"]["ts"]
    assert incoming.payload is body


@pytest.mark.parametrize(
    "body",
    [
        event(),  # nobody spoke to Heddle
        event(text=f"`&lt;@{BOT}&gt; fix it`"),  # typed in code, it is no mention
        event(text="<@U2> fix it"),
        event(text=MENTION, edited={"user": "U1", "ts": LATER}),
        event(text=MENTION, subtype="bot_message", user=None, bot_id="B1"),
        event(text=MENTION, bot_id="B1"),
        event(text=MENTION, app_id="A1"),
        event(text=MENTION, bot_profile={"id": "B1", "app_id": "A1"}),
        event(type="app_mention", text=MENTION, user="U9", bot_id="B9", app_id="A9"),
        event(text=MENTION, user=BOT),
        event(text="Reminder: fix it.", channel_type="im", channel="D1", user="USLACKBOT"),
        event(subtype="channel_join", text=f"<@{BOT}> has joined the channel"),
        event(
            subtype="message_changed", user=None, text=None, message={"user": "U1", "text": MENTION, "ts": TS}
        ),
        event(subtype="message_deleted", user=None, text=None, deleted_ts=TS),
        event(type="reaction_added", reaction="eyes"),
        event(text=MENTION, user=None),
        event(text=MENTION, user=7),
        event(text={"not": "text"}, channel_type="im"),
        event(text=MENTION, channel="C:1"),
        {"type": "url_verification", "challenge": "x"},
        {"type": "event_callback"},
        {"type": "event_callback", "event": None},
        {},
        press({"action_id": "other", "value": "x"}),
        press({"action_id": STOP, "value": None}),
        press({"action_id": CONTINUE, "value": ["run-1"]}),
        press({"action_id": ["x"], "value": "run-1"}),
        press({"action_id": CHOOSE, "block_id": "m1"}),
        press({"action_id": STOP, "value": "run-1"}, actions=[]),
        press({"action_id": STOP, "value": "run-1"}, message=None),
    ],
)
def test_what_starts_nothing(body: dict[str, Any]) -> None:
    assert read(body, BOT) is None


def test_both_events_of_one_post_have_one_source() -> None:
    mention, message = read(event(type="app_mention", text=MENTION), BOT), read(event(text=MENTION), BOT)
    assert mention is not None
    assert message is not None
    assert mention.source == message.source == source("C1", TS)


def test_a_choice() -> None:
    body = press({"action_id": CHOOSE, "block_id": "m1", "selected_option": {"value": "acme/widgets"}})
    incoming = read(body, BOT)
    assert incoming is not None
    assert (incoming.kind, incoming.subject, incoming.text) == (MessageKind.CHOICE, "m1", "acme/widgets")
    assert incoming.address == Thread("T1", "C1", TS).address
    assert incoming.begins is False


@pytest.mark.parametrize("action_id", list(BUTTONS))
def test_a_button(action_id: str) -> None:
    incoming = read(press({"action_id": action_id, "value": "run-1"}), BOT)
    assert incoming is not None
    assert (incoming.kind, incoming.subject, incoming.author) == (BUTTONS[action_id], "run-1", "U1")
    assert incoming.address == Thread("T1", "C1", TS).address
    assert incoming.begins is False
    assert incoming.data == {"person": "slack:T1:U1"}


def test_every_kind_has_one_button() -> None:
    assert (BUTTONS[STOP], BUTTONS[CONTINUE]) == (MessageKind.STOP, MessageKind.CONTINUE)
    assert len(set(BUTTONS.values())) == len(BUTTONS)


def test_a_press_delivered_twice_is_one_and_two_presses_are_two() -> None:
    first, again = (read(press({"action_id": STOP, "value": "run-1"}), BOT) for _ in range(2))
    later = read(press({"action_id": STOP, "value": "run-1", "action_ts": "18.5"}), BOT)
    assert first is not None
    assert again is not None
    assert later is not None
    assert first.delivery_id == again.delivery_id != later.delivery_id


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
events = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("type", "user", "text", "channel", "ts", "thread_ts", "subtype", "bot_id", "edited", "channel_type"), json_values),
).map(lambda fields: event(**fields))  # fmt: skip
presses = st.fixed_dictionaries(
    {"action_id": st.sampled_from([CHOOSE, *BUTTONS]) | json_values},
    optional=dict.fromkeys(("block_id", "value", "selected_option", "action_ts"), json_values),
).map(press)


@given(
    st.dictionaries(st.text(max_size=5), json_values)
    | events
    | presses
    | presses.map(lambda body: body | {"message": 1})
)
def test_a_shape_that_slack_does_not_send_is_no_message(body: dict[str, Any]) -> None:
    incoming = read(body, BOT)
    if incoming is not None:
        assert Thread.of(incoming.address)
        assert all(
            isinstance(text, str)
            for text in (
                incoming.author,
                incoming.text,
                incoming.subject,
                incoming.source,
                incoming.delivery_id,
            )
        )


@pytest.mark.parametrize("address", ["", "slack:T:C", "slack:T:C:1:2", "github:T:C:1"])
def test_what_is_no_threads_address(address: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Thread.of(address)


def test_a_threads_place_is_its_channel() -> None:
    thread = Thread("T1", "C1", TS)
    assert thread.place == "slack:T1:C1"
    assert thread.address.startswith(f"{thread.place}:")
