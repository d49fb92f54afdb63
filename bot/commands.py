"""What a message asks for: a small grammar over what a person wrote, without the bot's own mention."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bot.markdown import code_spans
from bot.naming import (
    AFTER,
    AROUND,
    address_start,
    from_address,
    is_branch,
    repository_name,
    repository_named,
    shown,
)
from orchestrator.interactive.opening import Word

NOT_A_REPOSITORY = (
    "`{given}` isn't a repository. Write it as `repo:owner/name`, for example `repo:acme/widgets`."
)
NOT_A_BRANCH = "`{given}` can't be a branch's name. Write it as `branch:name`, for example `branch:main`."
TWO_REPOSITORIES = (
    "Your message names two repositories, `{first}` and `{second}`. Say which with `repo:owner/name`, once."
)
OTHER_REPOSITORY = (
    "Here I work in `{here}` only. To work in `{given}`, ask in one of its own issues or pull requests."
)
NOT_A_SUBJECT = (
    "`{given}` isn't an issue or a pull request. Give its address, for example "
    "`link {server}/acme/widgets/issues/12`, or write `acme/widgets#12`."
)
TWO_BRANCHES = "Your message names two branches, `{first}` and `{second}`. Please name one."
NO_HEADLESS_TASK = (
    "Say what Claude should do on its own from here, for example `continue headless: finish the tests`."
)


@dataclass(frozen=True, slots=True)
class SubjectName:
    """An issue or a pull request: GitHub counts both in one row."""

    repository: str
    number: int

    def __str__(self) -> str:
        return f"{self.repository}#{self.number}"


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do. `branch` is where to start from, `subject` the one issue or pull request it speaks of."""

    text: str
    repository: str | None = None
    branch: str | None = None
    subject: SubjectName | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Make a repository the channel's default."""

    repository: str


@dataclass(frozen=True, slots=True)
class Status:
    """Tell what is going on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End what is running here."""


@dataclass(frozen=True, slots=True)
class Help:
    """Tell what can be said."""


@dataclass(frozen=True, slots=True)
class Empty:
    """No task; perhaps a repository, which can answer a question of Heddle's."""

    repository: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Invalid:
    """Not understood. `problem` says why and what to write instead."""

    problem: str


@dataclass(frozen=True, slots=True)
class Open:
    """Open an interactive workspace, or give the way into the one that is open. `branch`: as a task's."""

    repository: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Interactively:
    """Go on in a terminal, in the workspace where Claude works or has worked alone."""


@dataclass(frozen=True, slots=True)
class Headless:
    """Let Claude go on alone, with a task, in the workspace that is open."""

    task: Task

    @property
    def repository(self) -> str | None:
        return self.task.repository

    @property
    def branch(self) -> str | None:
        return self.task.branch


@dataclass(frozen=True, slots=True)
class Close:
    """Close the workspace; `word`: what becomes of work that the code host lacks."""

    word: Word = Word.NONE


@dataclass(frozen=True, slots=True)
class Link:
    """Share work and reports with the conversation about an issue or a pull request."""

    subject: SubjectName


@dataclass(frozen=True, slots=True)
class Unlink:
    """Share no longer: with the conversation about `subject`, or with any."""

    subject: SubjectName | None = None


@dataclass(frozen=True, slots=True)
class Introduce:
    """Say anew who one is on the code host."""


Command = (
    Introduce
    | Task
    | Use
    | Status
    | Stop
    | Help
    | Open
    | Interactively
    | Headless
    | Close
    | Link
    | Unlink
    | Empty
    | Invalid
)

_SELECTOR = re.compile(r"(?<!\S)(?P<kind>repo|branch)[:=](?P<given>\S*)", re.IGNORECASE)
_LOOSE_REPOSITORY = re.compile(
    r"(?<!\S)repo:[ \t]+(?P<given>[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})(?=\s|$)", re.I
)
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_USE = re.compile(r"use\s+(?:repo[:=])?(?P<given>\S+)", re.IGNORECASE)
_WHOLE: dict[str, Command] = {
    "status": Status(),
    "stop": Stop(),
    "help": Help(),
    "continue interactively": Interactively(),
    "close": Close(),
    "close rescue": Close(Word.RESCUE),
    "close discard": Close(Word.DISCARD),
    "unlink": Unlink(),
    "link account": Introduce(),
}
_OPEN = frozenset({"workspace", "open workspace"})
_HEADLESS = re.compile(r"\s*continue[ \t]+headless(?:[ \t]*:|(?=\s)|[.!?]*\s*\Z)", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,9}")
_LINK = re.compile(r"(?P<word>link|unlink)\s+(?:to\s+|from\s+)?(?P<given>\S+)", re.IGNORECASE)
_SHORT_SUBJECT = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)?#(?P<number>[1-9]\d{0,9})")
_LONGEST_BARE = 300  # characters; a message that is only `use owner/name` is shorter
# Words that need what follows them, so that an address stays: "fix the typo in https://…".
_NEEDS_OBJECT = re.compile(
    r"\b(?:in|on|at|for|from|of|to|into|with|against|like|see|use|using|clone|via|by|and|or)[ \t]*\Z", re.I
)


