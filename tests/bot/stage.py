"""Everything around handling and starting: a real database, and doubles of what the bot itself defines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bot.answers import Answers
from bot.commands import SubjectName
from bot.conversations import Conversation, Conversations, Incoming, Message, MessageKind, MessageState
from bot.github.addresses import address
from bot.handling import Handling
from bot.openings import OpeningReports
from bot.places import Place
from bot.platform import Background, Brief, Button
from bot.recovering import RecoveryReports
from bot.rights import Verdict
from bot.schema import migrate
from bot.starting import Starting
from bot.workspaces import Workspaces
from orchestrator.database import Database
from orchestrator.forge import ForgeError
from orchestrator.interactive.holding import Held
from orchestrator.interactive.interactive import Interactive, StartFailed
from orchestrator.interactive.opening import Opening, OpeningState, Word, Work
from orchestrator.interactive.openings import NotOpen, Openings
from orchestrator.records import FollowUp, Records, RunRequest
from orchestrator.recovery.history import History
from orchestrator.report import Problem, Report, RunState
from orchestrator.runs import Runs
from orchestrator.workspaces import Run

HOME, OTHER = "acme/tally", "acme/other"
ISSUE = SubjectName(HOME, 3)
PULL = SubjectName(HOME, 7)
MISSING = SubjectName(HOME, 99)
SECRET = "ghp_" + "s" * 36


def page(workspace_id: str) -> str:
    """The address of a workspace's page."""
    return f"https://heddle.example.org/{workspace_id}"


@dataclass
class Screen:
    """A platform that keeps what it is told; a key is said once in a conversation, as the protocol has it."""

    fixed: bool
    help: str
    interval: float = 1.0
    takes_files: bool = True
    private: bool = True
    call: str = ""
    buttons: dict[tuple[str, str], list[Button]] = field(default_factory=dict)  # under what was said
    told: list[tuple[str, str]] = field(default_factory=list)  # what only one person sees, by message
    said: dict[tuple[str, str], str] = field(default_factory=dict)  # by conversation and key
    ended: list[tuple[str, bool]] = field(default_factory=list)  # messages and whether it was good
    questions: dict[str, list[str]] = field(default_factory=dict)  # what was offered, by message
    answers: list[str] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)
    backgrounds: dict[str, Background] = field(default_factory=dict)  # by conversation
    title: str = ""
    replied_to: set[str] = field(default_factory=set)  # messages

    async def seen(self, message: Message) -> None:
        pass

    async def done(self, message: Message, *, good: bool) -> None:
        self.ended.append((message.id, good))

    async def replied(self, message: Message) -> bool:
        return message.id in self.replied_to

    async def say(
        self, conversation: Conversation, key: str, text: str, buttons: Sequence[Button] = ()
    ) -> None:
        if (conversation.id, key) not in self.said:
            self.said[conversation.id, key] = text
            self.buttons[conversation.id, key] = list(buttons)

    async def tell(self, message: Message, text: str) -> None:
        self.told.append((message.id, text))

    async def name(self, user: str) -> str:
        return f"{user}'s name"

    async def ask_repository(
        self, conversation: Conversation, key: str, question_id: str, repositories: Sequence[str]
    ) -> None:
        assert key == f"question:{question_id}"
        self.questions.setdefault(question_id, list(repositories))

    async def answered(self, conversation: Conversation, key: str, repository: str) -> None:
        self.answers.append(f"{key} {repository}")

    async def show(self, conversation: Conversation, key: str, report: Report, page: str) -> None:
        raise AssertionError("no report is shown here")

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        raise AssertionError("no file is attached here")

    async def brief(self, message: Message, text: str) -> Brief:
        named = "".join(f" /workspace/attachments/{name}" for name in self.files)
        return Brief(f"{text}{named}", Background(f"context{named}", self.files), self.title)

    async def background(self, conversation: Conversation, until: float) -> Background:
        return self.backgrounds.get(conversation.id, Background(""))

    async def link(self, message: Message) -> str:
        return f"https://example.org/{message.conversation.id}"

    def channel(self, conversation: Conversation) -> str:
        return conversation.address.rpartition(":")[0]


@dataclass
class Begun:
    """Runs that are only written down."""

    records: Records
    requests: list[RunRequest] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    async def begin(self, request: RunRequest) -> Run:
        self.requests.append(request)
        return await self.records.create_run(request)

    async def say(self, follow_up: FollowUp) -> bool:
        if not await self.records.add_follow_up(follow_up):
            return False
        self.follow_ups.append(follow_up)
        return True

    async def stop(self, run_id: str) -> None:
        self.stopped.append(run_id)


