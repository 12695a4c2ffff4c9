"""Cases that are filed before Flask: the same answer as by Flask, and all that is not plain is Flask's."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from api_wire import JSON, Call, Reply
from api_world import World

from gateway.service import ordered
from gateway.store import spine
from gateway.wiring import now
from signing.http_messages import Request, verify_response

pytestmark = pytest.mark.service

OF_EACH = ("case_code", "reference", "created_at", "submitted_at", "submission_receipt", "timeline", "links")
"""What is another in each case."""


@dataclass(frozen=True)
class Filing:
    """What is asked of the gateway, and which of it went Flask's way."""

    world: World
    flasks: list[str]

    def code(self) -> str:
        return f"H28-{now():%y%m%d}-{int(self.world.fresh('x')[2:]) + 50_000_000}"

    def wanted(self, code: str, **changes: object) -> dict[str, Any]:
        return self.world.case_wanted(
            self.world.fresh("fi"), case_code=code, **{"keeps_documents": True, **changes}
        )

    def register(self, code: str, **changes: object) -> Reply:
        return self.world.ask("POST", "/v1/cases", self.wanted(code, **changes))

    def submit(self, code: str) -> Reply:
        return self.world.ask("POST", f"/v1/cases/{code}/submit")

    def registered(self) -> str:
        code = self.code()
        assert 201 == self.register(code).status
        return code


@pytest.fixture
def filing(world: World, monkeypatch: pytest.MonkeyPatch) -> Filing:
    for who in ("all", "reader", "other"):
        world.ask("GET", "/v1/procedures", who=who)  # their keys are remembered now
    filings: Any = world.app.wsgi_app._flask  # type: ignore[attr-defined]
    inner, flasks = filings._flask, []

    def noting(environ: dict[str, Any], start_response: Any) -> Any:
        flasks.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    monkeypatch.setattr(filings, "_flask", noting)
    return Filing(world, flasks)


def same(reply: Reply) -> dict[str, Any]:
    """An answer without what is another in each case."""
    assert JSON == reply.headers["content-type"]
    return {name: value for name, value in reply.json.items() if name not in OF_EACH}


