"""Keep the times of cases, and the outages that are certified."""

from importlib import resources

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0022_up.sql")


def downgrade() -> None:
    _run("0022_down.sql")
