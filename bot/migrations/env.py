"""Alembic's entry: runs the migrations on the connection that it is given."""

from __future__ import annotations

from alembic import context

import bot.tables  # noqa: F401 - both fill the metadata
import orchestrator.tables  # noqa: F401
from orchestrator.database import Base

OURS = {table.name for table in Base.metadata.sorted_tables}

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # The workflow engine's tables are in the same database and are its own business.
    include_name=lambda name, kind, _parents: kind != "table" or name in OURS,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
