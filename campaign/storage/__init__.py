"""The ledger and the supporters on SQLAlchemy Core: SQLite and PostgreSQL, with Alembic migrations."""

from campaign.storage.uncounted import leave_memory_uncounted

leave_memory_uncounted()  # before any module here imports sqlite3
