"""The ledger and the supporters on SQLAlchemy Core: SQLite and PostgreSQL, with Alembic migrations."""
