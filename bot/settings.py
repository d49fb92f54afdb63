"""Settings: environment variables, read once, each with what it is for and where to get it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

REPOSITORY = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}$"
REPOSITORIES = r"[a-z0-9][a-z0-9-]{0,38}/(?:[a-z0-9._-]{1,100}|\*)"
URL = r"^https?://[^\s/]+"


class SettingsError(Exception):
    """One or more settings are wrong or missing; `str()` is one readable line for each."""


def _setting(what: str, where: str, default: Any = None, **options: Any) -> Any:
    """A field that knows what it is for and where its value comes from, for errors and for the docs."""
    return Field(default=default, description=what, json_schema_extra={"where": where}, **options)


class Settings(BaseSettings):
    """Everything that a deployment decides. Names are those of the environment variables, in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    slack_bot_token: SecretStr | None = _setting(
        "lets Heddle read and write in Slack (starts with xoxb-)",
        "your Slack app's page, OAuth & Permissions, Bot User OAuth Token",
    )
    slack_app_token: SecretStr | None = _setting(
        "opens Slack's Socket Mode (starts with xapp-)",
        "your Slack app's page, Basic Information, App-Level Tokens, scope connections:write",
    )
    slack_signing_secret: SecretStr | None = _setting(
        "checks that events over HTTP come from Slack; needed where there is no SLACK_APP_TOKEN",
        "your Slack app's page, Basic Information, Signing Secret",
    )
    slack_client_id: str | None = _setting(
        "lets people sign in with Slack to open workspaces",
        "your Slack app's page, Basic Information, App Credentials, Client ID",
    )
    slack_client_secret: SecretStr | None = _setting(
        "lets people sign in with Slack to open workspaces",
        "your Slack app's page, Basic Information, App Credentials, Client Secret",
    )
    slack_api_url: Annotated[str, Field(pattern=URL)] = _setting(
        "where Slack's Web API answers", "leave it out for slack.com", "https://slack.com/api/"
    )

    gh_token: SecretStr | None = _setting(
        "reads and writes repositories and pull requests as one account",
        "GitHub, Settings, Developer settings, personal access tokens, with contents, issues and pull requests: write",
    )
    github_app_id: int | None = _setting(
        "the GitHub App that reads and writes repositories", "the App's settings page, App ID"
    )
    github_app_private_key: SecretStr | None = _setting(
        "signs in as the GitHub App: the PEM text, or the path of the file that holds it",
        "the App's settings page, Private keys",
    )
    github_webhook_secret: SecretStr | None = _setting(
        "checks that webhooks come from GitHub; with it Heddle serves issues and pull requests",
        "any long random text, the same in the App's (or the repository's) webhook settings",
    )
    github_client_id: str | None = _setting(
        "lets people sign in with GitHub to open workspaces, and link their GitHub account",
        "the GitHub App's settings page, Client ID",
    )
    github_client_secret: SecretStr | None = _setting(
        "lets people sign in with GitHub to open workspaces, and link their GitHub account",
        "the GitHub App's settings page, Client secrets",
    )
    github_api_url: Annotated[str, Field(pattern=URL)] = _setting(
        "where GitHub's REST API answers", "leave it out for github.com", "https://api.github.com"
    )
    github_server_url: Annotated[str, Field(pattern=URL)] = _setting(
        "where GitHub's pages and git answer", "leave it out for github.com", "https://github.com"
    )

    anthropic_api_key: SecretStr | None = _setting(
        "pays for the model by API key", "the Anthropic console, API keys"
    )
    claude_code_oauth_token: SecretStr | None = _setting(
        "pays for the model by a Claude subscription", "the output of `claude setup-token`"
    )
    anthropic_base_url: Annotated[str, Field(pattern=URL)] = _setting(
        "where the Messages API answers", "leave it out for Anthropic's own", "https://api.anthropic.com"
    )

    database_url: str | None = _setting(
        "where state is kept: sqlite:///path or postgresql://…",
        "leave it out for SQLite in HEDDLE_DATA_DIR",
    )
    docker_host: str = _setting(
        "the Docker Engine", "leave it out for the local one", "unix:///var/run/docker.sock"
    )
    host: str = _setting(
        "the address to listen on", "127.0.0.1 unless a proxy is on another machine", "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535)] = _setting(
        "the port to listen on", "any free port; 0 picks one", 8080
    )
    public_url: Annotated[str, Field(pattern=URL)] | None = _setting(
        "how browsers and webhooks reach Heddle", "leave it out for http://HOST:PORT"
    )

    heddle_data_dir: Path = _setting(
        "holds the database and the repositories' mirrors",
        "any folder that persists",
        Path(".heddle/data"),
    )
    heddle_sockets_dir: Path | None = _setting(
        "holds the workspaces' sockets",
        "a folder with a short path on a local disk; leave it out for one in HEDDLE_DATA_DIR",
    )
    heddle_deployment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] = _setting(
        "tells this Heddle's containers and volumes from another one's on the same Docker Engine",
        "any short name",
        "heddle",
    )
    heddle_image: str = _setting(
        "the image of workspaces", "built by scripts/image", "heddle-workspace:latest"
    )
    heddle_repository: Annotated[str, Field(pattern=REPOSITORY)] | None = _setting(
        "the repository where neither message, thread nor channel names one", "owner/name"
    )
    heddle_github_label: str | None = _setting(
        "the label that starts a run on an issue's text", "any label's name; leave it out for none"
    )
    heddle_github_assignee: str | None = _setting(
        "the account that, assigned to an issue, starts a run on its text",
        "leave it out for Heddle's own account",
    )
    heddle_github_apps: Annotated[tuple[str, ...], NoDecode] = _setting(
        "the GitHub Apps and bots that may command Heddle, beside people",
        "their names, separated by commas; leave it out for none",
        (),
    )
    heddle_autofix: bool = _setting(
        "whether failing checks on Heddle's own pull requests start runs, three for each at most",
        "true or false",
        False,
    )
    heddle_require_github_link: bool = _setting(
        "whether people in Slack must link a GitHub account that may write to the repository",
        "true or false; needs GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET",
        False,
    )
    heddle_max_runs: Annotated[int, Field(ge=1, le=1000)] = _setting(
        "how many runs may work at once", "a number; each can use HEDDLE_MEMORY", 8
    )
    heddle_max_open: Annotated[int, Field(ge=1, le=1000)] = _setting(
        "how many workspaces may be open in browsers at once", "a number; each can use HEDDLE_MEMORY", 20
    )
    heddle_run_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = _setting(
        "after how many minutes a run is ended", "a number", 60
    )
    heddle_pause_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = _setting(
        "after how many idle minutes an open workspace is paused", "a number; 0 for never", 30
    )
    heddle_stop_hours: Annotated[int, Field(ge=0, le=90 * 24)] = _setting(
        "after how many paused hours an open workspace's container is stopped, which ends its shells",
        "a number; 0 for never",
        8,
    )
    heddle_cleanup_hours: Annotated[int, Field(ge=0, le=365 * 24)] = _setting(
        "how many hours after the end of its conversation a workspace is cleaned up",
        "a number; 0 for never",
        24,
    )
    heddle_checkpoint_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = _setting(
        "how many minutes lie between two checkpoints of an open workspace", "a number; 0 for none", 10
    )
    heddle_no_checkpoints: Annotated[tuple[str, ...], NoDecode] = _setting(
        "the repositories whose workspaces are not saved to checkpoints",
        "owner/name or owner/*, separated by commas; leave it out for none",
        (),
    )
    heddle_keep_logs_days: Annotated[int, Field(ge=1, le=3650)] = _setting(
        "how many days the logs and attachments of ended runs are kept", "a number", 30
    )
    heddle_keep_rescues_days: Annotated[int, Field(ge=1, le=3650)] = _setting(
        "how many days rescue refs are kept on the code host", "a number", 90
    )
    heddle_keep_rows_days: Annotated[int, Field(ge=7, le=3650)] = _setting(
        "how many days deliveries and what is over are kept in the database", "a number", 90
    )
    heddle_mirrors_gb: Annotated[float, Field(ge=0)] = _setting(
        "how much disk the mirrors of repositories may take, in gigabytes; those in use stay",
        "a number",
        20.0,
    )
    heddle_min_free_gb: Annotated[float, Field(ge=0)] = _setting(
        "below how much free disk, in gigabytes, caches go and nothing new is started",
        "a number; 0 for never",
        2.0,
    )
    heddle_metrics_token: SecretStr | None = _setting(
        "lets a monitoring system read /metrics from another machine",
        "any long random text, the same in that system's bearer token; leave it out for this machine only",
    )
    heddle_memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[mg]$")] = _setting(
        "the most memory of a workspace", "a number with m or g", "4g"
    )
    heddle_cpus: Annotated[float, Field(gt=0, le=1024)] = _setting(
        "the most processors of a workspace", "a number; 1.5 is fine", 2.0
    )
    heddle_pids: Annotated[int, Field(ge=64, le=1_000_000)] = _setting(
        "the most processes of a workspace", "a number", 2048
    )
    heddle_model_retries: Annotated[int, Field(ge=0, le=20)] | None = _setting(
        "how often Claude Code asks the model again after an overload", "leave it out for Claude Code's own"
    )
    heddle_log_format: Literal["console", "json"] = _setting(
        "how the log is written", "console or json", "console"
    )
    heddle_log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "how much is logged", "debug, info, warning or error", "info"
    )

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _known_kind(cls, value: SecretStr | None, info: Any) -> SecretStr | None:
        prefix = {"slack_bot_token": "xoxb-", "slack_app_token": "xapp-"}[info.field_name]
        if value is not None and not value.get_secret_value().startswith(prefix):
            raise ValueError(f"it should start with {prefix}")
        return value

    @field_validator("github_app_private_key")
    @classmethod
    def _key_or_path(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or "-----BEGIN" in value.get_secret_value():
            return value
        try:
            return SecretStr(Path(value.get_secret_value()).read_text())
        except OSError:
            raise ValueError("it is neither PEM text nor a file that can be read") from None

    @field_validator("heddle_github_apps", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("heddle_no_checkpoints", mode="before")
    @classmethod
    def _repositories(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
        if not all(re.fullmatch(REPOSITORIES, name) for name in names):
            raise ValueError("each should be owner/name or owner/*")
        return names

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise ValueError("it should start with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.slack_bot_token and not (self.slack_app_token or self.slack_signing_secret):
            raise ValueError(_missing("slack_app_token", "SLACK_BOT_TOKEN is set"))
        others = (self.slack_app_token, self.slack_signing_secret, self.slack_client_id)
        if any(others) and not self.slack_bot_token:
            raise ValueError(_missing("slack_bot_token", "another SLACK_ variable is set"))
        if self.slack_client_id and not self.slack_client_secret:
            raise ValueError(_missing("slack_client_secret", "SLACK_CLIENT_ID is set"))
        if self.slack_client_secret and not self.slack_client_id:
            raise ValueError(_missing("slack_client_id", "SLACK_CLIENT_SECRET is set"))
        if self.github_app_id and not self.github_app_private_key:
            raise ValueError(_missing("github_app_private_key", "GITHUB_APP_ID is set"))
        if self.github_app_private_key and not self.github_app_id:
            raise ValueError(_missing("github_app_id", "GITHUB_APP_PRIVATE_KEY is set"))
        if self.heddle_require_github_link:
            because = "HEDDLE_REQUIRE_GITHUB_LINK is true"
            for name in ("github_client_id", "github_client_secret"):
                if not getattr(self, name):
                    raise ValueError(_missing(name, because))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load` hands over the environment that it was given

    @property
    def slack(self) -> bool:
        """Whether Slack is configured."""
        return self.slack_bot_token is not None

    @property
    def github(self) -> bool:
        """Whether GitHub is configured, by an App or by one account's token."""
        return self.gh_token is not None or self.github_app_id is not None

    @property
    def conversations_on_github(self) -> bool:
        """Whether issues and pull requests are listened to."""
        return self.github and self.github_webhook_secret is not None

    @property
    def account_links(self) -> bool:
        """Whether people can link their GitHub account."""
        return self.github_client_id is not None and self.github_client_secret is not None

    @property
    def sign_ins(self) -> frozenset[str]:
        """The platforms that people can sign in with: `slack`, `github`, both or neither."""
        slack = self.slack and self.slack_client_id is not None and self.slack_client_secret is not None
        names = {"slack": slack, "github": self.account_links}
        return frozenset(name for name, there in names.items() if there)

    @property
    def database(self) -> str:
        """The database's address, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{(self.heddle_data_dir / 'heddle.db').absolute()}"

    @property
    def sockets_dir(self) -> Path:
        return (self.heddle_sockets_dir or self.heddle_data_dir / "sockets").absolute()

    def secrets(self) -> list[str]:
        """Every secret value, for redaction."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def require_serving(self) -> None:
        """Raise SettingsError unless there is a platform to serve, a code host and a model to work with."""
        problems = []
        if not self.github:
            problems.append(_missing("gh_token", "there is no way to reach repositories"))
        if not self.slack and not self.github_webhook_secret:
            because = "there is no conversation to serve; GITHUB_WEBHOOK_SECRET does as well"
            problems.append(_missing("slack_bot_token", because))
        if not self.anthropic_api_key and not self.claude_code_oauth_token:
            problems.append(
                _missing("anthropic_api_key", "there is no model; CLAUDE_CODE_OAUTH_TOKEN does as well")
            )
        if problems:
            raise SettingsError("\n".join(problems))


def describe(name: str) -> str:
    """What a setting is for and where to get it, in two phrases. `name` is the field's name."""
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    where = extra.get("where") if isinstance(extra, dict) else ""
    return f"What it is for: {field.description}. Where to get it: {where}."


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment` (the process's own by default).

    Raises SettingsError with one line for each variable that is wrong, none of which repeats a value.
    """
    source = _Environment(os.environ if environment is None else environment)
    try:
        return Settings(**source())
    except ValidationError as error:
        raise SettingsError("\n".join(_lines(error))) from None


class _Environment(EnvSettingsSource):
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._given = {name.lower(): value for name, value in environment.items()}
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: value for name, value in self._given.items() if value != ""}


def _missing(name: str, because: str) -> str:
    return f"{name.upper()} is missing ({because}). {describe(name)}"


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        if problem["loc"]:
            name = str(problem["loc"][0])
            lines.append(f"{name.upper()} is wrong: {message}. {describe(name)}")
        else:
            lines.append(message)
    return lines
