"""How Alembic runs these migrations: on the connection that it is given."""

from alembic import context

from scantrail.stores.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
