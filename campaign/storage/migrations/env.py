"""How Alembic reaches the database: by the connection that ``Database`` hands over."""

from alembic import context

from campaign.storage.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller's transaction holds the whole upgrade
)
context.run_migrations()