def test_a_new_case_is_filed_without_flask_and_answered_as_by_it(filing: Filing) -> None:
    code, by_flask = filing.code(), filing.code()
    made = filing.register(code)
    assert (201, []) == (made.status, filing.flasks)
    handed_in = filing.submit(code)
    assert (200, []) == (handed_in.status, filing.flasks)
    call = filing.world.call("POST", "/v1/cases", filing.wanted(by_flask))
    made_by_flask = replace(call, content_type=f"{JSON}; charset=utf-8").send()
    handed_in_by_flask = filing.world.ask("POST", f"/v1/cases/{by_flask}/submit", {})
    assert ["/v1/cases", f"/v1/cases/{by_flask}/submit"] == filing.flasks
    for one, other in ((made, made_by_flask), (handed_in, handed_in_by_flask)):
        assert list(one.json) == list(other.json)
        assert same(one) == same(other)
        assert one.status == other.status
        server = {"date", "server", "connection"}
        assert set(one.headers) - server == set(other.headers) - server
        assert one.text == json.dumps(one.json, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert handed_in.json == filing.world.ask("GET", f"/v1/cases/{code}").json


def test_the_answer_is_signed_for_that_request_and_no_other(filing: Filing) -> None:
    world, code = filing.world, filing.code()
    call = world.call("POST", "/v1/cases", filing.wanted(code))
    headers = call.signed()
    reply = call.send(headers)
    key = world.house.keystore.current("http", now=now())
    for asked, holds in ((headers, True), (call.signed(), False)):
        assert holds == _is_ours(reply, key.public_key, Request("POST", f"{world.url}/v1/cases", asked))
    assert [] == filing.flasks


def _is_ours(reply: Reply, key: Any, answering: Request) -> bool:
    try:
        verify_response(
            reply.status,
            reply.headers,
            reply.body,
            resolve_key=lambda _: key,
            now=now(),
            answering=answering,
            request_label="sig1",
        )
    except Exception:  # noqa: BLE001 - whatever is wrong with it
        return False
    return True


def test_what_is_done_names_the_message_that_ordered_it(filing: Filing) -> None:
    world, mark = filing.world, filing.world.mark()
    code = filing.registered()
    filing.submit(code)
    causes = [
        row.cause for row in world.rows("SELECT cause FROM events WHERE case_code = :c ORDER BY id", c=code)
    ]
    with world.engine.connect() as connection:
        found = [ordered.find(connection, cause) for cause in causes]
    kept = world.kept_since(mark)
    assert [str(each.id) for each in kept] == [each[0] for each in found if each is not None]
    assert [("genuine", code), ("genuine", None)] == [(each.verdict, each.reference) for each in kept]
    assert [] == filing.flasks


def test_a_request_is_one_line_of_the_log(filing: Filing) -> None:
    mark = len(filing.world.logged.getvalue())
    code = filing.registered()
    filing.submit(code)
    told = [json.loads(line) for line in filing.world.logged.getvalue()[mark:].splitlines()]
    assert [("POST", "/v1/cases", 201), ("POST", "/v1/cases/<case_code>/submit", 200)] == [
        (each["method"], each["rule"], each["status"]) for each in told if each["event"] == "request"
    ]


def _twice(call: Call) -> Reply:
    headers = call.signed()
    assert call.send(headers).status in {200, 201}
    return call.send(headers)


def _two_keys(filing: Filing) -> Reply:
    """As of a proxy that signs too, were its key one of ours."""
    filing.world.app.extensions["cong4"].credentials.pop("writer-2026", None)
    first = filing.world.call("POST", "/v1/cases", filing.wanted(filing.code()))
    headers = first.signed()
    second = replace(first, key=filing.world.keys["writer"], label="sig2").signed()
    both = {name: f"{headers[name]}, {second[name]}" for name in ("Signature", "Signature-Input")}
    return first.send({**headers, **both})


def _again(filing: Filing, **changes: object) -> Reply:
    code = filing.code()
    wanted = filing.wanted(code)
    assert 201 == filing.world.ask("POST", "/v1/cases", wanted).status
    return filing.world.ask("POST", "/v1/cases", {**wanted, **changes})


def _taken(filing: Filing) -> Reply:
    return filing.register(filing.registered())


NOT_PLAIN: dict[str, tuple[int, int, Callable[[Filing], Reply]]] = {
    "no code of its own": (
        201,
        1,
        lambda f: f.world.ask("POST", "/v1/cases", f.world.case_wanted(f.world.fresh("fi"))),
    ),
    "no such procedure": (404, 1, lambda f: f.register(f.code(), procedure_code="9.999999")),
    "a field that is none": (422, 1, lambda f: f.register(f.code(), nothing=1)),
    "no reduction of that name": (422, 1, lambda f: f.register(f.code(), answers={"reduction": "nothing"})),
    "a code of another agency": (422, 1, lambda f: f.register(f.code().replace("H28", "H15"))),
    "no JSON": (400, 1, lambda f: f.world.ask("POST", "/v1/cases", b'{"a":1,"a":2}')),
    "null": (422, 1, lambda f: f.world.ask("POST", "/v1/cases", b"null")),
    "nothing": (400, 1, lambda f: f.world.ask("POST", "/v1/cases")),
    "another media type": (
        415,
        1,
        lambda f: f.world.call("POST", "/v1/cases", f.wanted(f.code()), content_type="text/plain").send(),
    ),
    "a key that may not": (
        403,
        1,
        lambda f: f.world.ask("POST", "/v1/cases", f.wanted(f.code()), who="reader"),
    ),
    "a key of the live gateway": (
        401,
        1,
        lambda f: f.world.ask("POST", "/v1/cases", f.wanted(f.code()), who="live"),
    ),
    "two keys that are known, one of them not to this process": (401, 1, _two_keys),
    "a copy": (401, 2, lambda f: _twice(f.world.call("POST", "/v1/cases", f.wanted(f.code())))),
    "the same again": (200, 2, _again),
    "the same reference again": (409, 2, lambda f: _again(f, applicant=_other_person(f))),
    "a code that is taken": (409, 2, _taken),
    "handed in again": (200, 3, lambda f: (code := f.registered(), f.submit(code), f.submit(code))[-1]),
    "handed in by a copy": (
        401,
        3,
        lambda f: _twice(f.world.call("POST", f"/v1/cases/{f.registered()}/submit")),
    ),
    "handed in, of another agency": (
        404,
        2,
        lambda f: f.world.ask("POST", f"/v1/cases/{f.registered()}/submit", who="other"),
    ),
    "handed in, of nobody": (404, 1, lambda f: f.submit(f.code())),
    "handed in, not complete": (
        422,
        2,
        lambda f: (code := f.code(), f.register(code, documents=[]), f.submit(code))[-1],
    ),
    "handed in, with another body": (
        415,
        2,
        lambda f: f.world.call(
            "POST", f"/v1/cases/{f.registered()}/submit", b"x", content_type="text/plain"
        ).send(),
    ),
    "handed in, with documents to come": (
        422,
        2,
        lambda f: (code := f.code(), f.register(code, keeps_documents=False), f.submit(code))[-1],
    ),
}


def _other_person(filing: Filing) -> dict[str, Any]:
    return {**filing.wanted("H28-261201-1")["applicant"], "name": "Trần Văn Khác"}


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_what_is_not_plain_is_flasks_and_kept_once(filing: Filing, name: str) -> None:
    status, messages, ask = NOT_PLAIN[name]
    mark = filing.world.mark()
    reply = ask(filing)
    assert (status, 1) == (reply.status, len(filing.flasks)), reply.text
    assert messages == len(filing.world.kept_since(mark))
    assert {"signature", "signature-input"} <= set(reply.headers)


def test_a_key_that_was_revoked_meanwhile_files_nothing(filing: Filing) -> None:
    code = filing.code()
    change = "UPDATE portal_keys SET revoked_at = now() WHERE keyid = 'all-2026'"
    back = "UPDATE portal_keys SET revoked_at = NULL WHERE keyid = 'all-2026'"
    with filing.world.altered(change, back):
        assert 401 == filing.register(code).status
    assert [] == filing.world.rows("SELECT FROM cases WHERE case_code = :c", c=code)
    assert 201 == filing.register(code).status


def test_a_line_to_the_database_that_breaks_is_no_copy(filing: Filing) -> None:
    """Whether it was written is not known: nothing is said of a copy, and what is asked again is answered."""
    change = (
        "CREATE SEQUENCE breaks; CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('breaks') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$; "
        "CREATE TRIGGER break_off BEFORE INSERT ON cases FOR EACH ROW EXECUTE FUNCTION break_off()"
    )
    back = "DROP TRIGGER break_off ON cases; DROP FUNCTION break_off; DROP SEQUENCE breaks"
    code = filing.code()
    wanted = filing.wanted(code)
    with filing.world.altered(change, back):
        broken = filing.world.ask("POST", "/v1/cases", wanted)
    assert (500, "our_error") == (broken.status, broken.json["code"])
    assert 201 == filing.world.ask("POST", "/v1/cases", wanted).status


def described(digest: str) -> dict[str, Any]:
    told = {"code": "to-khai", "name": "to-khai.pdf", "media_type": "application/pdf"}
    return {**told, "size_bytes": 7, "sha256": digest}


def test_what_was_announced_since_is_what_is_handed_in(filing: Filing) -> None:
    code, digest = filing.registered(), "ab" * 32
    told = filing.world.ask("POST", f"/v1/cases/{code}/documents", {"documents": [described(digest)]})
    assert (200, 2) == (told.status, told.json["version"])
    assert digest in {each["sha256"] for each in filing.submit(code).json["documents"]}


def test_whatever_happened_since_is_told(filing: Filing) -> None:
    """Also what leaves the row as it was: of a draft no such thing is known today."""
    world, code = filing.world, filing.registered()
    change = spine.Change(
        subject_kind="payment",
        subject_id=world.fresh("pay"),
        type="payment.created",
        version=1,
        actor="gateway",
        cause="a test",
        occurred_at=now(),
        case_code=code,
    )
    with world.engine.begin() as connection:
        spine.append(connection, change)
    handed_in = filing.submit(code).json
    assert [f"/v1/cases/{code}/submit"] == filing.flasks
    assert "payment.created" in {each["type"] for each in handed_in["timeline"]}


def test_what_is_announced_while_it_is_handed_in_is_not_passed_over(filing: Filing) -> None:
    """The hand-in waits for the lock of the announcement, and then looks again."""
    world, code, replies = filing.world, filing.registered(), list[Reply]()
    handing_in = threading.Thread(target=lambda: replies.append(filing.submit(code)))
    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%moved AS%'"
    with world.engine.begin() as connection:
        connection.exec_driver_sql("SELECT FROM cases WHERE case_code = %s FOR UPDATE", (code,))
        handing_in.start()
        until = time.monotonic() + 10
        while not world.rows(waits):
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.02)
        connection.exec_driver_sql(
            "UPDATE case_documents SET sha256 = %s WHERE case_code = %s AND code = 'to-khai'",
            ("cd" * 32, code),
        )
        connection.exec_driver_sql("UPDATE cases SET version = version + 1 WHERE case_code = %s", (code,))
    handing_in.join(20)
    (reply,) = replies
    assert 200 == reply.status
    assert "cd" * 32 in {each["sha256"] for each in reply.json["documents"]}
    assert [f"/v1/cases/{code}/submit"] == filing.flasks