def parse(text: str, *, server_url: str = "https://github.com", within: str | None = None) -> Command:
    """The command in a message. Never raises; linear in the length of `text`.

    within: the repository of a conversation that is always about one. There, addresses name nothing, and
    `repo:` only that one.

    `repo:owner/name` and `branch:name` are cut out of the text, wherever they stand outside code and quoted
    lines; an address of the server names a repository, too, and is cut out where it stands alone at the
    beginning or the end. An address of an issue, a pull request or a file stays: it tells something.
    """
    bare = text.strip().rstrip(AFTER) if len(text) < _LONGEST_BARE else ""
    if (whole := _WHOLE.get(_plain(bare))) is not None:
        return whole
    if (used := _USE.fullmatch(bare)) is not None:
        given = used["given"].strip(AROUND)
        repository = repository_named(given, server_url)
        return Use(repository) if repository else Invalid(NOT_A_REPOSITORY.format(given=shown(given)))
    if (linked := _LINK.fullmatch(bare)) is not None:
        return _link(linked["word"].lower(), linked["given"].strip(AROUND), server_url, within)
    if (headless := _HEADLESS.match(text)) is not None:
        task = _task(text[headless.end() :], server_url, within)
        if isinstance(task, Empty):
            return Invalid(NO_HEADLESS_TASK)
        return Headless(task) if isinstance(task, Task) else task
    command = _task(text, server_url, within)
    if (
        isinstance(command, Task)
        and len(command.text) < _LONGEST_BARE
        and _plain(command.text.rstrip(AFTER)) in _OPEN
    ):
        return Open(command.repository, command.branch)
    return command


def _plain(bare: str) -> str:
    return " ".join(bare.lower().split())


def _task(text: str, server_url: str, within: str | None) -> Task | Empty | Invalid:
    """The task in a text that is no command."""
    found = _Found(text, server_url, within is None)
    if found.problem is not None:
        return Invalid(found.problem)
    if within is not None and found.repository is not None and found.repository.lower() != within.lower():
        return Invalid(OTHER_REPOSITORY.format(given=shown(found.repository), here=within))
    rest = found.rest()
    subject = found.subjects.pop() if len(found.subjects) == 1 else None
    if subject is not None and subject.repository.lower() != (found.repository or "").lower():
        subject = None  # it speaks of somebody else's
    if rest:
        return Task(rest, found.repository or within, found.branch, subject)
    return Empty(found.repository or within, found.branch)


