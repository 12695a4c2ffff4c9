"""Payments or cases of a year, in any number, with all that belongs to them in proportion.

Each payment has its case, one try, the events of its order and its success, two ledger rows, and the provider's
callback in the inbox; what a case has is told in `fill_cases`. Every key and index entry is as long as a real one;
texts that no index holds are shorter, so that ten million fit on a disk. Rows are written in the order of their times
with indexes and constraints away, which are then built and checked as they were.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from bench.ground import AGENCY, AMOUNT_VND, FEES, json_text
from bench.report import step

SECONDS_APART = 3
"""Ten million payments are then nearly a year of them."""
SLICE = 500_000

# one bijection of 32 bits draws what is random in real life: codes and references of a day are in no order
_WORDS = {
    "$id": "lpad(to_hex(1750000000000 + n), 12, '0') || substr(md5(n::text), 1, 20)",
    "$case": ":agency || '-' || to_char($at, 'YYMMDD') || '-' || lpad(n::text, 8, '0')",
    "$order": "'C4' || to_char($at, 'YYMMDD') || upper($drawn)",
    "$drawn": "lpad(to_hex((n * 2654435761) & 4294967295), 8, '0')",
    "$hash": "md5(n::text) || md5('x' || n)",
    "$at": "(CAST(:until AS timestamptz) - (CAST(:rows AS bigint) - n) * CAST(:apart AS interval))",
    "$n": "generate_series(CAST(:first AS bigint), :last) AS n",
}
"""What the statements below are written with; a word may hold later ones."""

_FILL = {
    "cases": """
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
                   applicant_sealed, phone_index, answers_sealed, fees, track_token, created_at, submitted_at,
                   accepted_at, due_on, finished_at, handed_over_at)
SELECT $case, :portal, 'HS-' || $drawn, $hash, '2.000488', :agency, 'result_delivered', 'paid',
       CAST(:sealed AS bytea), decode($hash, 'hex'), CAST(:sealed AS bytea), CAST(:fees AS jsonb),
       md5('t' || n) || substr(md5(n::text), 1, 16), $at, $at, $at, $at::date, $at, $at
FROM $n""",
    "payments": """
INSERT INTO payments (id, portal_id, reference, fingerprint, order_code, case_code, agency_code, state, amount_vnd,
                      lines, paid_vnd, provider, payer_sealed, return_url, token, version, created_at, expires_at,
                      paid_at, follows_case)
SELECT 'pay_' || $id, :portal, 'TT-' || $drawn, $hash, $order, $case, :agency, 'paid', :amount,
       CAST(:fees AS jsonb), :amount, 'vnpay', CAST(:sealed AS bytea), 'https://dvc.example.vn/done',
       md5('p' || n) || substr(md5(n::text), 1, 16), 3, $at, $at + interval '1 day', $at, true
FROM $n""",
    "attempts": """
INSERT INTO attempts (id, payment_id, provider, reference, number, state, provider_ref, code, paid_vnd, paid_at,
                      redirect_url, created_at, sent_at, asked_vnd)
SELECT 'att_' || $id, 'pay_' || $id, 'vnpay', $order, 1, 'succeeded', (900000000000 + n)::text, '00/00', :amount, $at,
       CAST(:address AS text), $at, $at, :amount
FROM $n""",
    "events": """
INSERT INTO events (id, recorded_at, occurred_at, portal_id, case_code, subject_kind, subject_id, type, from_state,
                    to_state, version, actor, cause, data)
SELECT 2 * n - 2 + side, $at, $at, :portal, $case, 'payment', 'pay_' || $id, type, from_state, to_state,
       version, actor, cause, CASE side
           WHEN 1 THEN jsonb_build_object('amount_vnd', CAST(:amount AS bigint))
           ELSE jsonb_build_object('attempt_id', 'att_' || $id, 'provider', 'vnpay',
                                   'amount_vnd', CAST(:amount AS bigint))
       END
FROM $n, (VALUES
    (1, 1, 'payment.created', NULL, 'created', 'portal:bench', 'inbox:' || 1),
    (2, 3, 'payment.succeeded', 'pending', 'paid', 'provider:vnpay', 'inbox:' || 2))
    AS told (side, version, type, from_state, to_state, actor, cause)""",
    "ledger": """
