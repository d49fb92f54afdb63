"""A whole place to try Heddle in: stand-ins for Slack, GitHub and the model, and Heddle itself among them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from playground.cleaning import remove_deployment
from playground.github.server import GitHubStandIn
from playground.heddle import HeddleProcess
from playground.model.answer import Script
from playground.model.demo import DemoScript
from playground.model.server import API_KEY, ModelStandIn
from playground.slack.server import SlackStandIn

SAMPLE = Path(__file__).parent / "sample"
REPOSITORY = "acme/tally"
SCRIPTED = "The model here is scripted: it understands a few tasks, such as “fix the failing test”."
REAL = "The model here is the real one, by the credential in your environment."
MODEL_VARIABLES = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL")
DOCKER_HOST = "unix:///var/run/docker.sock"


class Town:
    """`async with Town(folder) as town`: everything runs on loopback and is removed again at the end.

    folder: for all files, best a new one. script: what the model does; None for the demo's tasks. real_model:
    settings of a real model, instead. slack_port, github_port: 0 takes any free one. app: Heddle is a GitHub App;
    otherwise it has one account's token. sign_in: whether people can sign in to Heddle's pages by Slack and, where it is an
    App, by GitHub; otherwise only links let them in. settings: more of Heddle's.
    hosts: further names (`host:port`) by which the stand-in for Slack is reached.
    """

    def __init__(
        self,
        folder: Path,
        *,
        script: Script | None = None,
        pace: float = 0.0,
        real_model: Mapping[str, str] | None = None,
        slack_port: int = 0,
        github_port: int = 0,
        http_events: bool = False,
        enforce_limits: bool = False,
        app: bool = True,
        sign_in: bool = True,
        settings: Mapping[str, str] | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.deployment = f"playground-{uuid.uuid4().hex[:12]}"
        self._real_model = dict(real_model or {})
        self._settings = dict(settings or {})
        self._http_events = http_events
        self._stack = AsyncExitStack()
        self.github = GitHubStandIn(root=folder / "github", port=github_port)
        self.model = ModelStandIn(script or DemoScript(pace))
        self._slack_port = slack_port
        self._enforce_limits = enforce_limits
        self._app = app
        self._sign_in = sign_in
        self._hosts = tuple(hosts)
        self._app_key = ""
        self._slack: SlackStandIn | None = None
        self.heddle: HeddleProcess | None = None

    async def __aenter__(self) -> Town:
        async with AsyncExitStack() as stack:
            self.folder.mkdir(parents=True, exist_ok=True)
            stack.push_async_callback(remove_deployment, self.docker_host, self.deployment)
            await stack.enter_async_context(self.github)
            await stack.enter_async_context(self.model)
            self._slack = SlackStandIn(
                port=self._slack_port,
                enforce_limits=self._enforce_limits,
                notice=REAL if self._real_model else SCRIPTED,
                links=[("GitHub", self.github.url)],
                hosts=self._hosts,
            )
            await stack.enter_async_context(self._slack)
            if self._app:
                self._app_key = await self.github.app_private_key()
            await self.github.create_repository(REPOSITORY, from_dir=SAMPLE, description="Counts words")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.heddle is not None:
            await self.heddle.stop()
        await self._stack.aclose()

    @property
    def slack(self) -> SlackStandIn:
        assert self._slack is not None, "inside `async with` only"
        return self._slack

    @property
    def docker_host(self) -> str:
        return self._settings.get("DOCKER_HOST") or os.environ.get("DOCKER_HOST") or DOCKER_HOST

    @property
    def environment(self) -> dict[str, str]:
        """Heddle's settings for this place."""
        slack = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_API_URL": self.slack.api_url,
        }
        if self._http_events:
            slack["SLACK_SIGNING_SECRET"] = self.slack.signing_secret
        else:
            slack["SLACK_APP_TOKEN"] = self.slack.app_token
        if self._sign_in:
            slack |= {
                "SLACK_CLIENT_ID": self.slack.client_id,
                "SLACK_CLIENT_SECRET": self.slack.client_secret,
            }
        model = self._real_model or {"ANTHROPIC_API_KEY": API_KEY, "ANTHROPIC_BASE_URL": self.model.url}
        github = {"GH_TOKEN": self.github.token}
        if self._app:
            github = {
                "GITHUB_APP_ID": str(self.github.app_id),
                "GITHUB_APP_PRIVATE_KEY": self._app_key,
            }
            if self._sign_in:
                github |= {
                    "GITHUB_CLIENT_ID": self.github.collaboration.client_id,
                    "GITHUB_CLIENT_SECRET": self.github.collaboration.client_secret,
                }
        return {
            **slack,
            **github,
            **model,
            "GITHUB_WEBHOOK_SECRET": self.github.webhook_secret,
            "GITHUB_API_URL": self.github.api_url,
            "GITHUB_SERVER_URL": self.github.url,
            "HEDDLE_DATA_DIR": str(self.folder / "data"),
            "HEDDLE_DEPLOYMENT": self.deployment,
            "DOCKER_HOST": self.docker_host,
            "PORT": "0",
            **self._settings,
        }

    async def start_heddle(self) -> HeddleProcess:
        """Start Heddle, or start it again after it was killed. Raises HeddleFailed."""
        if self.heddle is None:
            self.heddle = HeddleProcess(self.environment, self.folder / "heddle.log")
        await self.heddle.start()
        self.github.webhook_url = f"{self.heddle.address}/github/webhook"
        if self._http_events:
            self.slack.events_url = f"{self.heddle.address}/slack/events"
        return self.heddle


def real_model(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings of a real model, if a credential for one is there."""
    found = {name: environment[name] for name in MODEL_VARIABLES if environment.get(name)}
    return found if set(found) - {"ANTHROPIC_BASE_URL"} else {}
