"""Alembic migrations; each runs under the code of the release before it."""
