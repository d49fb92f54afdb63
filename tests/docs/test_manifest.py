"""The Slack app's manifest asks for what the code uses, and for nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from bot.slack.endings import PLACES

ROOT = Path(__file__).parents[2]
CONVERSATIONS = ("channels", "groups", "im", "mpim")

# Slack, "Web API methods": the bot scopes of each method. None where any token will do.
METHODS: dict[str, tuple[str, ...]] = {
    "auth_test": (),
    "chat_getPermalink": (),
    "chat_postEphemeral": ("chat:write",),
    "chat_postMessage": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_info": tuple(f"{kind}:read" for kind in CONVERSATIONS),
    "conversations_members": tuple(f"{kind}:read" for kind in CONVERSATIONS),
    "conversations_replies": tuple(f"{kind}:history" for kind in CONVERSATIONS),
    "files_upload_v2": ("files:write",),
    "reactions_add": ("reactions:write",),
    "users_info": ("users:read",),
}
# Slack, "Events": the scope of each event.
EVENTS = (
    {"app_mention": "app_mentions:read"}
    | {
        f"message.{kind}": f"{history}:history"
        for kind, history in zip(("channels", "groups", "im", "mpim"), CONVERSATIONS, strict=True)
    }
    | {event: "channels:read" if event.startswith("channel_") else "groups:read" for event in PLACES}
)
CALL = re.compile(r"(?<![a-z])_?client\.([a-z]+_[a-zA-Z0-9_]+)\(")


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "app-manifest.yml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def called() -> set[str]:
    files = [*(ROOT / "bot" / "slack").glob("*.py"), ROOT / "bot" / "app.py"]
    return {method for file in files for method in CALL.findall(file.read_text())}


def test_table_has_every_method_that_is_called() -> None:
    assert called() == set(METHODS)


def test_scopes_are_those_of_methods_and_events(manifest: dict[str, Any]) -> None:
    wanted = {scope for method in called() for scope in METHODS[method]} | set(EVENTS.values())
    scopes = manifest["oauth_config"]["scopes"]["bot"]
    assert sorted(scopes) == sorted(wanted)


def test_people_sign_in_with_no_more_than_who_they_are(manifest: dict[str, Any]) -> None:
    assert manifest["oauth_config"]["scopes"]["user"] == ["openid", "profile"]
    (back,) = manifest["oauth_config"]["redirect_urls"]
    assert back.startswith("https://")
    assert back.endswith("/sign-in/slack/callback")


def test_events_are_those_that_are_read(manifest: dict[str, Any]) -> None:
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)


def test_socket_mode_and_buttons_are_on(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"]["is_enabled"] is True
    # Heddle holds one bot token that it does not renew.
    assert settings["token_rotation_enabled"] is False


def test_texts_fit_slacks_limits(manifest: dict[str, Any]) -> None:
    display, features = manifest["display_information"], manifest["features"]
    assert len(display["name"]) <= 35
    assert len(display["description"]) <= 140
    assert features["bot_user"]["display_name"] == "heddle"
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert all(set(prompt) == {"title", "message"} for prompt in features["agent_view"]["suggested_prompts"])


def test_direct_messages_can_be_written(manifest: dict[str, Any]) -> None:
    home = manifest["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False


def test_slack_page_names_every_scope(manifest: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "how-to" / "slack.md").read_text()
    table = page[page.index("## What the scopes are for") :]
    assert set(re.findall(r"`([a-z_]+:[a-z]+)`", table)) == set(manifest["oauth_config"]["scopes"]["bot"])