@dataclass
class Opened:
    """Interactive workspaces that are only written down, in the real records. `work`: what a close would lose."""

    store: Openings
    runs: Begun
    work: Work = field(default_factory=lambda: Work(answered=True))
    unreachable: Problem | None = None  # why it can't be woken, to be asked for its work
    closes: list[tuple[Word, str]] = field(default_factory=list)  # with who said it
    handed_over: list[str] = field(default_factory=list)

    async def open(self, request: RunRequest, opener: str, *, take_over: bool = False) -> Opening:
        return await self._begin(await self.store.create(request, opener, take_over=take_over))

    async def reopen(self, workspace_id: str, key: str, opener: str, *, take_over: bool = False) -> Opening:
        return await self._begin(await self.store.again(workspace_id, key, opener, take_over=take_over))

    async def _begin(self, begun: tuple[Opening, list[Run]]) -> Opening:
        opening, runs = begun
        for run in runs:
            await self.runs.stop(run.id)
        return opening

    async def newest(self, workspace_id: str) -> Opening | None:
        return await self.store.newest(workspace_id)

    async def close(self, workspace_id: str, word: Word, closer: str) -> Work | None:
        opening = await self.newest(workspace_id)
        if opening is None or not opening.state.live:
            raise NotOpen
        if self.unreachable is not None and word is not Word.DISCARD:
            raise StartFailed(self.unreachable)
        self.closes.append((word, closer))
        if not self.work.safe and word is Word.NONE:
            return self.work
        await self.move(opening, OpeningState.CLOSING)
        return None

    async def hand_over(self, workspace_id: str) -> None:
        self.handed_over.append(workspace_id)
        opening = await self.newest(workspace_id)
        assert opening is not None
        if opening.state is OpeningState.CLOSING:
            raise Held(opening=opening)
        await self.move(opening, OpeningState.HANDED_OVER)

    async def move(self, opening: Opening, to: OpeningState) -> None:
        assert await self.store.move(opening.id, to, of=list(OpeningState))


@dataclass
class Somewhere:
    """One place for all tasks."""

    place: Place = field(default_factory=Place)
    asked: list[tuple[list[str], str]] = field(default_factory=list)

    async def find(self, conversations: Sequence[Conversation], repository: str) -> Place:
        self.asked.append(([conversation.address for conversation in conversations], repository))
        return self.place


@dataclass
class Admission:
    """Verdicts by author and repository; everybody else may."""

    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def verdict(self, message: Message, repository: str) -> Verdict:
        self.asked.append((message.author, repository))
        return self.verdicts.get((message.author, repository), Verdict.ALLOWED)

    async def may_write(self, repository: str, login: str) -> bool:
        raise AssertionError("nobody asks that here")


@dataclass
class Introducing:
    asked: list[str] = field(default_factory=list)

    async def ask(self, message: Message) -> None:
        self.asked.append(message.id)