INSERT INTO ledger (id, event_id, account, debit_vnd, credit_vnd, booked_on)
SELECT 2 * n - 2 + side, 2 * n, account, debit * :amount, (1 - debit) * :amount,
       ($at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date
FROM $n,
     (VALUES (1, 'provider:vnpay', 1), (2, 'collected:' || :agency, 0)) AS told (side, account, debit)""",
    "inbox": """
INSERT INTO inbox (id, received_at, source, method, path, query, headers, body, verdict, reference)
SELECT n, $at, 'vnpay', 'GET', '/callbacks/vnpay', CAST(:query AS bytea), '{"user-agent": "bench"}'::jsonb, '',
       'ok', $order
FROM $n""",
}


@dataclass(frozen=True, slots=True)
class Filling:
    """What is written: a statement for each table in their order; of tables with counted ids, the rows of a thing."""

    statements: Mapping[str, str]
    numbered: Mapping[str, int]


PAYMENTS = Filling(_FILL, {"events": 2, "ledger": 2, "inbox": 1})

_CONSTRAINTS = """
SELECT c.conrelid::regclass::text AS of, quote_ident(c.conname) AS name, pg_get_constraintdef(c.oid) AS definition
FROM pg_constraint c
WHERE (c.conrelid = ANY (CAST(:tables AS regclass[])) AND c.contype IN ('p', 'u', 'f'))
   OR (c.confrelid = ANY (CAST(:tables AS regclass[])) AND c.contype = 'f')
ORDER BY c.contype = 'f', c.conrelid::regclass::text, c.conname
"""
_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
WHERE i.indrelid = ANY (CAST(:tables AS regclass[]))
AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
ORDER BY 1
"""
_WHILE_FILLING = {"max_wal_size": "4GB", "autovacuum": "off", "checkpoint_timeout": "30min"}
_SESSION = (
    "statement_timeout = 0",
    "synchronous_commit = off",
    "maintenance_work_mem = '1GB'",
    "max_parallel_maintenance_workers = 2",
)


@dataclass(frozen=True, slots=True)
class _Away:
    """What was taken from the tables, in SQL: how it is taken, and how it is put back."""

    drop: Sequence[str]
    build: Sequence[str]


def fill(engine: Engine, portal_id: str, rows: int, until: datetime) -> None:
    """`rows` payments, the last at `until`, in a database that has none; analysed and vacuumed after."""
    values = {
        "portal": portal_id,
        "agency": AGENCY,
        "amount": AMOUNT_VND,
        "fees": json_text(FEES),
        "sealed": os.urandom(60),
        "address": "https://pay.example.vn/" + "v" * 40,
        "query": b"q" * 150,
    }
    write(engine, PAYMENTS, values, rows=rows, until=until)


def write(
    engine: Engine, filling: Filling, values: Mapping[str, object], *, rows: int, until: datetime
) -> None:
    """`rows` things, the last at `until`, by what their statements are given; analysed and vacuumed after."""
    values = {**values, "rows": rows, "apart": f"{SECONDS_APART} s", "until": until}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name, value in _WHILE_FILLING.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
        connection.execute(text("SELECT pg_reload_conf()"))
        for setting in _SESSION:
            connection.execute(text(f"SET {setting}"))
        away = _away(connection, list(filling.statements))
        try:
            for statement in away.drop:
                connection.execute(text(statement))
            _write(connection, filling, values, rows)
            for statement in away.build:
                connection.execute(text(statement))
                step(statement[:90])
        finally:
            for name in _WHILE_FILLING:
                connection.execute(text(f"ALTER SYSTEM RESET {name}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
        step("vacuumed and analysed")
        connection.invalidate()  # its settings are nobody else's


def size_gb(engine: Engine) -> float:
    """What the database takes on disk, in gigabytes."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()) / 1e9


def _away(connection: Connection, names: Sequence[str]) -> _Away:
    tables = {"tables": names}
    constraints = connection.execute(text(_CONSTRAINTS), tables).all()
    indexes = connection.execute(text(_INDEXES), tables).all()
    return _Away(
        # foreign keys come last in the list: they go first, and come back last
        drop=[
            *(f"ALTER TABLE {each.of} DROP CONSTRAINT {each.name}" for each in reversed(constraints)),
            *(f"DROP INDEX {each.name}" for each in indexes),
        ],
        build=[
            *(str(each.definition) for each in indexes),
            *(f"ALTER TABLE {each.of} ADD CONSTRAINT {each.name} {each.definition}" for each in constraints),
        ],
    )


def _write(connection: Connection, filling: Filling, values: Mapping[str, object], rows: int) -> None:
    for table in filling.statements:
        statement = statement_of(filling, table)
        # the ledger's sums are checked for every statement: slices keep what it looks at in memory
        for first in range(1, rows + 1, SLICE):
            given = {**values, "first": first, "last": min(rows, first + SLICE - 1)}
            connection.execute(
                text(statement), {name: value for name, value in given.items() if f":{name}" in statement}
            )
        if table in filling.numbered:
            numbered = {"table": table, "last": rows * filling.numbered[table]}
            connection.execute(text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"), numbered)
        step(f"{table}: filled, {rows} things")


def statement_of(filling: Filling, table: str) -> str:
    """The statement that fills a table, with every word put in."""
    statement = filling.statements[table]
    for word, meaning in _WORDS.items():
        statement = re.sub(re.escape(word) + r"\b", meaning, statement)
    return statement
