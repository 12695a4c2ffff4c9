"""Hand cases over between agencies, and keep the versions of their documents."""

from importlib import resources

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def _run(name: str) -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(resources.files("migrations").joinpath("sql", name).read_text(encoding="utf-8"))


def upgrade() -> None:
    _run("0020_up.sql")


def downgrade() -> None:
    _run("0020_down.sql")
