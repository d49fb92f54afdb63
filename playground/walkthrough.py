"""One task from mention to pull request, told line by line as it happens."""

from __future__ import annotations

from collections.abc import Callable

from playground.slack.records import Message
from playground.town import REPOSITORY, Town

CHANNEL = "#heddle-demo"
PERSON = "ada"
SECONDS = 300.0
SUCCEEDED = "Done"
ENDS = (SUCCEEDED, "Failed", "Stopped")

OPENED = "Pull request: {url}"
NO_PULL_REQUEST = "There is no pull request for {repository}."
NO_BRANCH = "The pull request's branch {branch} is not in {repository}."
NO_COMMITS = "The branch {branch} has no commit that {base} lacks."
TIMED_OUT = "No end after {seconds:.0f} s."


class Walkthrough:
    """Prints the conversation with `tell`; whether the work is really there is looked up, not believed."""

    def __init__(self, town: Town, tell: Callable[[str], None]) -> None:
        self._town = town
        self._tell = tell
        self._told: dict[str, str] = {}

    async def run(self, task: str) -> bool:
        """Ask for `task` in the sample repository; True when branch and pull request exist."""
        slack = self._town.slack
        ts = await slack.post(PERSON, CHANNEL, f"repo:{REPOSITORY} {task}", mention=True)

        def ended() -> bool:
            posts = slack.messages(CHANNEL, ts)
            for post in posts:
                self._show(post)
            ends = [post for post in posts[1:] if post.text.startswith(ENDS)]
            succeeded = any(post.text.startswith(SUCCEEDED) for post in ends)
            return any(post.files for post in posts) if succeeded else bool(ends)

        try:
            await slack.wait_for(ended, timeout=SECONDS)
        except TimeoutError:
            self._tell(TIMED_OUT.format(seconds=SECONDS))
            return False
        return await self._exists()

    def _show(self, post: Message) -> None:
        lines = [line for line in post.shown.splitlines() if line.strip()]
        lines += [f"[file] {file.name}" for file in post.files]
        told = self._told.get(post.ts, "").splitlines()
        fresh = [line for line in lines if line not in told]
        if fresh:
            name = self._town.slack.state.person(post.user).name
            self._tell("\n".join(f"{name:>8} │ {line}" for line in fresh))
            self._told[post.ts] = "\n".join([*told, *fresh])

    async def _exists(self) -> bool:
        github = self._town.github
        pulls = github.pull_requests(REPOSITORY)
        if not pulls:
            self._tell(NO_PULL_REQUEST.format(repository=REPOSITORY))
            return False
        pull = pulls[-1]
        head = await github.branch_sha(REPOSITORY, pull.head)
        if head is None:
            self._tell(NO_BRANCH.format(branch=pull.head, repository=REPOSITORY))
            return False
        if head == await github.branch_sha(REPOSITORY, pull.base):
            self._tell(NO_COMMITS.format(branch=pull.head, base=pull.base))
            return False
        self._tell(OPENED.format(url=pull.url))
        return True
