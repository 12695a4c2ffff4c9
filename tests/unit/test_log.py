"""No log line holds a secret or personal data, whatever is passed to it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import log

PHONE, CARD, TOKEN = "0912345678", "017099000001", "ab" * 20


def masked(**event: Any) -> dict[str, Any]:
    return dict(log.mask(None, "info", dict(event)))


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "payer_name",
        "hoTen",
        "phone",
        "address",
        "email",
        "payer",
        "applicant",
        "recipient",
        "id_number",
        "secret",
        "password",
        "token",
        "key",
        "Signature",
        "Authorization",
        "cookie",
        "otp",
        "SoThe",
    ],
)
@pytest.mark.parametrize("value", ["x", 5, None, ["x"], {"a": "x"}])
def test_a_value_under_a_telltale_name_is_masked(name: str, value: object) -> None:
    assert {name: "***"} == masked(**{name: value})


def test_names_are_looked_at_however_deep_they_lie() -> None:
    deep = {"a": [{"b": ({"phone": "x", "code": "00"},)}]}
    assert {"what": {"a": [{"b": [{"phone": "***", "code": "00"}]}]}} == masked(what=deep)


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        "+84912345678",
        "84912345678",
        "0912 345 678",
        "091.234.5678",
        CARD,
        "4111111111111111",
        TOKEN,
        "cd" * 24,
        "bi.mat@example.vn",
        "whsec_QzQtc2FuZGJveA==",
        "Bearer abcdefgh12345678",
    ],
)
def test_what_gives_itself_away_is_masked_wherever_it_stands(text: str) -> None:
    expected = {"event": "got *** from there", "seen": ["***", {"x": "(***)"}], "tried": ["***"]}
    given_ = masked(event=f"got {text} from there", seen=(text, {"x": f"({text})"}), tried={text})
    assert expected == given_


def test_a_telltale_text_is_masked_as_a_key_too() -> None:
    assert {"seen": {"***": 1}} == masked(seen={PHONE: 1})


def test_what_operators_need_is_left_as_it_is() -> None:
    event: dict[str, Any] = {
        "event": "request",
        "keyid": "hoabinh-2026",
        "rule": "/pay/<tokenless>",
        "status": 200,
        "amount_vnd": 10**13,
        "trace_id": "0123456789abcdef0123456789abcdef",
        "sha256": "ab" * 32,
        "order_code": "C4261124ABCDEFGH",
        "reference": "H28-261124-0001",
        "done": True,
        "share": 0.5,
        "since": None,
        "timestamp": "2026-11-24T10:57:58.977772Z",
    }
    assert event == masked(**event)


@dataclass
class Shown:
    text: str


def test_things_are_masked_as_they_would_be_printed() -> None:
    expected = {"a": "Shown(text='***')", "b": "b'***'"}
    assert expected == masked(a=Shown(PHONE), b=PHONE.encode())


def test_of_an_exception_only_its_kind_is_told() -> None:
    error = ValueError(f"bad phone {PHONE} of Nguyễn Văn A")
    assert {"error": "ValueError", "all": ["ValueError"]} == masked(error=error, all=[error])
    assert {"exc_info": "ValueError"} == masked(exc_info=(ValueError, error, None))
    assert {"exc_info": None} == masked(exc_info=(None, None, None))


def test_what_holds_itself_ends_somewhere() -> None:
    endless: dict[str, Any] = {}
    endless["x"] = endless
    assert "***" in json.dumps(masked(what=endless))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=8,
)


@given(_VALUES, st.sampled_from([PHONE, CARD, TOKEN, "a.b@example.vn"]))
def test_no_shape_lets_a_telltale_text_through(shape: object, text: str) -> None:
    out = masked(what=[shape, {"deep": (shape, f" {text} ")}, {text}])
    assert text not in json.dumps(out, ensure_ascii=False)


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What the configured log has written so far."""
    before, handlers, level = structlog.get_config(), logging.root.handlers, logging.root.level
    stream = io.StringIO()
    with redirect_stderr(stream):
        log.configure("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.handlers, logging.root.level = handlers, level
    structlog.configure(**before)


def test_a_line_is_one_json_object_with_level_and_time(lines: Lines) -> None:
    structlog.get_logger().info("it_happened", payer="Nguyễn Văn A", seen=[PHONE], code="00")
    (line,) = lines()
    assert {"event", "level", "timestamp", "payer", "seen", "code"} == set(line)
    assert ("it_happened", "info", "***", ["***"], "00") == (
        line["event"],
        line["level"],
        line["payer"],
        line["seen"],
        line["code"],
    )
    assert line["timestamp"].endswith("Z")


def test_a_lower_level_is_not_written(lines: Lines) -> None:
    structlog.get_logger().debug("whisper")
    logging.getLogger("library").info("whisper")
    assert [] == lines()


def test_the_lines_of_libraries_pass_through_the_same_mask(lines: Lines) -> None:
    logging.getLogger("library").warning("cannot reach %s with %s", PHONE, {"email": "bi.mat@example.vn"})
    (line,) = lines()
    assert ("cannot reach *** with {'email': '***'}", "warning") == (line["event"], line["level"])


def test_the_text_of_an_exception_is_in_no_line(lines: Lines) -> None:
    try:
        int(f"phone {PHONE}, Nguyễn Văn A")
    except ValueError:
        structlog.get_logger().exception("it_broke")
        logging.getLogger("library").exception("it broke too")
    written = json.dumps(lines(), ensure_ascii=False)
    assert 2 == len(lines())
    assert PHONE not in written
    assert "Nguyễn" not in written
    assert "ValueError" == lines()[1]["exc_info"]
