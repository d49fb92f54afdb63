"""Linked conversations, work on branches of other people, linked accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("group_id", sa.String(), nullable=True))
    op.execute("UPDATE conversations SET group_id = id")
    with op.batch_alter_table("conversations") as table:
        table.alter_column("group_id", existing_type=sa.String(), nullable=False)
        table.create_index("ix_conversations_group_id", ["group_id"], unique=False)

    op.create_table(
        "posts_by_conversation",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key", "conversation_id"),
    )
    op.execute(
        "INSERT INTO posts_by_conversation (key, conversation_id, reference, created_at) "
        "SELECT key, conversation_id, reference, created_at FROM posts"
    )
    op.drop_table("posts")
    op.rename_table("posts_by_conversation", "posts")

    with op.batch_alter_table("workspaces") as table:
        table.add_column(sa.Column("start", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("untrusted", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("runs") as table:
        table.add_column(sa.Column("title", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("fixes", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("note", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("attachments", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("head", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("follow_ups") as table:
        table.add_column(sa.Column("attachments", sa.JSON(), nullable=False, server_default="[]"))

    op.create_table(
        "accounts",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("github_id", sa.BigInteger(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("linked_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("person"),
    )
    op.create_table(
        "tickets",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("tickets") as table:
        table.create_index("ix_tickets_person", ["person"], unique=False)


def downgrade() -> None:
    op.drop_table("tickets")
    op.drop_table("accounts")
    with op.batch_alter_table("follow_ups") as table:
        table.drop_column("attachments")
    with op.batch_alter_table("runs") as table:
        for name in ("head", "attachments", "note", "fixes", "title"):
            table.drop_column(name)
    with op.batch_alter_table("workspaces") as table:
        table.drop_column("untrusted")
        table.drop_column("start")
    op.create_table(
        "posts_by_key",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("conversation_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.execute(
        "INSERT INTO posts_by_key (key, conversation_id, reference, created_at) "
        "SELECT key, MIN(conversation_id), MIN(reference), MIN(created_at) FROM posts GROUP BY key"
    )
    op.drop_table("posts")
    op.rename_table("posts_by_key", "posts")
    with op.batch_alter_table("conversations") as table:
        table.drop_index("ix_conversations_group_id")
        table.drop_column("group_id")
