"""Keep the version of its procedure that a case follows, and the channel that it came by."""

from importlib import resources

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0018_up.sql")


def downgrade() -> None:
    _run("0018_down.sql")