@dataclass
class Stage:
    """`chat` is a platform like Slack, `forge` one like GitHub."""

    database: Database
    folder: Path
    default_repository: str | None = None
    introduction: Introducing | None = None
    repositories: list[str] | None = field(default_factory=lambda: [HOME, OTHER])
    subjects: set[SubjectName] = field(default_factory=set)
    chat: Screen = field(default_factory=lambda: Screen(fixed=False, help="help of the chat"))
    forge: Screen = field(
        default_factory=lambda: Screen(fixed=True, help="help of the forge", private=False, call="/claude ")
    )
    places: Somewhere = field(default_factory=Somewhere)
    rights: Admission = field(default_factory=Admission)
    sign_in: bool = True
    most: int = 20
    entries: list[tuple[str, str, str]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.conversations = Conversations(self.database)
        self.records = Records(self.database)
        self.history = History(self.database)
        self.runs = Begun(self.records)
        self.interactive = Opened(Openings(self.database, self.most), self.runs)

    @property
    def attachments(self) -> Path:
        return self.folder / "attachments"

    @property
    def starting(self) -> Starting:
        return Starting(
            conversations=self.conversations,
            records=self.records,
            runs=cast(Runs, self.runs),
            platforms={"slack": self.chat, "github": self.forge},
            places=self.places,
            default_repository=self.default_repository,
            attachments=self.attachments,
        )

    @property
    def handling(self) -> Handling:
        return Handling(
            conversations=self.conversations,
            records=self.records,
            runs=cast(Runs, self.runs),
            starting=self.starting,
            workspaces=self.workspaces,
            answers=self.answers,
            repositories=self._repositories,
            subject=self._subject,
            server_url="https://github.com",
        )

    @property
    def answers(self) -> Answers:
        return Answers(
            platforms={"slack": self.chat, "github": self.forge},
            rights=self.rights,
            introduction=self.introduction,
            redact=lambda text: text.replace(SECRET, "[secret]"),
        )

    @property
    def workspaces(self) -> Workspaces:
        return Workspaces(
            interactive=cast(Interactive, self.interactive),
            openings=self.interactive.store.live,
            conversations=self.conversations,
            records=self.records,
            history=self.history,
            runs=cast(Runs, self.runs),
            starting=self.starting,
            answers=self.answers,
            workspace_url=page,
            sign_in=self.sign_in,
            entry=self._entry,
        )

    @property
    def news(self) -> OpeningReports:
        return OpeningReports(
            conversations=self.conversations, answers=self.answers, workspace_url=page, rescue_days=90
        )

    @property
    def recovery_news(self) -> RecoveryReports:
        return RecoveryReports(
            database=self.database,
            conversations=self.conversations,
            answers=self.answers,
            workspace_url=page,
            sign_in=self.sign_in,
            rescue_days=90,
        )

    async def _entry(self, person: str, name: str, workspace_id: str) -> str:
        self.entries.append((person, name, workspace_id))
        return f"https://heddle.example.org/sign-in/link?ticket={len(self.entries)}"

    async def _repositories(self) -> list[str]:
        if self.repositories is None:
            raise ForgeError("no")
        return self.repositories

    async def _subject(self, name: SubjectName) -> Conversation | None:
        if name not in self.subjects:
            return None
        return await self.conversations.ensure("github", address(name), name.repository)

    async def hear(
        self,
        text: str,
        *,
        thread: str = "1.1",
        author: str = "U1",
        kind: MessageKind = MessageKind.TEXT,
        subject: str = "",
    ) -> Message:
        """A message in a thread of the chat, stored and not handled."""
        return await self._hear("slack", f"slack:T1:C1:{thread}", text, author, kind, subject, None)

    async def hear_on(
        self, number: int, text: str, *, author: str = "ada", kind: MessageKind = MessageKind.TEXT
    ) -> Message:
        """A message on an issue of HOME, stored and not handled."""
        return await self._hear("github", address(SubjectName(HOME, number)), text, author, kind, "", HOME)

    async def _hear(
        self,
        platform: str,
        where: str,
        text: str,
        author: str,
        kind: MessageKind,
        subject: str,
        repository: str | None,
    ) -> Message:
        self._count += 1
        data: dict[str, Any] = {"person": f"slack:T1:{author}"} if platform == "slack" else {}
        incoming = Incoming(
            delivery_id=f"d{self._count}",
            platform=platform,
            source=f"s{self._count}",
            address=where,
            author=author,
            text=text,
            begins=True,
            kind=kind,
            subject=subject,
            repository=repository,
            data=data,
        )
        message = await self.conversations.receive(incoming)
        assert message is not None
        return message

    async def handle(self, message: Message) -> MessageState:
        """As the bot does it: with what is known by now, and the state is kept."""
        state = await self.handling.handle(await self.conversations.message(message.id))
        await self.conversations.mark(message.id, state)
        return state

    async def ask(self, text: str, *, thread: str = "1.1", author: str = "U1") -> Message:
        """A message in a thread of the chat, handled."""
        message = await self.hear(text, thread=thread, author=author)
        await self.handle(message)
        return await self.conversations.message(message.id)

    async def ask_on(self, number: int, text: str, *, author: str = "ada") -> Message:
        """A message on an issue of HOME, handled."""
        message = await self.hear_on(number, text, author=author)
        await self.handle(message)
        return await self.conversations.message(message.id)

    def answer(self, message: Message) -> str | None:
        """What was said to a message."""
        said = self.forge.said if message.conversation.platform == "github" else self.chat.said
        return said.get((message.conversation.id, f"answer:{message.id}"))

    def replies(self, message: Message) -> list[str]:
        """Everything that was said to a message."""
        return [text for (_, key), text in self._screen(message).said.items() if message.id in key]

    def offered(self, message: Message) -> list[Button]:
        """The buttons under what was said to a message."""
        buttons = self._screen(message).buttons
        return [button for (_, key), row in buttons.items() if message.id in key for button in row]

    def _screen(self, message: Message) -> Screen:
        return self.forge if message.conversation.platform == "github" else self.chat

    async def press(self, button: Button, *, thread: str = "1.1", author: str = "U1") -> Message:
        """A button under what Heddle said in a thread of the chat, pressed and handled."""
        message = await self.hear("", thread=thread, author=author, kind=button.kind, subject=button.subject)
        await self.handle(message)
        return await self.conversations.message(message.id)

    async def opening(self) -> Opening:
        """The only one that is live."""
        (found,) = await self.interactive.store.live()
        return found

    async def end(self, run: Run) -> None:
        await self.records.save(run.id, state=RunState.SUCCEEDED)

    async def linked(self, conversation_id: str) -> list[str]:
        return [one.address for one in await self.conversations.linked(conversation_id)]


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    database = Database(f"sqlite:///{folder / 'heddle.db'}")
    await migrate(database)
    yield Stage(database, folder)
    await database.close()


def refuse(stage: Stage, author: str, verdict: Verdict = Verdict.REFUSED) -> None:
    for repository in (HOME, OTHER):
        stage.rights.verdicts[author, repository] = verdict


async def of(stage: Stage, subject: SubjectName) -> Conversation:
    """The conversation about an issue or a pull request."""
    found = await stage._subject(subject)
    assert found is not None
    return found


def tasks(stage: Stage) -> list[str]:
    return [request.task for request in stage.runs.requests]