def test_many_drafts_are_remembered_and_not_more(filing: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that is no longer remembered is looked up."""
    monkeypatch.setattr("gateway.web.filings.MOST_DRAFTS", 2)
    codes = [filing.registered() for _ in range(4)]
    assert [200] * 4 == [filing.submit(code).status for code in codes]
    assert [] == filing.flasks


def at_once(*asks: Callable[[], Reply]) -> list[Reply]:
    """The answers; every one waits until all are ready."""
    gate = threading.Barrier(len(asks))

    def one(ask: Callable[[], Reply]) -> Reply:
        gate.wait(20)
        return ask()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(one, asks))


@pytest.mark.parametrize("_round", range(5))
def test_of_the_same_at_once_one_is_done_and_all_are_answered_alike(filing: Filing, _round: int) -> None:
    world, code = filing.world, filing.code()
    wanted = filing.wanted(code)
    made = at_once(*[lambda: world.ask("POST", "/v1/cases", wanted)] * 4)
    assert [200, 200, 200, 201] == sorted(each.status for each in made)
    handed_in = at_once(*[lambda: filing.submit(code)] * 4)
    assert [200] * 4 == [each.status for each in handed_in]
    assert 1 == len({each.json["submission_receipt"] for each in handed_in})
    assert ["case.draft", "case.registered"] == [
        row.type for row in world.rows("SELECT type FROM events WHERE case_code = :c ORDER BY id", c=code)
    ]
    assert 1 == len(world.rows("SELECT FROM case_papers WHERE case_code = :c", c=code))
