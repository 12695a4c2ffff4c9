"""Tell successes of one try apart, keep unclear money unclear while any try is, and count a day's closes."""

from importlib import resources

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0003_up.sql")


def downgrade() -> None:
    _run("0003_down.sql")
