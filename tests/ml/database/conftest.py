"""A real PostgreSQL and the embedded SQLite, for tests that hold for both."""

from tests.ml.database.postgres import database, postgres, postgres_url

__all__ = ["database", "postgres", "postgres_url"]
