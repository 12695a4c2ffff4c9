"""Forget people when their time is over, and hold what must be kept."""

from importlib import resources

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0021_up.sql")


def downgrade() -> None:
    _run("0021_down.sql")
