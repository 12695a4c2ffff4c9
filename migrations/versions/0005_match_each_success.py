"""Match lines with the event whose money they show, and keep what was in transit at a close."""

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0005_up.sql")


def downgrade() -> None:
    _run("0005_down.sql")
