"""What Alembic runs around every step: the connection that `ml.database.migrating` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from ml.database.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can undo changes of the schema too, as its connections begin their transactions themselves.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
