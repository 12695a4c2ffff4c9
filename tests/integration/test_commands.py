"""The commands against PostgreSQL: portals, statements, the day's books, jobs, how it stands."""

import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, insert, text

from gateway.cli.main import main
from gateway.domain.codes import make_order_code
from gateway.store import alarms, embedded, jobs, migrate, tables
from gateway.store.engine import make_engine
from gateway.wiring import house

pytestmark = pytest.mark.service

ACCOUNT = "0123456789"
DAY = "2026-11-23"
PAID_AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ORDER_CODE = make_order_code(PAID_AT.date(), b"abcde")
SENDER = {"name": "Trung tâm", "phone": "02183888888", "address": "Phường Hòa Bình", "province_code": 35}
AGENCY = {
    "code": "H28",
    "name": "Trung tâm Phục vụ hành chính công",
    "account": ACCOUNT,
    "bank_bin": "970418",
    "account_name": "TTPVHCC",
    "sender": SENDER,
}
VNPAY = {
    "TMN_CODE": "C4HB0001",
    "SECRET": "hush",
    "PAY_URL": "http://127.0.0.1:1/",
    "QUERY_URL": "http://127.0.0.1:1/",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def url(folder: Path) -> str:
    return embedded.start(folder / "pg").url


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """`work` runs until its process ends, and leaves the house open; here the process goes on."""
    yield
    if house.cache_info().currsize:
        house().close()
        house.cache_clear()


@pytest.fixture(autouse=True)
def _installation(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    agencies = folder / "agencies.json"
    agencies.write_text(json.dumps([AGENCY]), encoding="utf-8")
    monkeypatch.setenv("GATEWAY_VAR_DIR", str(folder))
    monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
    monkeypatch.setenv("GATEWAY_AGENCIES_FILE", str(agencies))
    for name, value in VNPAY.items():
        monkeypatch.setenv(f"GATEWAY_VNPAY__{name}", value)


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    """A connection to a database with our schema and nothing in it."""
    engine = make_engine(url)
    migrate.downgrade(engine, "base")
    migrate.upgrade(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> "Run":
    return Run(capsys)


class Run:
    """Runs a command and reads what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What it prints; a command that fails says one line on stderr."""
        self._capsys.readouterr()
        found = main(arguments)
        said = self._capsys.readouterr()
        self.err = said.err
        assert code == found, said.err
        assert (0 if code == 0 else 1) == len(said.err.splitlines())
        return said.out

    def check(self, *, code: int) -> list[str]:
        """The lines of `check`, which tells what is wrong where it tells the rest."""
        self._capsys.readouterr()
        assert code == main(["check"])
        said = self._capsys.readouterr()
        assert "" == said.err
        return said.out.splitlines()

    def fails(self, *arguments: str) -> str:
        assert "" == self(*arguments, code=1)
        assert self.err.startswith("cong4: ")
        return self.err.removeprefix("cong4: ").rstrip("\n")


def _public_key(path: Path) -> str:
    key = Ed25519PrivateKey.generate().public_key()
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(path)


def _statement(path: Path, *memos_and_sums: tuple[str, int]) -> str:
    lines = [
        f":61:2611231123{'D' if vnd < 0 else 'C'}{abs(vnd)},NTRFREF{n}//FT{n}\n:86:{memo}"
        for n, (memo, vnd) in enumerate(memos_and_sums)
    ]
    total = sum(vnd for _, vnd in memos_and_sums)
    head = f":20:X\n:25:{ACCOUNT}\n:28C:1\n:60F:C261123VND0,"
    path.write_text(
        "\n".join([head, *lines, f":62F:{'D' if total < 0 else 'C'}261123VND{abs(total)},"]), encoding="utf-8"
    )
    return str(path)


def _taken(connection: Connection, vnd: int) -> None:
    """What the books know of the money that VNPAY has taken: an event and its two rows."""
    facts = {
        "subject_kind": "payment",
        "subject_id": "pay_1",
        "type": "payment.succeeded",
        "to_state": "paid",
    }
    whence = {"version": 1, "actor": "provider:vnpay", "cause": "inbox:1", "occurred_at": PAID_AT}
    data = {"attempt_id": "att_1", "provider": "vnpay", "amount_vnd": vnd}
    event = insert(tables.events).values(**facts, **whence, data=data).returning(tables.events.c.id)
    event_id = connection.execute(event).scalar_one()
    sides = (("provider:vnpay", vnd, 0), ("collected:H28", 0, vnd))
    rows = [
        {
            "event_id": event_id,
            "booked_on": PAID_AT.date(),
            "account": name,
            "debit_vnd": debit,
            "credit_vnd": credit,
        }
        for name, debit, credit in sides
    ]
    connection.execute(insert(tables.ledger).values(rows))


def _paid(connection: Connection, vnd: int) -> str:
    """A payment that VNPAY has taken, as bare as the tables allow; returns its attempt's id."""
    known = {"portal_id": "prt_1", "reference": "r", "fingerprint": "f", "agency_code": "H28"}
    case = {"case_code": "H28-261123-0001", "procedure_code": "2.000488", "track_token": "t", "fees": []}
    order = {"order_code": ORDER_CODE, "amount_vnd": vnd, "lines": [], "return_url": "-", "token": "t"}
    rows = (
        (tables.portals, {"id": "prt_1", "name": "Cổng", "agency_code": "H28", "live": False}),
        (
            tables.cases,
            {
                **known,
                **case,
                "state": "registered",
                "money_state": "due",
                "applicant_sealed": b"-",
                "answers_sealed": b"-",
            },
        ),
        (
            tables.payments,
            {
                **known,
                **order,
                "id": "pay_1",
                "case_code": case["case_code"],
                "state": "paid",
                "payer_sealed": b"-",
                "expires_at": PAID_AT,
            },
        ),
        (
            tables.attempts,
            {
                "id": "att_1",
                "payment_id": "pay_1",
                "provider": "vnpay",
                "reference": ORDER_CODE,
                "number": 1,
                "state": "succeeded",
                "paid_vnd": vnd,
                "paid_at": PAID_AT,
            },
        ),
    )
    for table, values in rows:
        connection.execute(insert(table).values(**values))
    _taken(connection, vnd)
    connection.commit()
    return "att_1"


# --- the installation ---------------------------------------------------------------------------


def test_check_finds_an_installation_whole_and_shows_no_secret(
    connection: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection is not None
    lines = run.check(code=0)
    assert {"✓"} == {line[0] for line in lines}
    told = "\n".join(lines)
    for part in (
        "test mode",
        "key: paper 0001  p256  0 days old",
        "agencies: H28",
        "providers: vnpay",
    ):
        assert part in told
    assert f"schema: {migrate.head()}" in told
    assert "hush" not in told
    monkeypatch.setenv("GATEWAY_LIVE", "true")
    assert "✗ settings: live mode, reached at http://127.0.0.1:8080, which is not https" in run.check(code=1)


def test_check_says_that_cases_follow_a_procedure_that_is_not_there(connection: Connection, run: Run) -> None:
    for statement in CASE_TO_FORGET.split(";\n"):
        connection.execute(text(statement))
    connection.execute(text("UPDATE cases SET procedure_version = 7"))
    connection.commit()
    told = [line for line in run.check(code=1) if line.startswith("✗")]
    assert [
        "✗ procedures: the catalogue has no version 7 of the procedure 2.000488, and cases follow it"
    ] == told


def test_check_says_what_is_missing(
    url: str, run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    engine = make_engine(url)
    migrate.upgrade(engine)
    migrate.downgrade(engine, "0001")
    engine.dispose()
    monkeypatch.delenv("GATEWAY_AGENCIES_FILE")
    for name in VNPAY:
        monkeypatch.delenv(f"GATEWAY_VNPAY__{name}")
    key = next((folder / "keys").glob("*.pem"))
    key.chmod(0o644)
    told = [line for line in run.check(code=1) if line.startswith("✗")]
    key.chmod(0o600)
    assert [
        f"✗ key: others than its owner may read {key.name}",
        "✗ agencies: none: GATEWAY_AGENCIES_FILE names nobody to collect for",
        "✗ providers: none: nothing can be paid",
        f"✗ schema: 0001, this code needs {migrate.head()}: run `migrate`",
    ] == told
    assert "does not have the schema of this code: run `python -m gateway migrate`" in run.fails("status")
    head = migrate.head()
    assert f"the database does not fit (schema 0001, code {head}): run `migrate`" == run.fails("work")
    assert f"the database has schema {migrate.head()}\n" == run("migrate")


def test_a_database_that_is_newer_than_the_code_is_not_migrated(connection: Connection, run: Run) -> None:
    connection.execute(text("UPDATE public.alembic_version SET version_num = '9999'"))
    connection.commit()
    assert "the database cannot be migrated by this code" in run.fails("migrate")
    connection.execute(
        text("UPDATE public.alembic_version SET version_num = :head"), {"head": migrate.head()}
    )
    connection.commit()


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["alarms", "list"], ["jobs", "list"], ["migrate"], ["portal", "list"]],
    ids=" ".join,
)
def test_a_server_that_cannot_be_reached_is_told_in_one_sentence(
    arguments: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://someone:hush@127.0.0.1:1/cong4")
    assert "the database cannot be reached: Connection refused" == run.fails(*arguments)


def test_check_says_that_a_server_cannot_be_reached(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://someone:hush@127.0.0.1:1/cong4")
    told = "\n".join(run.check(code=1))
    assert "✗ database: server 127.0.0.1, database cong4: the database cannot be reached" in told
    assert "hush" not in told


def test_what_is_no_url_is_told_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("hush", "postgresql://someone:hush@127.0.0.1:port/x", "mysql://someone:hush@127.0.0.1/x"):
        monkeypatch.setenv("GATEWAY_DATABASE_URL", url)
        assert "GATEWAY_DATABASE_URL is not a postgresql:// URL" == run.fails("status")


# --- portals ------------------------------------------------------------------------------------


def test_a_portal_is_let_in_given_a_key_and_its_key_revoked(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    assert connection is not None
    assert "no portal is known\n" == run("portal", "list")
    portal = run("portal", "add", "--name", "Cổng A", "--agency", "H28").strip()
    assert portal == run("portal", "add", "--name", "Cổng A", "--agency", "H28").strip()
    pem = _public_key(tmp_path / "a.pem")
    key = ("portal", "key", "--portal", portal, "--keyid", "a-2026", "--public-key", pem)
    assert "a-2026: cases:write payments:write refunds:write deliveries:write read\n" == run(*key)
    assert "a-2026: read payments:write\n" == run(*key, "--scope", "read", "--scope", "payments:write")
    listed = f"{portal}  Cổng A  agency H28  for tests\n    a-2026: read payments:write\n"
    assert listed == run("portal", "list")
    assert "a-2026 is revoked\n" == run("portal", "revoke", "--keyid", "a-2026")
    assert "  revoked 20" in run("portal", "list")
    assert "no key that is believed has this keyid" == run.fails("portal", "revoke", "--keyid", "a-2026")


def test_a_portal_is_not_changed_by_adding_it_again_and_no_key_goes_to_another(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    assert connection is not None
    first = run("portal", "add", "--name", "Cổng A", "--agency", "H28").strip()
    second = run("portal", "add", "--name", "Cổng B", "--agency", "H28", "--live").strip()
    told = run.fails("portal", "add", "--name", "Cổng A", "--agency", "H28", "--live")
    assert f"{first} has this name, the agency H28, and is for tests" == told
    assert "no agency of GATEWAY_AGENCIES_FILE has this code" == run.fails(
        "portal", "add", "--name", "Cổng C", "--agency", "H99"
    )
    pem = _public_key(tmp_path / "a.pem")
    run("portal", "key", "--portal", first, "--keyid", "k", "--public-key", pem)
    assert "another portal has a key of this keyid" == run.fails(
        "portal", "key", "--portal", second, "--keyid", "k", "--public-key", pem
    )
    assert "no portal has this id" == run.fails(
        "portal", "key", "--portal", "prt_none", "--keyid", "k", "--public-key", pem
    )


# --- the day's books ----------------------------------------------------------------------------


def test_a_statement_is_read_taken_in_once_and_matched_and_the_day_is_green(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    attempt = _paid(connection, 180_000)
    given = (
        "statement",
        "import",
        _statement(tmp_path / "s", (f"LP {ORDER_CODE}", 180_000)),
        "--account",
        ACCOUNT,
    )
    assert "1 lines, 180,000 VND in: would be taken in; nothing was kept\n" == run(*given, "--dry-run")
    assert 0 == connection.execute(text("SELECT count(*) FROM statements")).scalar_one()
    connection.rollback()
    first = json.loads(run(*given, "--json"))
    assert first["statement_id"] == connection.execute(text("SELECT id FROM statements")).scalar_one()
    assert {"lines": 1, "received_vnd": 180_000, "dry_run": False} == {
        k: first[k] for k in first if k != "statement_id"
    }
    assert "1 lines, 180,000 VND in: this file was imported before; nothing was changed\n" == run(*given)
    told = json.loads(run("reconcile", "--account", ACCOUNT, "--day", DAY, "--json"))
    assert (180_000, 0) == (told["matched_vnd"], told["breaks_vnd"])
    assert [("matched", "by_reference", attempt, DAY, 180_000)] == [
        (each["kind"], each["reason"], each["attempt_id"], each["value_on"], each["amount_vnd"])
        for each in told["decisions"]
    ]
    sums = {"expected_vnd": 180_000, "received_vnd": 180_000, "booked_vnd": 180_000, "open_breaks": 0}
    assert {"day": DAY, **sums, "in_transit_vnd": 0} == told["day"]
    closed = json.loads(run("close", "--day", DAY, "--account", ACCOUNT, "--json"))
    how = {"difference_vnd": 0, "in_transit_vnd": 0, "reasons": [], "green": True}
    assert {"day": DAY, "account": ACCOUNT, **sums, **how} == closed
    assert run("close", "--day", DAY, "--account", ACCOUNT).startswith(f"✓ {DAY}: expected 180,000 VND, ")


def test_a_line_that_nobody_knows_is_a_break_and_the_day_is_red(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    _paid(connection, 180_000)
    path = _statement(tmp_path / "s", ("CHUYEN TIEN", 50_000), (f"LP {ORDER_CODE}", 1_000))
    run("statement", "import", path, "--account", ACCOUNT)
    assert [
        f"{DAY}  50,000 VND  FT0  break: no_reference",
        f"{DAY}  1,000 VND  FT1  break: amount_differs",
        "2 lines looked at: 0 VND matched, 51,000 VND in breaks",
    ] == run("reconcile", "--account", ACCOUNT).splitlines()
    told = run("close", "--day", DAY, "--account", ACCOUNT, code=1)
    assert told.startswith(
        f"✗ {DAY}: expected 180,000 VND, received 51,000 VND, booked 51,000 VND, open breaks 3"
    )
    assert (
        "cong4: the day is red: the sums differ by 129,000 VND, 180,000 VND are in transit, "
        "3 breaks or awaited sums are open\n" == run.err
    )


def test_a_day_without_a_statement_is_red_and_says_so(connection: Connection, run: Run) -> None:
    assert connection is not None
    told = json.loads(run("close", "--day", DAY, "--account", ACCOUNT, "--json", code=1))
    assert (False, ["no_statement"]) == (told["green"], told["reasons"])
    assert "cong4: the day is red: no statement covers it\n" == run.err


def test_money_out_is_told_with_its_sign(connection: Connection, run: Run, tmp_path: Path) -> None:
    assert connection is not None
    path = _statement(tmp_path / "s", ("PHI NGAN HANG", -11_000))
    run("statement", "import", path, "--account", ACCOUNT)
    assert [
        f"{DAY}  -11,000 VND  FT0  break: unexplained_debit",
        "1 lines looked at: 0 VND matched, -11,000 VND in breaks",
    ] == run("reconcile", "--account", ACCOUNT).splitlines()


def test_another_days_lines_are_matched_too_and_not_told(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    assert connection is not None
    run("statement", "import", _statement(tmp_path / "s", ("CHUYEN TIEN", 50_000)), "--account", ACCOUNT)
    told = run("reconcile", "--account", ACCOUNT, "--day", "2026-11-22").splitlines()
    assert "0 lines looked at: 0 VND matched, 0 VND in breaks" == told[0]
    assert told[1].startswith("2026-11-22: expected 0 VND")
    assert "0 lines looked at" in run("reconcile", "--account", ACCOUNT)


def test_an_account_that_nobody_has_is_refused_by_each_command(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    assert connection is not None
    path = _statement(tmp_path / "s", ("CHUYEN TIEN", 50_000))
    for command in (["statement", "import", path], ["reconcile"]):
        told = run.fails(*command, "--account", "9")
        assert "no agency of GATEWAY_AGENCIES_FILE has the account 9" == told
    assert "no agency has this account" == run.fails("close", "--day", DAY, "--account", "9")


def test_a_damaged_file_and_an_unknown_format_are_refused(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    assert connection is not None
    path = tmp_path / "s"
    path.write_bytes(b"\xff\x00 no statement")
    run.fails("statement", "import", str(path), "--account", ACCOUNT)
    told = run.fails("statement", "import", str(path), "--account", ACCOUNT, "--profile", "csv")
    assert "no statement format is called csv" == told


# --- how it stands ------------------------------------------------------------------------------


def test_status_and_alarms_say_how_it_stands(connection: Connection, run: Run) -> None:
    quiet = [
        "unknown money: none",
        "jobs: none",
        "webhooks not delivered yet: 0",
        "cases the national portal is behind with: none",
        "open alarms: 0",
    ]
    assert quiet == run("status").splitlines()
    assert "no alarm is open\n" == run("alarms", "list")
    _paid(connection, 180_000)
    connection.execute(text("UPDATE attempts SET state = 'unknown', created_at = :at"), {"at": PAID_AT})
    alarms.raise_alarm(connection, "money_unclear", "att_1", "provider vnpay")
    jobs.put(connection, "expire_payment", subject="pay_1", args={"payment_id": "pay_1"})
    connection.commit()
    assert {
        "unknown_money": [
            {"provider": "vnpay", "attempts": 1, "amount_vnd": 180_000, "oldest_at": PAID_AT.isoformat()}
        ],
        "jobs": {"todo": 1},
        "webhooks_undelivered": 0,
        "portal_sync": {"waiting": 0, "refused": 0, "oldest_at": None},
        "alarms_open": 1,
    } == json.loads(run("status", "--json"))
    first = "unknown money at vnpay: 1 tries, 180,000 VND, the oldest since 2026-11-23T10:00+07:00"
    assert [first, "jobs: 1 todo"] == run("status").splitlines()[:2]
    assert "money_unclear  att_1  provider vnpay\n" == run("alarms", "list")
    assert {
        "alarms": [{"name": "money_unclear", "subject": "att_1", "detail": "provider vnpay"}]
    } == json.loads(run("alarms", "list", "--json"))
    assert "money_unclear att_1 is closed\n" == run("alarms", "close", "money_unclear", "att_1")
    assert "no such alarm is open" in run.fails("alarms", "close", "money_unclear", "att_1")
    assert "no alarm is open\n" == run("alarms", "list")


def test_a_failed_job_is_listed_and_put_down_again(connection: Connection, run: Run) -> None:
    job = jobs.put(connection, "issue_receipt", subject="pay_1", args={"payment_id": "pay_1"}, at=PAID_AT)
    connection.commit()
    assert f"no failed job has the id {job}" == run.fails("jobs", "rerun", str(job))
    for status in ("doing", "failed"):
        connection.execute(
            text("UPDATE procrastinate_jobs SET status = CAST(:status AS procrastinate_job_status)"),
            {"status": status},
        )
    connection.commit()
    listed = f"{job}  issue_receipt:pay_1  failed  tries 0  due 2026-11-23T03:00:00+00:00\n"
    assert listed == run("jobs", "list", "--status", "failed")
    assert "" == run("jobs", "list", "--status", "todo")
    assert f"job {job} is put down again\n" == run("jobs", "rerun", str(job))
    assert [
        {
            "id": job,
            "task": "issue_receipt",
            "lock": "issue_receipt:pay_1",
            "status": "todo",
            "attempts": 0,
            "scheduled_at": None,
        }
    ] == json.loads(run("jobs", "list", "--json"))["jobs"]


def test_the_book_of_an_agency_is_written_for_its_owner_only(
    connection: Connection, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "so-theo-doi.pdf"
    asked = ("book", "--agency", "H28", "--from", "2026-11-01", "--to", "2026-11-30", "--out")
    who = ("--by", "vanthu", "--reason", "báo cáo tháng")
    assert str(out) in run(*asked, str(out), *who)
    assert out.read_bytes().startswith(b"%PDF")
    assert 0o600 == out.stat().st_mode & 0o777
    assert "H99" in run.fails("book", "--agency", "H99", *asked[3:], str(out), *who)
    assert "so-theo-doi" in run.fails(*asked, str(tmp_path / "nowhere" / "so-theo-doi.pdf"), *who)
    assert "printable" in run.fails(*asked, str(out), "--by", "vanthu", "--reason", " ")


# --- the times of cases --------------------------------------------------------------------------


OUTAGE = ("--from", "2026-11-23T08:00", "--until", "2026-11-23T11:00", "--agency")


def test_an_outage_is_certified_listed_and_taken_back(connection: Connection, run: Run) -> None:
    assert "no outage" in run("outage", "list")
    certify = ("outage", "certify", *OUTAGE, "H28", "--reason", "Đứt cáp quang", "--by", "lan")
    assert run(*certify).startswith("1: certified")
    assert "1: was certified by staff:lan" in run(*certify)
    (job,) = jobs.listed(connection)
    assert ("follow_outage", "todo") == (job.task, job.status)
    (told,) = json.loads(run("outage", "list", "--json"))["outages"]
    assert ("2026-11-23T08:00:00+07:00", "H28", False) == (
        told["from"],
        told["agency_code"],
        told["taken_back"],
    )
    run("outage", "revoke", "1", "--reason", "nhầm ngày", "--by", "minh")
    assert "taken back" in run("outage", "list")
    assert run("outage", "certify", *OUTAGE, "ALL", "--reason", "Bão", "--by", "lan").startswith("3: ")
    assert "no agency" in run.fails("outage", "certify", *OUTAGE, "H44", "--reason", "Bão", "--by", "lan")
    assert "no such outage" in run.fails("outage", "revoke", "9", "--reason", "Bão", "--by", "lan")


def test_the_figures_of_a_month_are_printed_in_three_ways(connection: Connection, run: Run) -> None:
    _paid(connection, 1000)
    connection.execute(text("UPDATE cases SET submitted_at = :at"), {"at": PAID_AT})
    connection.execute(
        insert(tables.case_times).values(
            case_code="H28-261123-0001",
            accepted_at=PAID_AT,
            due_at=PAID_AT,
            ended_at=PAID_AT,
            ended_as="processed",
        )
    )
    connection.commit()
    asked = ("figures", "--month", "2026-11")
    assert "on_time  1 of 1  100.00 %  full" in run(*asked)
    found = json.loads(run(*asked, "--json", "--agency", "H28"))
    assert (1, 1) == (found["total"]["received"], found["total"]["finished_in_time"])
    lines = run(*asked, "--csv", "--field", "Lý lịch tư pháp").splitlines()
    assert 3 == len(lines)
    assert "month is written" not in run(*asked, "--agency", "H15")
    assert "a month of this century" in run.fails("figures", "--month", "11/2026")


# --- forgetting a person in the proof log ---------------------------------------------------------


CASE_TO_FORGET = """
INSERT INTO portals (id, name, agency_code, live) VALUES ('prt_f', 'f', 'H28', false);
INSERT INTO cases (case_code, portal_id, reference, fingerprint, procedure_code, agency_code, state, money_state,
    applicant_sealed, phone_index, answers_sealed, fees, track_token) VALUES ('H28-261123-0001', 'prt_f', 'f', 'x',
    '2.000488', 'H28', 'registered', 'paid', 'x', 'x', 'x', '[]', 'f');
INSERT INTO salts (scope, salt_sealed) VALUES ('H28-261123-0001', 'sealed')
"""


def _salts(connection: Connection) -> list[tuple[str, bytes | None]]:
    connection.rollback()
    return [tuple(row) for row in connection.execute(text("SELECT scope, salt_sealed FROM salts"))]  # type: ignore[misc]


def test_a_case_is_forgotten_once_and_for_good(connection: Connection, run: Run) -> None:
    for statement in CASE_TO_FORGET.split(";\n"):
        connection.execute(text(statement))
    connection.commit()
    assert "no case has the code H28-9" in run.fails("forget", "H28-9", "--yes")
    assert [("H28-261123-0001", b"sealed")] == _salts(connection)
    first = json.loads(run("forget", "H28-261123-0001", "--yes", "--json"))
    assert [("H28-261123-0001", None)] == _salts(connection)
    again = json.loads(run("forget", "H28-261123-0001", "--yes", "--json"))
    assert (False, True) == (first["before"], again["before"])
    assert first["forgotten_at"] == again["forgotten_at"]
    assert "was forgotten before" in run("forget", "H28-261123-0001", "--yes")


@pytest.mark.parametrize(("answer", "code"), [("H28-261123-0001\n", 0), ("yes\n", 1), ("", 1)])
def test_a_case_is_forgotten_only_when_its_code_is_repeated(
    connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
) -> None:
    for statement in CASE_TO_FORGET.split(";\n"):
        connection.execute(text(statement))
    connection.commit()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert code == main(["forget", "H28-261123-0001"])
    said = capsys.readouterr().err
    assert "Không thể hoàn tác" in said
    assert "It cannot be undone" in said
    assert (None if code == 0 else b"sealed") == _salts(connection)[0][1]


def test_a_hold_is_set_listed_and_cleared_and_what_is_kept_beyond_its_time_is_told(
    connection: Connection, run: Run
) -> None:
    for statement in CASE_TO_FORGET.split(";\n"):
        connection.execute(text(statement))
    connection.execute(
        text("INSERT INTO retention (case_code, ended_at) VALUES ('H28-261123-0001', '2020-01-01Z')")
    )
    connection.execute(text("DELETE FROM salts"))  # what stands there cannot be opened
    connection.commit()
    assert "nothing is held\n" == run("hold", "list")
    why = ("H28-261123-0001", "--by", "phaply", "--reason", "khiếu nại")
    assert "no case" in run.fails("hold", "set", "H28-9", *why[1:])
    assert "printable" in run.fails("hold", "set", *why[:-1], "")
    assert "H28-261123-0001: held\n" == run("hold", "set", *why)
    assert "held already" in run.fails("hold", "set", *why)
    (held,) = json.loads(run("hold", "list", "--json"))["holds"]
    assert ("H28-261123-0001", "staff:phaply", "khiếu nại") == (
        held["case_code"],
        held["set_by"],
        held["reason"],
    )
    told = json.loads(run("retention", "--run", "--json"))
    assert (0, {"H28-261123-0001": ["held", "unsealed"]}) == (told["done"]["people"], told["kept"])
    assert "H28-261123-0001  kept: held, unsealed\n" == run("retention")
    assert "H28-261123-0001: held no longer\n" == run("hold", "clear", *why)
    run("seal")
    assert run("retention", "--run").startswith("1 cases forgotten, 0 accounts of cases, 0 statements, ")
    assert "no case is kept beyond its time\n" == run("retention")
    at = connection.execute(
        text("SELECT forgotten_at FROM cases WHERE case_code = 'H28-261123-0001'")
    ).scalar()
    assert at is not None
    assert "nobody of the staff looked at it\n" == run("accesses", "H28-261123-0001")


def test_who_looked_at_a_case_is_listed(connection: Connection, run: Run) -> None:
    for statement in CASE_TO_FORGET.split(";\n"):
        connection.execute(text(statement))
    data = json.dumps({"what": "book", "reason": "báo cáo"})
    connection.execute(
        text(
            "INSERT INTO events (occurred_at, case_code, subject_kind, subject_id, type, version, actor, cause, data) "
            "VALUES ('2026-11-24T03:00Z', 'H28-261123-0001', 'access', 'acs_1', 'case.viewed', 1, 'staff:vanthu', "
            "'command', CAST(:data AS jsonb))"
        ),
        {"data": data},
    )
    connection.commit()
    assert "2026-11-24 10:00  staff:vanthu  book  báo cáo\n" == run("accesses", "H28-261123-0001")
    (seen,) = json.loads(run("accesses", "H28-261123-0001", "--json"))["accesses"]
    assert ("staff:vanthu", "book", "báo cáo") == (seen["by"], seen["what"], seen["reason"])
    assert "no case" in run.fails("accesses", "H28-9")


def test_what_the_national_portal_refused_is_listed_and_told_again(connection: Connection, run: Run) -> None:
    assert "the national portal has been told of everything\n" == run("sync", "list")
    _paid(connection, 180_000)
    (code,) = connection.execute(text("SELECT case_code FROM cases")).scalars()
    connection.execute(
        text(
            "INSERT INTO portal_sync (case_code, state, told_state, told_version, code, next_at, behind_since) "
            "VALUES (:code, 'refused', 'accepted', 3, '302', :at, :at)"
        ),
        {"code": code, "at": PAID_AT},
    )
    connection.commit()
    since = "2026-11-23T10:00+07:00"
    assert f"{code}  refused  told: accepted  since {since}  302\n" == run("sync", "list")
    assert f"0 waiting, 1 refused, the oldest since {since}" in run("status")
    (listed,) = json.loads(run("sync", "list", "--json"))["cases"]
    assert (code, "refused", "302") == (listed["case_code"], listed["state"], listed["code"])
    assert f"{code}: told again\n" == run("sync", "retry", code, "--by", "lan")
    assert f"{code}  waiting  told: accepted  since {since}  302\n" == run("sync", "list")
    told = connection.execute(text("SELECT type, actor FROM events WHERE subject_kind = 'sync'")).one()
    assert ("sync.retried", "staff:lan") == tuple(told)
    assert "not told of a case" in run.fails("sync", "retry", "H28-261124-9999", "--by", "lan")
