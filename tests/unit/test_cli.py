"""The command line without a database: words, help, what the code says of itself, keys, and how it fails."""

import json
import os
import subprocess
import sys
from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path

import psycopg
import pytest
from alembic.util import CommandError
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import OperationalError, ProgrammingError

from gateway.cli import command
from gateway.cli.check import findings
from gateway.cli.failures import sentence
from gateway.cli.main import COMMANDS, main, make_parser
from gateway.cli.pictures import moves_of
from gateway.domain import delivery, payment, refund
from gateway.domain.errors import Malformed, Misconfigured
from signing.keystore import Keystore

NAMES = [" ".join(each.words) for each in COMMANDS]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_VAR_DIR", str(tmp_path / "var"))


def _fails(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that fails says on stderr: one line, and nothing on stdout."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code
    said = capsys.readouterr()
    assert code not in {0, None}
    assert "" == said.out
    assert 1 == len(said.err.splitlines())
    assert said.err.startswith("cong4: ")
    return said.err


# --- help and words -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example_that_it_understands(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*name.split(), "--help"])
    assert 0 == left.value.code
    told = capsys.readouterr().out
    example = next(each.example for each in COMMANDS if each.words == tuple(name.split()))
    assert f"example:\n  python -m gateway {example}" in told
    assert example.startswith(name)
    words = example.partition(" > ")[0].replace('"Cổng DVC Hòa Bình"', "Cổng").split()
    assert name == " ".join(make_parser().parse_args(words).command.words)


def test_main_stays_importable_from_the_entry_point() -> None:
    from gateway import __main__ as entry  # noqa: PLC0415 - the import is what is tested

    assert main is entry.main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["jobs"], "the following arguments are required: WHAT"),
        (["jobs", "rerun", "0"], "this is a whole number above zero"),
        (["jobs", "list", "--status", "lost"], "invalid choice: 'lost'"),
        (["close", "--account", "1", "--day", "24/11/2026"], "a day is written YYYY-MM-DD"),
        (["close", "--account", "1", "--day", "2026-W48-2"], "a day is written YYYY-MM-DD"),
        (["key", "new", "http", "--kind", "dsa"], "invalid choice: 'dsa'"),
    ],
)
def test_a_wrong_word_is_told_in_one_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in _fails(arguments, capsys)


@given(st.text())
def test_days_and_numbers_are_read_or_refused_whatever_is_given(text: str) -> None:
    for read in (command.day, command.number):
        try:
            found = read(text)
        except ArgumentTypeError:
            continue
        assert text == (found.isoformat() if isinstance(found, date) else text)


# --- what needs no database ---------------------------------------------------------------------


def _alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own: the web application can be made once in a process."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["settings", "errors", "states", "graph", "openapi"])
def test_what_the_code_says_of_itself_needs_no_database_and_no_settings(name: str, tmp_path: Path) -> None:
    said = _alone(name, GATEWAY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", GATEWAY_LISTEN_PORT="-")
    assert (0, "") == (said.returncode, said.stderr)
    assert len(said.stdout) > 1000
    assert not (tmp_path / "var").exists()


def test_the_api_names_its_calls() -> None:
    document = json.loads(_alone("openapi").stdout)
    assert "3.1.0" == document["openapi"]
    assert {"get", "post"} <= set(document["paths"]["/v1/payments"])


def test_the_graph_has_a_picture_for_every_noun(capsys: pytest.CaptureFixture[str]) -> None:
    main(["graph"])
    text = capsys.readouterr().out
    assert 6 == text.count("digraph ")
    assert '  expired -> paid [label="pay"];' in text


# --- pictures -----------------------------------------------------------------------------------


def test_states_that_share_most_moves_are_framed_and_few_are_not() -> None:
    assert frozenset() == moves_of(refund.TABLE).group
    every = {state.value for state in payment.PaymentState}
    assert every - {"paid"} == moves_of(payment.TABLE).group
    of = moves_of(delivery.TABLE)
    assert {"draft", "delivered", "returned", "cancelled", "refused", "lost"} == set(of.states) - of.group


def test_a_move_is_either_shared_or_single() -> None:
    of = moves_of(delivery.TABLE)
    shared = {move for move in of.moves if move not in of.single}
    assert {
        (source, event, to)
        for source, event, to in of.moves
        if source in of.group and (event, to) in of.shared
    } == shared
    assert ("draft", "cancel", "cancelled") in of.single
    assert ("held", "cancel", "cancelled") in shared
    assert ("draft", "delivered") == (
        of.sources("refuse", "refused")[0],
        *of.sources("correct_to_returned", "returned"),
    )


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_made_and_rotated_and_the_one_before_stays_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == main(["key", "new", "http", "--kind", "ed25519"])
    assert capsys.readouterr().out.startswith("http 0001  ed25519  0 days old  kid ")
    assert 0 == main(["key", "rotate", "http"])
    assert capsys.readouterr().out.startswith("http 0002  ed25519  0 days old  kid ")
    assert 2 == len(Keystore.open(tmp_path / "var" / "keys").public_jwks("http")["keys"])


def test_a_key_is_not_made_over_another(capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "new", "http", "--kind", "ed25519"])
    capsys.readouterr()
    assert "there is a key for http" in _fails(["key", "new", "http", "--kind", "p256"], capsys)


