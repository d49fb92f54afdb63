"""Where a request wants to go, read from its method and its raw target. A function of text, no I/O.

The target is matched as the bytes came, never decoded or normalised: whatever is not spelled exactly as git
and Claude Code spell it (encoded slashes, dots, doubled slashes, absolute addresses) is no known place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.gateway.door import Door

NOT_HERE = (
    "Heddle: a workspace reaches only its own repository ({repository}) and the model through this address."
)
OTHER_REPOSITORY = "Heddle: this workspace may reach only the repository {repository}."
NOT_OF_GIT = "Heddle: this address serves only git fetch and git push of {repository}."
NOT_OF_MODEL = "Heddle: a workspace may only send messages to the model, count tokens and list models."


class GitService(StrEnum):
    """git's two services, by git's own names."""

    UPLOAD_PACK = "git-upload-pack"
    RECEIVE_PACK = "git-receive-pack"


class Speech(StrEnum):
    """How the asker reads an answer: git shows text, Claude Code shows Anthropic's error objects."""

    TEXT = "text"
    MODEL = "model"


@dataclass(frozen=True, slots=True)
class GitRefs:
    """What refs there are: the first request of every fetch and push."""

    service: GitService


@dataclass(frozen=True, slots=True)
class GitPack:
    """The exchange itself: a fetch or a push."""

    service: GitService


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A request to the model service. target: path and query, to put behind the service's address."""

    method: str
    target: str
    metered: bool


@dataclass(frozen=True, slots=True)
class PullRequestWish:
    """The wish for a pull request of the workspace's own branch."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Claude Code asking whether anything is there."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """A place that a workspace may not reach. line: why, for whoever asked."""

    speech: Speech
    line: str


Route = GitRefs | GitPack | ModelCall | PullRequestWish | Greeting | Nowhere

_PART = r"[A-Za-z0-9_.-]{1,200}"
_GIT = re.compile(
    rf"/git/(?P<owner>{_PART})/(?P<name>{_PART}?)(?:\.git)?/"
    r"(?:(?P<refs>info/refs\?service=)?(?P<service>git-(?:upload|receive)-pack))"
)
_GIT_OF_SOMEONE = re.compile(rf"/git/(?P<owner>{_PART})/(?P<name>{_PART}?)(?:\.git)?(?:[/?].*)?", re.DOTALL)
_QUERY = r"(?:\?[A-Za-z0-9._~=&:+,-]{0,1024})?"
_MESSAGES = re.compile(rf"/model(?P<target>/v1/messages(?P<count>/count_tokens)?{_QUERY})")
_MODELS = re.compile(rf"/model(?P<target>/v1/models{_QUERY})")
# Claude Code 2.1 sends HEAD …/api/hello when it may send more than the necessary.
_GREETING = re.compile(r"/model(?:/|/api/hello)?")
_GREETING_METHODS = frozenset({"GET", "HEAD"})
_PULL_REQUEST = ("POST", "/pull-request")


def route(method: str, target: str, door: Door) -> Route:
    """Where a request goes. `target` is the request line's, undecoded."""
    if re.match(r"/model(?:[/?]|\Z)", target):
        return _model(method, target)
    if (method, target) == _PULL_REQUEST:
        return PullRequestWish()
    git = _GIT.fullmatch(target)
    if git and not door.owns(git["owner"], git["name"]):
        return Nowhere(Speech.TEXT, OTHER_REPOSITORY.format(repository=door.repository))
    if git and method == ("GET" if git["refs"] else "POST"):
        service = GitService(git["service"])
        return GitRefs(service) if git["refs"] else GitPack(service)
    someone = _GIT_OF_SOMEONE.fullmatch(target)
    if someone and not door.owns(someone["owner"], someone["name"]):
        return Nowhere(Speech.TEXT, OTHER_REPOSITORY.format(repository=door.repository))
    line = NOT_OF_GIT if target.startswith("/git/") else NOT_HERE
    return Nowhere(Speech.TEXT, line.format(repository=door.repository))


def _model(method: str, target: str) -> Route:
    messages = _MESSAGES.fullmatch(target)
    if messages and method == "POST":
        return ModelCall(method, messages["target"], metered=not messages["count"])
    models = _MODELS.fullmatch(target)
    if models and method == "GET":
        return ModelCall(method, models["target"], metered=False)
    if method in _GREETING_METHODS and _GREETING.fullmatch(target):
        return Greeting()
    return Nowhere(Speech.MODEL, NOT_OF_MODEL)
