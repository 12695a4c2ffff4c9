"""What is logged: one line a request with its trace id, and neither personal data nor secrets nor links."""

import json
from urllib.parse import quote

import pytest
from api_callbacks import PROVIDERS
from api_world import DVCQG_SECRET, FEE_VND, PERSON, VNPAY_SECRET, World

pytestmark = pytest.mark.service


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def written(world: World, mark: int) -> str:
    return world.logged.getvalue()[mark:]


def test_a_request_is_one_line_with_the_trace_id_that_its_problem_names(world: World) -> None:
    for target, status in (("/v1/payments", 401), ("/callbacks/nobody", 404), ("/v1/nothing", 404)):
        mark = len(world.logged.getvalue())
        reply = world.plain("GET", target)
        told = [each for each in lines(written(world, mark)) if each["event"] == "request"]
        assert [(status, reply.json["trace_id"])] == [(each["status"], each["trace_id"]) for each in told]
        assert {"method", "rule", "status", "trace_id", "event", "level", "timestamp"} == set(told[0])


def test_nothing_personal_and_no_link_is_logged_whatever_is_done(world: World, case_code: str) -> None:
    """A tour through everything that citizens, portals and providers send, good and bad."""
    mark = len(world.logged.getvalue())
    code = world.submitted()["case_code"]
    track = world.ask("GET", f"/v1/cases/{code}").json["links"]["track"].partition("/track/")[2]
    tokens = [track]
    for provider in PROVIDERS:
        payment, reference = world.started(code, provider.name)
        tokens.append(payment["pay_url"].partition("/pay/")[2])
        world.plain("GET", f"/pay/{tokens[-1]}")
        world.plain("GET", f"/return/{provider.name}/{tokens[-1]}")
        said = provider.paid(reference, FEE_VND)
        said.send(world)
        said.with_content(said.content[:-9] + b"x" * 9).send(world)
        world.form(f"/pay/{tokens[-1]}", "provider=nobody")
    world.plain("GET", f"/track/{track}")
    world.plain("GET", f"/pay/{tokens[1]}x?name={quote(PERSON['name'])}&phone={PERSON['phone']}")
    world.form("/track", f"case_code={code}&phone={PERSON['phone'][-4:]}")
    world.ask("POST", "/v1/deliveries", world.delivery_wanted(code, world.fresh("log")))
    secret = "whsec_" + "QzQtc2VjcmV0LXNlY3JldC1zZWNyZXQtMjAyNg=="
    hook = {"url": f"https://example.vn/{world.fresh('log')}", "events": ["*"], "secret": secret}
    world.ask("POST", "/v1/webhook_endpoints", hook)
    wanted = world.case_wanted(world.fresh("log"))
    world.ask("POST", "/v1/cases", {**wanted, PERSON["id_number"]: PERSON["phone"]})
    world.call("POST", "/v1/cases", wanted).send({"Authorization": "Bearer secret-of-a-portal"})
    world.ask("GET", f"/v1/payments?reference={PERSON['phone']}&state={quote(PERSON['name'])}")
    text = written(world, mark)
    assert 20 < len(lines(text))
    hidden = [*PERSON.values(), *tokens, secret, "secret-of-a-portal", VNPAY_SECRET, DVCQG_SECRET]
    assert [] == [each for each in hidden if each in text]
    assert [] == [each for each in hidden if json.dumps(each)[1:-1] in text or quote(each) in text]


def test_an_error_of_ours_is_logged_by_its_name_and_its_rule(world: World, case_code: str) -> None:
    """The database fails under a citizen's look at the page, with an error whose text quotes the link."""
    token = world.payment(case_code)["pay_url"].partition("/pay/")[2]
    mark = len(world.logged.getvalue())
    with world.altered(
        "ALTER TABLE payments RENAME COLUMN token TO token_",
        "ALTER TABLE payments RENAME COLUMN token_ TO token",
    ):
        reply = world.plain("GET", f"/pay/{token}", headers=[("Accept", "text/html")])
    assert (500, "text/html") == (reply.status, reply.media_type)
    assert "Không có gì bị mất" in reply.text
    assert 200 == world.plain("GET", f"/pay/{token}").status
    failed, request, _ = lines(written(world, mark))
    assert ("request_failed", "ProgrammingError", "/pay/<token>") == (
        failed["event"],
        failed["error"],
        failed["rule"],
    )
    assert request["trace_id"] == failed["trace_id"]
    assert request["trace_id"] in reply.text
    assert [] == [each for each in (token, *PERSON.values()) if each in written(world, mark) + reply.text]


def test_what_is_kept_of_a_message_holds_no_credential(world: World) -> None:
    mark = world.mark()
    headers = [("Authorization", "Bearer secret-of-a-portal"), ("Cookie", "a=secret-of-a-portal")]
    world.plain("GET", "/v1/payments", headers=headers)
    world.plain("GET", "/callbacks/vnpay?x=1", headers=headers)
    kept = world.kept_since(mark)
    assert 2 == len(kept)
    assert [] == [each for each in kept if "secret-of-a-portal" in json.dumps(each.headers)]
