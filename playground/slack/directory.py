"""The methods about the team, its people and the app itself."""

from __future__ import annotations

from playground.slack.answers import user_answer
from playground.slack.arguments import ApiError
from playground.slack.calls import Call
from playground.slack.shapes import JsonObject


def auth_test(call: Call) -> JsonObject:
    team, bot = call.state.team, call.bot
    return {
        "url": call.state.base_url,
        "team": team.name,
        "user": bot.name,
        "team_id": team.id,
        "user_id": bot.id,
        "bot_id": bot.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(call: Call) -> JsonObject:
    """The address of a new Socket Mode connection, good for one use."""
    return {"url": call.sockets.issue(call.state.base_url)}


def user_info(call: Call) -> JsonObject:
    person = call.state.people.get(call.args.text("user"))
    if person is None:
        raise ApiError("user_not_found")
    return {"user": user_answer(person, call.state.team)}


def user_list(call: Call) -> JsonObject:
    people = call.state.people.values()
    return {
        "members": [user_answer(person, call.state.team) for person in people],
        "cache_ts": int(call.state.clock()),
        "response_metadata": {"next_cursor": ""},
    }


def team_info(call: Call) -> JsonObject:
    team = call.state.team
    return {
        "team": {
            "id": team.id,
            "name": team.name,
            "domain": team.domain,
            "url": call.state.base_url,
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }
