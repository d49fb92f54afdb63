"""Workspaces' states and how they came there, checkpoints, conversations that ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workspaces") as table:
        table.add_column(sa.Column("state", sa.String(), nullable=False, server_default="stopped"))
        for name in ("state_at", "active_at", "retry_at", "checkpoint_at"):
            table.add_column(sa.Column(name, sa.Double(), nullable=False, server_default="0"))
        table.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("pull_request", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("checkpoint", sa.String(), nullable=False, server_default=""))
        table.create_index("ix_workspaces_state", ["state"], unique=False)
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("ended_at", sa.Double(), nullable=True))
        table.add_column(sa.Column("merged", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("deliveries") as table:
        table.create_index("ix_deliveries_received_at", ["received_at"], unique=False)
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=True),
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("moves") as table:
        table.create_index("ix_moves_workspace_id", ["workspace_id"], unique=False)
        table.create_index("ix_moves_at", ["at"], unique=False)
    op.create_table(
        "marks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    # What is open at the moment of the upgrade runs or is about to; a sweep sees what is true of it. What was
    # closed and has no run since has no volume any more.
    op.execute(
        "UPDATE workspaces SET state = 'running' WHERE id IN (SELECT workspace_id FROM openings WHERE state = 'open')"
    )
    op.execute(
        "UPDATE workspaces SET state = 'starting' "
        "WHERE id IN (SELECT workspace_id FROM openings WHERE state = 'starting')"
    )
    op.execute(
        "UPDATE workspaces SET state = 'closing' "
        "WHERE id IN (SELECT workspace_id FROM openings WHERE state = 'closing')"
    )
