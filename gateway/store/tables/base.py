"""What every table shares: the metadata with its rules for names, and the kinds of column."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; travels as text, compares as a number in the server."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def identifier(prefix: str) -> Column[str]:
    return Column("id", Text, primary_key=True, server_default=text(f"new_id('{prefix}')"))


def moment(name: str, *, required: bool = True) -> Column[datetime]:
    default = func.now() if name in {"created_at", "received_at", "recorded_at"} else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


def vnd(name: str, *, default: str | None = None) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=default)


def words(name: str, *, required: bool = True, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=not required, server_default=default)


def json(name: str, *, default: str | None = None) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=default)


def version() -> Column[int]:
    return Column("version", Integer, nullable=False, server_default="1")
