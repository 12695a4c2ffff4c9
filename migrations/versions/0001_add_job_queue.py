"""Add the job queue: procrastinate's own schema, kept in a schema of its own.

The text comes from the pinned release of the library; a new release that changes it brings its own migration here.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path = jobs")
    connection = op.get_bind().connection.cursor()
    connection.execute(SchemaManager.get_schema())
    op.execute("SET LOCAL search_path = public, jobs")


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
