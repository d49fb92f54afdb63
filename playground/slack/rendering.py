"""Messages as HTML, for the page."""

from __future__ import annotations

import codecs
import itertools
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from playground.slack.emoji import glyph
from playground.slack.markdown import make_markdown, render_markdown
from playground.slack.mrkdwn import Names, link, render_mrkdwn, render_plain, render_rich_text
from playground.slack.records import ChannelKind, File, Message, Person
from playground.slack.shapes import JsonObject, JsonValue, as_object, as_text
from playground.slack.state import TeamState

FOLDER = Path(__file__).parent
TONES = 6
PREVIEW_LINES = 12
PREVIEW_BYTES = 64 * 2**10
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as the page shows it; `preview` is the start of a text, empty for everything else."""

    file: File
    kind: str
    size: str
    preview: str
    more: int
    picture: bool


class Rendering:
    """Turns messages into HTML with the templates beside this module."""

    def __init__(self, state: TeamState, me: Person) -> None:
        self.environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._template = self.environment.get_template("message.html")
        self._markdown = make_markdown()
        self._state = state
        self._me = me
        self._revisions = itertools.count(1)

    def message(self, message: Message) -> JsonObject:
        """A message for the page: what orders it, and its HTML."""
        state = self._state
        author = state.people.get(message.user) or Person(message.user, message.user, message.user)
        replies = [m for m in state.replies(message.channel, message.ts) if not m.only_for]
        names = self._names()
        html = self._template.render(
            message=message,
            author=author,
            tone=tone_of(author.id),
            me=self._me,
            epoch=int(float(message.ts)),
            names=names,
            reply_people=[state.people[user] for user in dict.fromkeys(m.user for m in replies)][:4],
            reply_count=len(replies),
            last_reply=int(float(replies[-1].ts)) if replies else 0,
            files=[view_file(file) for file in message.files],
            selections=state.selections.get((message.channel, message.ts), {}),
            reaction_names={r.name: [names.people.get(u, u) for u in r.users] for r in message.reactions},
            text=self.text,
            markdown=lambda text: render_markdown(self._markdown, text),
            mrkdwn=lambda text: render_mrkdwn(text, names),
            rich_text=lambda block: render_rich_text(block, names),
            link=lambda url, label: link(url, label, names),
            glyph=glyph,
            tone_of=tone_of,
            initials=initials,
        )
        return {
            "channel": message.channel,
            "ts": message.ts,
            "thread": message.thread_ts if message.reply else None,
            "broadcast": message.broadcast,
            "user": message.user,
            "only": bool(message.only_for),
            "html": html,
            "revision": next(self._revisions),  # of two renderings the higher one is the newer
        }

    def visible(self, message: Message) -> bool:
        """Whether the page's person sees a message."""
        channel = self._state.channels[message.channel]
        member = channel.kind is ChannelKind.CHANNEL or self._me.id in channel.members
        if not member or message.only_for not in ("", self._me.id):
            return False
        return not (message.only_for and message.reply) or self._joins_thread(message)

    def _joins_thread(self, message: Message) -> bool:
        """Whether a thread had replies already. Slack, chat.postEphemeral: it shows no message in others."""
        replies = self._state.replies(message.channel, message.thread_ts or "")
        return any(not reply.only_for and float(reply.ts) < float(message.ts) for reply in replies)

    def text(self, value: JsonValue) -> Markup:
        """A text object as HTML."""
        text = as_object(value)
        words = as_text(text.get("text"))
        return (
            render_plain(words) if text.get("type") == "plain_text" else render_mrkdwn(words, self._names())
        )

    def _names(self) -> Names:
        state = self._state
        return Names(
            people={person.id: person.name for person in state.people.values()},
            channels={channel.id: channel.name for channel in state.channels.values()},
            me=self._me.id,
            base_url=state.base_url,
        )


def tone_of(person_id: str) -> int:
    """Which of the avatar colours a person has, always the same."""
    return sum(map(ord, person_id)) % TONES


def initials(person: Person) -> str:
    words = person.real_name.split() or [person.name]
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper()


def view_file(file: File) -> FileView:
    """What the page shows of a file."""
    lines = [] if file.mimetype in PICTURES else _text_lines(file.content)
    size = len(file.content)
    shown = (
        f"{size} B" if size < 1000 else f"{size / 1000:.1f} kB" if size < 10**6 else f"{size / 10**6:.1f} MB"
    )
    kind = file.name.rpartition(".")[2].upper() if "." in file.name else "Text"
    return FileView(
        file=file,
        kind=kind,
        size=shown,
        preview="\n".join(lines[:PREVIEW_LINES]),
        more=max(0, len(lines) - PREVIEW_LINES),
        picture=file.mimetype in PICTURES,
    )


def _text_lines(content: bytes) -> list[str]:
    """The first lines of what is UTF-8 text by its content, whatever it is called; else none."""
    head = content[:PREVIEW_BYTES]
    if b"\0" in head:
        return []
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head, final=head == content).splitlines()
    except UnicodeDecodeError:
        return []
