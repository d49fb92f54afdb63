"""Settings: what is read, and what people are told of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import Settings, SettingsError, load

SLACK = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
WHOLE = SLACK | {"GH_TOKEN": "ghp_1", "ANTHROPIC_API_KEY": "sk-1"}


def test_nothing_set_is_valid_but_serves_nothing() -> None:
    settings = load({})
    assert not settings.slack
    assert not settings.github
    with pytest.raises(SettingsError) as error:
        settings.require_serving()
    assert "SLACK_BOT_TOKEN" in str(error.value)
    assert "ANTHROPIC_API_KEY" in str(error.value)


def test_whole_settings_serve() -> None:
    load(WHOLE).require_serving()


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, set()),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s"}, {"slack"}),
        ({"GITHUB_CLIENT_ID": "Iv1", "GITHUB_CLIENT_SECRET": "s"}, {"github"}),
        ({"GITHUB_CLIENT_ID": "Iv1"}, set()),
    ],
)
def test_platforms_that_people_can_sign_in_with(more: dict[str, str], names: set[str]) -> None:
    assert load(WHOLE | more).sign_ins == names


def test_empty_variable_is_not_set() -> None:
    assert load({"SLACK_BOT_TOKEN": "", "PORT": ""}).slack is False


def test_only_the_given_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH_TOKEN", "ghp_from_the_process")
    assert load({}).gh_token is None
    assert load().gh_token is not None


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"SLACK_BOT_TOKEN": "xapp-swapped", "SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN"),
        (SLACK | {"SLACK_CLIENT_ID": "1.2"}, "SLACK_CLIENT_SECRET"),
        (SLACK | {"SLACK_CLIENT_SECRET": "s"}, "SLACK_CLIENT_ID"),
        ({"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s"}, "SLACK_BOT_TOKEN"),
        ({"PORT": "99999"}, "PORT"),
        ({"GITHUB_SERVER_URL": "github.com"}, "GITHUB_SERVER_URL"),
        ({"GITHUB_APP_ID": "12"}, "GITHUB_APP_PRIVATE_KEY"),
        ({"GITHUB_APP_ID": "12", "GITHUB_APP_PRIVATE_KEY": "/no/such/file"}, "GITHUB_APP_PRIVATE_KEY"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"HEDDLE_REPOSITORY": "not a repository"}, "HEDDLE_REPOSITORY"),
        ({"HEDDLE_MEMORY": "lots"}, "HEDDLE_MEMORY"),
        ({"HEDDLE_MAX_RUNS": "0"}, "HEDDLE_MAX_RUNS"),
    ],
)
def test_wrong_setting_is_one_line_that_helps(environment: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(environment)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{name} is ")
    assert "What it is for:" in line
    assert "Where to get it:" in line


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=12))
def test_error_never_repeats_a_secret(value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load({"SLACK_BOT_TOKEN": f"wrong-{value}", "GITHUB_APP_PRIVATE_KEY": "-----BEGIN"})
    assert f"wrong-{value}" not in str(error.value)


def test_private_key_is_text_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("-----BEGIN PRIVATE KEY-----\nx\n")
    for given_key in (str(path), path.read_text()):
        key = load({"GITHUB_APP_ID": "1", "GITHUB_APP_PRIVATE_KEY": given_key}).github_app_private_key
        assert key is not None
        assert key.get_secret_value() == path.read_text()


def test_all_secrets_are_known_to_redaction() -> None:
    assert set(load(WHOLE).secrets()) == set(WHOLE.values())


def test_every_setting_says_what_it_is_for_and_where_to_get_it() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra.get("where"), name