def test_a_key_that_is_not_there_is_not_rotated(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no key for http" in _fails(["key", "rotate", "http"], capsys)


def test_a_name_that_leads_elsewhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "A purpose is a letter" in _fails(["key", "new", "../x", "--kind", "rsa"], capsys)


def test_the_authority_is_not_rotated_under_its_certificates(capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "new", "test-ca", "--kind", "p256"])
    capsys.readouterr()
    assert "the authority's key is not rotated" in _fails(["key", "rotate", "test-ca"], capsys)


def test_the_key_of_the_log_is_not_rotated_under_the_proofs_that_are_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["key", "new", "log", "--kind", "ed25519"])
    capsys.readouterr()
    assert "the log's key is not rotated" in _fails(["key", "rotate", "log"], capsys)


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("GATEWAY_LISTEN_PORT", "hush", "GATEWAY_LISTEN_PORT: Input should be a valid integer"),
        ("GATEWAY_VNPAY__SECRET", "hush", "GATEWAY_VNPAY__TMN_CODE: Field required"),
        (
            "GATEWAY_QUERY_DELAYS_S",
            "[hush",
            'a setting is not JSON: error parsing value for field "query_delays_s"',
        ),
        ("GATEWAY_LOG_LEVEL", "hush", "GATEWAY_LOG_LEVEL is none of the levels"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    said = _fails(["status"], capsys)
    assert told in said
    assert value not in said


def test_check_names_a_variable_that_nobody_reads_and_stops_at_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_VNPY__SECRET", "hush")
    monkeypatch.setenv("GATEWAY_LISTEN_PORT", "hush")
    assert 1 == main(["check"])
    first, second = capsys.readouterr().out.splitlines()
    assert "✗ settings: GATEWAY_VNPY__SECRET is no setting" == first
    assert second.startswith("✗ settings: GATEWAY_LISTEN_PORT: ")
    assert "hush" not in first + second


def test_a_part_of_a_setting_that_is_an_object_is_no_foreign_variable() -> None:
    known = {
        "GATEWAY_VNPOST_NGSP__TRACKING_CODES__4": "delivered",
        "GATEWAY_VNPAY": "{}",
        "gateway_live": "0",
    }
    foreign = [each.text for each in findings({**known, "GATEWAY_LIFE": "1"}) if "is no setting" in each.text]
    assert ["settings: GATEWAY_LIFE is no setting"] == foreign


def test_read_settings_raises_only_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_WEB_WORKERS", "many")
    with pytest.raises(Misconfigured):
        command.read_settings()


# --- files and sentences ------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = str(tmp_path / "none.mt940")
    assert f"cong4: {absent}: No such file or directory\n" == _fails(
        ["statement", "import", absent, "--account", "1"], capsys
    )
    assert f"cong4: {tmp_path}: Is a directory\n" == _fails(
        ["statement", "import", str(tmp_path), "--account", "1"], capsys
    )


def test_a_file_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert b"12345" == command.read_file(path, 5)
    with pytest.raises(Malformed):
        command.read_file(path, 4)


@pytest.mark.parametrize("content", [b"hush", "khóa".encode(), b"\xff\xfe"])
def test_what_is_no_public_key_is_refused_before_anything_is_opened(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    said = _fails(["portal", "key", "--portal", "p", "--keyid", "k", "--public-key", str(path)], capsys)
    assert "public key in PEM" in said
    assert not (tmp_path / "var").exists()


def test_a_day_that_has_not_begun_is_not_closed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "this day has not begun" in _fails(["close", "--day", "2999-01-01", "--account", "1"], capsys)


def test_every_failure_of_a_library_becomes_one_sentence_without_what_it_was_about() -> None:
    hidden = "INSERT INTO cases VALUES ('Nguyễn Văn A')"
    undefined = ProgrammingError(hidden, {"name": "hush"}, psycopg.errors.UndefinedTable("hush"))
    assert "does not have the schema of this code" in sentence(undefined)
    of_the_queue = ConnectorException()
    of_the_queue.__cause__ = psycopg.errors.UndefinedFunction("hush")
    assert "does not have the schema of this code" in sentence(of_the_queue)
    assert "the database could not be used: ConnectorException" == sentence(ConnectorException())
    refused = ProgrammingError(hidden, {"name": "hush"}, psycopg.errors.CheckViolation("hush"))
    assert "the database refused: CheckViolation (23514)" == sentence(refused)
    away = OperationalError(
        hidden,
        None,
        psycopg.OperationalError("connection failed: connection to server failed: Connection refused\nmore"),
    )
    assert "the database cannot be reached: Connection refused" == sentence(away)
    assert "the database could not be used: DataError" == sentence(psycopg.DataError("hush"))
    assert "cannot be migrated by this code: no such revision" in sentence(CommandError("no such revision"))
    assert "the embedded PostgreSQL does not start" in sentence(subprocess.TimeoutExpired("hush", 1))
    assert "a.txt: Permission denied" == sentence(PermissionError(13, "Permission denied", "a.txt"))
    assert "odd" == sentence(Malformed("odd"))
