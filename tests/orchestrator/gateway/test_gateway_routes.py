from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gateway.door import Door
from orchestrator.gateway.routes import (
    GitPack,
    GitRefs,
    GitService,
    Greeting,
    ModelCall,
    Nowhere,
    PullRequestWish,
    Speech,
    route,
)

DOOR = Door("w1", "Acme/app.js", "heddle/x")
UP, RECEIVE = GitService.UPLOAD_PACK, GitService.RECEIVE_PACK


@pytest.mark.parametrize(
    ("method", "target", "where"),
    [
        ("GET", "/git/acme/app.js.git/info/refs?service=git-upload-pack", GitRefs(UP)),
        ("GET", "/git/ACME/App.JS/info/refs?service=git-receive-pack", GitRefs(RECEIVE)),
        ("POST", "/git/Acme/app.js.git/git-upload-pack", GitPack(UP)),
        ("POST", "/git/Acme/app.js/git-receive-pack", GitPack(RECEIVE)),
        ("POST", "/model/v1/messages", ModelCall("POST", "/v1/messages", True)),
        ("POST", "/model/v1/messages?beta=true", ModelCall("POST", "/v1/messages?beta=true", True)),
        ("POST", "/model/v1/messages/count_tokens", ModelCall("POST", "/v1/messages/count_tokens", False)),
        ("GET", "/model/v1/models?limit=1000", ModelCall("GET", "/v1/models?limit=1000", False)),
        ("POST", "/pull-request", PullRequestWish()),
        ("HEAD", "/model", Greeting()),
        ("GET", "/model/", Greeting()),
        ("HEAD", "/model/api/hello", Greeting()),
    ],
)
def test_what_git_and_claude_code_ask_for_is_known(method: str, target: str, where: object) -> None:
    assert route(method, target, DOOR) == where


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/git/acme/other.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/other/app.js.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/acme/app.js.git/info/refs"),
        ("GET", "/git/acme/app.js.git/info/refs?service=git-upload-archive"),
        ("GET", "/git/acme/app.js.git/info/refs?service=git-upload-pack&x=1"),
        ("GET", "/git/acme/app.js.git/info/refs?service=git-upload-pack\n"),
        ("POST", "/git/acme/app.js.git/info/refs?service=git-upload-pack"),
        ("PUT", "/git/acme/app.js.git/git-receive-pack"),
        ("GET", "/git/acme/app.js.git/git-receive-pack"),
        ("POST", "/git/acme/app.js.git/git-receive-pack?x"),
        ("POST", "/git/acme/app.js.git/git-receive-pack/"),
        ("GET", "/git/acme/app.js.git/HEAD"),
        ("GET", "/git/acme/app.js.git/objects/info/packs"),
        ("POST", "/git/acme/app.js.git/info/lfs/objects/batch"),
        ("POST", "/git/../acme/app.js.git/git-upload-pack"),
        ("POST", "/git/acme/other/../app.js.git/git-upload-pack"),
        ("POST", "/git/acme/app.js.git/../other.git/git-upload-pack"),
        ("POST", "/git/acme%2Fapp.js.git/git-upload-pack"),
        ("POST", "/git/acme/app%2ejs.git/git-upload-pack"),
        ("POST", "/git//acme/app.js.git/git-upload-pack"),
        ("POST", "//git/acme/app.js.git/git-upload-pack"),
        ("POST", "/GIT/acme/app.js.git/git-upload-pack"),
        ("POST", "/git/acme/app.js.git.git.git/git-upload-pack"),
        ("POST", "/git/acme/app.j\u017f.git/git-upload-pack"),  # a letter that lower() and some servers fold
        ("GET", "http://127.0.0.1:3128/git/acme/app.js.git/info/refs?service=git-upload-pack"),
        ("GET", "http://169.254.169.254/"),
        ("CONNECT", "github.com:443"),
        ("OPTIONS", "*"),
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/models"),
        ("POST", "/v1/messages"),
        ("GET", "/pull-request"),
        ("DELETE", "/pull-request"),
        ("POST", "/pull-request/"),
        ("POST", "/pull-request?base=other"),
        ("POST", "/pull-requests"),
        ("POST", "/pull%2drequest"),
    ],
)
def test_everything_else_is_refused_in_words(method: str, target: str) -> None:
    where = route(method, target, DOOR)
    assert isinstance(where, Nowhere)
    assert where.speech is Speech.TEXT
    assert where.line.startswith("Heddle: ")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/model/v1/messages"),
        ("DELETE", "/model/v1/models"),
        ("POST", "/model/v1/models"),
        ("POST", "/model/v1/messages/batches"),
        ("GET", "/model/v1/models/../organizations"),
        ("GET", "/model/v1/models/x"),
        ("GET", "/model/v1/files"),
        ("POST", "/model//v1/messages"),
        ("POST", "/model/v1/messages/"),
        ("POST", "/model/v1/messages#x"),
        ("POST", "/model/v1/messages?x=%0d%0a"),
        ("POST", "/model/v1/%6dessages"),
        ("POST", "/model/api/oauth/token"),
        ("POST", "/model/"),
        ("POST", "/model?x"),
    ],
)
def test_everything_else_of_the_model_is_refused_in_its_own_form(method: str, target: str) -> None:
    where = route(method, target, DOOR)
    assert isinstance(where, Nowhere)
    assert where.speech is Speech.MODEL


@given(st.sampled_from(["GET", "POST", "PUT"]), st.text("/.%2eEfFaAcmepj?#\\git-uplodk\n ", max_size=60))
def test_no_other_spelling_reaches_git(method: str, target: str) -> None:
    where = route(method, "/git/" + target, DOOR)
    if isinstance(where, GitRefs | GitPack):
        assert target.lower().startswith(("acme/app.js/", "acme/app.js.git/"))
        assert target.endswith(("git-upload-pack", "git-receive-pack"))


@pytest.mark.parametrize(
    ("workspace_id", "repository", "branch"),
    [
        ("", "a/b", "x"),
        ("..", "a/b", "x"),
        (".staging", "a/b", "x"),
        ("a/b", "a/b", "x"),
        ("w" * 101, "a/b", "x"),
        ("w1", "a", "x"),
        ("w1", "a/b/c", "x"),
        ("w1", "../b", "x"),
        ("w1", "a/..", "x"),
        ("w1", "a/b?", "x"),
        ("w1", "a/b", ""),
        ("w1", "a/b", "x y"),
        ("w1", "a/b", "x\n"),
    ],
)
def test_a_door_is_made_only_of_names_that_are_safe_in_paths(
    workspace_id: str, repository: str, branch: str
) -> None:
    with pytest.raises(ValueError, match="not a "):
        Door(workspace_id, repository, branch)
