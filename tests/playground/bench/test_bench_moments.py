from __future__ import annotations

import json

from playground.bench import moments
from playground.model.credentials import AuthKind
from playground.model.record import Seen
from playground.slack.calls import ApiCall
from playground.slack.records import Message, Version
from playground.slack.shapes import JsonObject


def call(method: str, at: float, *, ok: bool = True, **args: str) -> ApiCall:
    return ApiCall(method, dict(args), at, {"ok": ok})


def test_the_reaction_is_the_one_on_this_message_that_was_taken() -> None:
    calls = [
        call("reactions.add", 1.0, timestamp="8.0", name="eyes"),
        call("reactions.add", 2.0, timestamp="9.0", name="eyes", ok=False),
        call("reactions.add", 3.0, timestamp="9.0", name="wave"),
        call("reactions.add", 4.0, timestamp="9.0", name="eyes"),
        call("reactions.add", 5.0, timestamp="9.0", name="eyes"),
    ]
    assert moments.reacted_at(calls, "9.0") == 4.0
    assert moments.reacted_at(calls, "7.0") is None


def test_the_first_post_is_the_one_in_this_thread() -> None:
    calls = [
        call("chat.postMessage", 1.0, thread_ts="8.0"),
        call("chat.postMessage", 2.0, thread_ts="9.0", ok=False),
        call("chat.postMessage", 3.0, thread_ts="9.0"),
    ]
    assert moments.posted_at(calls, "9.0") == 3.0


def test_versions_tell_when_something_was_first_shown() -> None:
    link: JsonObject = {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "<http://127.0.0.1:1/acme/tally/pull/12|Pull>"},
    }
    report = Message(
        channel="C",
        ts="2",
        user="U",
        text="Done",
        versions=(
            Version(1.0, "Working", ()),
            Version(2.0, "Working", ({"type": "markdown", "text": "I see “it”."},)),
            Version(3.0, "Done", (link,)),
            Version(4.0, "Done, again", (link,)),
        ),
    )
    assert moments.shown_at([report], "I see “it”.") == 2.0
    assert moments.shown_at([report], "nowhere", "again", "I see") == 2.0
    assert moments.shown_at([report], "nowhere") is None
    assert moments.linked_at([report]) == 3.0
    assert moments.linked_at([]) is None


def seen(number: int, at: float, task: str = "", *, side: bool = False) -> Seen:
    return Seen(number, "POST", "/v1/messages", {}, AuthKind.API_KEY, at, task=task, side=side)


def test_titles_and_other_tasks_are_no_first_request() -> None:
    requests = [
        seen(1, 1.0),
        seen(2, 2.0, "bench abc", side=True),
        seen(3, 3.0, "bench xyz"),
        seen(4, 4.0, "bench abc"),
        seen(5, 5.0, "bench abc"),
    ]
    assert moments.asked_at(requests, "abc") == 4.0
    assert moments.asked_at(requests, "def") is None


def test_phases_begin_where_the_driver_says_so_first() -> None:
    journal = [
        json.dumps({"type": "heddle", "event": "phase", "phase": "clone", "at": 1.0}),
        json.dumps({"type": "system", "subtype": "init", "phase": "claude", "at": 1.5}),
        json.dumps({"type": "heddle", "event": "phase", "phase": "claude", "at": 2.0}),
        json.dumps({"type": "heddle", "event": "phase", "phase": "claude", "at": 3.0}),
        json.dumps({"type": "heddle", "event": "restart", "at": 4.0}),
        "[1]",
        '{"type": "heddle", "event": "ph',
    ]
    assert moments.phases(journal) == {"clone": 1.0, "claude": 2.0}


def event(action: str, nanoseconds: int, **attributes: str) -> str:
    return json.dumps({"Action": action, "timeNano": nanoseconds, "Actor": {"Attributes": attributes}})


def test_the_run_s_container_is_told_from_others() -> None:
    ours = {"name": "heddle-w-r", "heddle.run": "r", "heddle.workspace": "w"}
    events = [
        event("create", 1_000_000_000, name="other"),
        event("create", 2_000_000_000, **ours),
        event("start", 2_500_000_000, **ours),
        event("exec_create: tail -f x", 3_000_000_000, **ours),
        event("exec_create: tail -f x", 4_000_000_000, **ours),
    ]
    assert moments.created(events) == moments.Created("heddle-w-r", "heddle-w")
    assert moments.happened(events, "heddle-w-r") == {"create": 2.0, "start": 2.5, "exec_create": 3.0}
    assert moments.created(events[:1]) is None


def test_only_known_moments_are_in_order() -> None:
    assert moments.in_order([("a", 1.0), ("b", None), ("c", 2.0)]) == [("a", 1.0), ("c", 2.0)]
