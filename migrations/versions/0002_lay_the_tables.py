"""Lay the tables: cases, money, deliveries, the events spine, and the rules that the database itself holds."""

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0002_before_tables.sql")
    _run("0002_tables.sql")
    _run("0002_after_tables.sql")


def downgrade() -> None:
    _run("0002_down.sql")
