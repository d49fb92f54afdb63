from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import problems
from orchestrator.cleaning.disk import DiskFull
from orchestrator.containers import EngineUnavailable, ImageMissing
from orchestrator.forge import ForgeError
from orchestrator.mirrors import Mirror, RepositoryMissing, RepositoryUnreachable


def mirror(default: str | None, *branches: str) -> Mirror:
    return Mirror(Path("mirror"), default, frozenset(branches))


@pytest.mark.parametrize(
    ("error", "what", "todo", "output"),
    [
        (RepositoryMissing("x"), "can't find `acme/{x}`", "repo:owner/name", ""),
        (RepositoryUnreachable("no route"), "couldn't reach", "ask again", "no route"),
        (ForgeError("bad credentials"), "refused: bad credentials", "credentials", ""),
        (ImageMissing("heddle:latest"), "`heddle:latest`", "./scripts/image", ""),
        (EngineUnavailable("socket"), "Docker isn't answering", "Docker", "socket"),
        (DiskFull("no room on /data"), "no room on /data", "ask again", ""),
        (KeyError("secret"), "inside Heddle (KeyError)", "run run-1", "'secret'"),
    ],
)
def test_why_a_run_could_not_start(error: Exception, what: str, todo: str, output: str) -> None:
    problem = problems.of_start(error, repository="acme/{x}", run_id="run-1")
    assert what in problem.what
    assert todo in problem.todo
    assert problem.output == output


def test_a_base_that_is_there_is_no_problem() -> None:
    assert problems.of_base(mirror("main", "main", "dev"), None, "acme/widgets") is None
    assert problems.of_base(mirror("main", "main", "dev"), "dev", "acme/widgets") is None


def test_an_empty_repository_needs_a_commit() -> None:
    problem = problems.of_base(mirror(None), "main", "acme/widgets")
    assert problem is not None
    assert problem.what == "`acme/widgets` has no commits yet."


def test_a_missing_branch_names_those_that_exist_people_s_own_first() -> None:
    branches = [f"heddle/task-{number}" for number in range(9)] + ["main", "zebra"]
    problem = problems.of_base(mirror("main", *branches), "gone", "acme/widgets")
    assert problem is not None
    assert problem.what == "`acme/widgets` has no branch `gone`."
    assert "one that exists: `main`, `zebra`, `heddle/task-0`" in problem.todo
    assert problem.todo.endswith("`heddle/task-7`, ….")
    assert problem.todo.count("`heddle/") == problems.SHOWN_BRANCHES - 2


def test_a_default_branch_that_does_not_exist_is_told() -> None:
    problem = problems.of_base(mirror(None, "dev"), None, "acme/widgets")
    assert problem is not None
    assert "`HEAD`" in problem.what
    assert "`dev`." in problem.todo
