"""Keep when the fee of a case may be paid, and whether its portal keeps the documents."""

from importlib import resources

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0019_up.sql")


def downgrade() -> None:
    _run("0019_down.sql")