@dataclass(slots=True)
class _Found:
    """The selectors of a message: what they name, and where the text without them is cut."""

    text: str
    server_url: str
    by_address: bool
    problem: str | None = None
    repository: str | None = None
    branch: str | None = None
    subjects: set[SubjectName] = field(default_factory=set)
    _cuts: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        masked = _masked(self.text)
        named: list[str] = []
        branches: list[str] = []
        for match in _SELECTOR.finditer(masked):
            given = self.text[match.start("given") : match.end("given")].lstrip(AROUND).rstrip(AFTER)
            if match["kind"].lower() == "repo":
                end = match.end()
                if not given and (loose := _LOOSE_REPOSITORY.match(masked, match.start())):
                    given, end = loose["given"].rstrip(AFTER), loose.end()
                if not given and not match["given"] and self.text[: match.start()].strip():
                    continue  # "in the repo: …" is a sentence
                repository = repository_named(given, self.server_url)
                if repository is None:
                    self.problem = NOT_A_REPOSITORY.format(given=shown(match["given"]))
                    return
                named.append(repository)
                self._cuts.append((match.start(), end))
            elif not given and not match["given"]:
                continue  # "branch:" with nothing behind it is a word of a sentence
            elif not is_branch(given):
                self.problem = NOT_A_BRANCH.format(given=shown(match["given"]))
                return
            else:
                branches.append(given)
                self._cuts.append(match.span())
        addressed, trees = self._addresses(masked) if self.by_address else ([], [])
        self.repository = self._one(named or addressed, TWO_REPOSITORIES, any_case=True)
        self.branch = self._one(branches or trees, TWO_BRANCHES, any_case=False)

    def rest(self) -> str:
        """The text without its selectors, and without the space that they leave behind."""
        parts: list[str] = []
        position = 0
        for start, end in sorted(self._cuts):
            before = self.text[position:start]
            line_start = not before.rpartition("\n")[2].strip() if "\n" in before or not parts else False
            while end < len(self.text) and self.text[end] in " \t":
                end += 1
            at_line_end = end == len(self.text) or self.text[end] == "\n"
            if at_line_end:
                before = before.rstrip(" \t")
                if line_start and end < len(self.text):
                    end += 1
            parts.append(before)
            position = end
        parts.append(self.text[position:])
        return "".join(parts).strip()

    def _one(self, names: list[str], problem: str, *, any_case: bool) -> str | None:
        distinct = {name.lower() if any_case else name: name for name in reversed(names)}
        if len(distinct) > 1 and self.problem is None:
            first, second, *_ = reversed(distinct.values())
            self.problem = problem.format(first=shown(first), second=shown(second))
        return names[0] if names else None

    def _addresses(self, masked: str) -> tuple[list[str], list[str]]:
        repositories: list[str] = []
        branches: list[str] = []
        start = address_start(self.server_url).pattern
        pattern = re.compile(rf"(?<![\w:=./@-]){start}[^\s<>|\"'`)\]]+", re.IGNORECASE)
        matches = list(pattern.finditer(masked))
        first, last = self._edges(masked)
        for match in matches:
            if any(start <= match.start() < end for start, end in self._cuts):
                continue
            address = match[0].rstrip(AFTER)
            repository, branch, telling = from_address(address, self.server_url)
            if repository is None:
                continue
            if (subject := subject_at(address, self.server_url)) is not None:
                self.subjects.add(subject)
            repositories.append(repository)
            if branch is not None:
                branches.append(branch)
            alone = match.start() == first or match.end() == last
            if (
                alone
                and not telling
                and not _NEEDS_OBJECT.search(masked[max(0, match.start() - 20) : match.start()])
            ):
                self._cuts.append((match.start(), match.end()))
        return repositories, branches

    def _edges(self, masked: str) -> tuple[int, int]:
        """Where the text begins and ends once selectors, but not addresses, are cut out of it."""
        cuts = sorted(self._cuts)
        first, last = 0, len(masked)
        for start, end in cuts:
            if not masked[first:start].strip():
                first = max(first, end)
        for start, end in reversed(cuts):
            if not masked[end:last].strip():
                last = min(last, start)
        first += len(masked[first:]) - len(masked[first:].lstrip())
        return first, len(masked[:last].rstrip())


def subject_at(address: str, server_url: str) -> SubjectName | None:
    """The issue or pull request that an address of the server shows."""
    begins = address_start(server_url).match(address)
    if begins is None:
        return None
    parts = [part for part in re.split(r"[?#]", address[begins.end() :])[0].split("/") if part]
    if len(parts) < 4 or parts[2] not in ("issues", "pull") or not _NUMBER.fullmatch(parts[3]):
        return None
    repository = repository_name(f"{parts[0]}/{parts[1]}")
    return SubjectName(repository, int(parts[3])) if repository is not None else None


def _link(word: str, given: str, server_url: str, within: str | None) -> Command:
    subject = subject_at(given, server_url)
    if subject is None and (short := _SHORT_SUBJECT.fullmatch(given)) is not None:
        repository = repository_name(short["repository"] or within or "")
        subject = SubjectName(repository, int(short["number"])) if repository is not None else None
    if subject is None:
        return Invalid(NOT_A_SUBJECT.format(given=shown(given), server=server_url.rstrip("/")))
    return Link(subject) if word == "link" else Unlink(subject)


def _masked(text: str) -> str:
    """The text with code and quoted lines blotted out, every character in its place."""
    parts: list[str] = []
    position = 0
    for start, end in code_spans(text):
        parts += (text[position:start], _blot(text[start:end]))
        position = end
    parts.append(text[position:])
    return _QUOTED_LINE.sub(lambda match: _blot(match[0]), "".join(parts))


def _blot(text: str) -> str:
    return re.sub(r"[^\n]", "\0", text)
