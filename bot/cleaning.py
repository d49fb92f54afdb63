"""What the bot and the web remember, for clean-up; and a deployment's clean-up put together from its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from bot.conversations import MessageState
from bot.settings import Settings
from bot.tables import ConversationRow, DeliveryRow, MessageRow, PostRow, TicketRow
from orchestrator.cleaning.cleaner import Cleaner
from orchestrator.cleaning.disk import Disk
from orchestrator.cleaning.docker_seen import DockerSeen
from orchestrator.cleaning.holdings import Age
from orchestrator.cleaning.removals import DAY, GIGABYTE, Retention
from orchestrator.cleaning.shelves import Shelf, TableShelf, WorkflowShelf, orchestrators, without_work
from orchestrator.cleaning.stores import Stores
from orchestrator.cleaning.workspace_rows import Marks, WorkspaceRows
from orchestrator.database import Database
from orchestrator.mirrors import Mirrors
from orchestrator.tables import FollowUpRow, OpeningRow, RunRow
from web.tables import EntryRow, SessionRow, WatchRow


def retention_of(settings: Settings) -> Retention:
    return Retention(
        logs=settings.heddle_keep_logs_days * DAY,
        rescues=settings.heddle_keep_rescues_days * DAY,
        rows=settings.heddle_keep_rows_days * DAY,
        mirrors=int(settings.heddle_mirrors_gb * GIGABYTE),
    )


def build_cleaner(
    settings: Settings,
    database: Database,
    mirrors: Mirrors,
    *,
    forget: Callable[[float], Awaitable[object]] | None = None,
) -> Cleaner:
    """forget: removes what DBOS remembers of workflows that ended before a time; None where DBOS is not launched."""
    data = settings.heddle_data_dir.absolute()
    shelves = [*shelves_of_people(database), *orchestrators(database)]
    if forget is not None:
        shelves.append(WorkflowShelf(database, forget))
    return Cleaner(
        rows=WorkspaceRows(database),
        marks=Marks(database),
        engine=DockerSeen(settings.docker_host, settings.heddle_deployment),
        mirrors=mirrors,
        stores=Stores(data / "logs", data / "attachments"),
        shelves=shelves,
        waiting=lambda: waiting(database),
        retention=retention_of(settings),
        code_host=settings.github,
    )


def build_disk(settings: Settings, cleaner: Cleaner) -> Disk:
    return Disk(
        data=settings.heddle_data_dir.absolute(),
        engine=DockerSeen(settings.docker_host, settings.heddle_deployment),
        least=int(settings.heddle_min_free_gb * GIGABYTE),
        cleaner=cleaner,
    )


def shelves_of_people(database: Database) -> list[Shelf]:
    """Deliveries, messages and posts, as long as they may be needed; what signs people in, until it has expired."""
    conversations = ConversationRow.__table__
    return [
        TableShelf(
            database,
            "deliveries",
            DeliveryRow,
            DeliveryRow.received_at,
            texts=[DeliveryRow.payload],
        ),
        TableShelf(
            database,
            "messages",
            MessageRow,
            MessageRow.received_at,
            conditions=[
                MessageRow.state == MessageState.HANDLED.value,
                *(
                    ~sa.exists().where(table.message_id == MessageRow.id)
                    for table in (RunRow, OpeningRow, FollowUpRow)
                ),
                without_work(MessageRow.conversation_id, conversations),
            ],
            texts=[MessageRow.text, MessageRow.data],
        ),
        TableShelf(
            database,
            "posts",
            PostRow,
            PostRow.created_at,
            # Whoever says something in a conversation, or in a linked one, may have its posts edited.
            conditions=[without_work(PostRow.conversation_id, conversations), _is_quiet()],
        ),
        *(
            TableShelf(database, name, table, table.expires_at, age=Age.OVER)
            for name, table in (
                ("sign-ins", SessionRow),
                ("entry links", EntryRow),
                ("watch links", WatchRow),
                ("linking tickets", TicketRow),
            )
        ),
    ]


async def waiting(database: Database) -> Collection[str]:
    """The messages that have not been handled: what was attached to them is needed."""
    async with database.read() as session:
        found = await session.scalars(
            sa.select(MessageRow.id).where(MessageRow.state != MessageState.HANDLED.value)
        )
        return frozenset(found)


def _is_quiet() -> sa.ColumnElement[bool]:
    """Whether no message is left in the post's conversation and those of its group: they go when they are old."""
    own, other = aliased(ConversationRow), aliased(ConversationRow)
    group = (
        sa.select(other.id)
        .join(own, own.group_id == other.group_id)
        .where(own.id == PostRow.conversation_id)
        .correlate(PostRow)
    )
    return ~sa.exists().where(
        sa.or_(MessageRow.conversation_id.in_(group), MessageRow.conversation_id == PostRow.conversation_id)
    )
