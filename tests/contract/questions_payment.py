"""Asked of every adapter: its samples, its start, what it reads of callbacks and queries, what it answers."""

from dataclasses import replace

from asking import (
    CLOSED,
    OURS,
    REFUSALS,
    Door,
    calls_to_start,
    can,
    can_start,
    damaged,
    garbled,
    query,
    read_callback,
    reading,
    tellers,
)
from wire_samples import Case, answer_bytes, answered, inbound, request_bytes, told

from gateway.ports import Answer, Capability, Outcome


def is_named_as_its_file_and_declares_what_it_can(case: Case) -> None:
    adapter = case.build(CLOSED)
    assert adapter.name == case.name
    assert isinstance(adapter.capabilities, frozenset)
    assert adapter.capabilities <= set(Capability)
    assert can(case, Capability.REFUND) or not can(case, Capability.REFUND_QUERY)
    assert can(case, Capability.CALLBACK) or not can(case, Capability.NOTICE)


def has_a_sample_or_a_reason_for_every_outcome(case: Case) -> None:
    wanted = {f"{call}.{outcome}" for call in tellers(case) for outcome in Outcome}
    sampled = {file.removesuffix(".http") for file in case.expected}
    assert {name for name in wanted if name not in sampled} == {n for n in case.silent if n in wanted}
    assert all(case.silent.values())


def has_an_expectation_for_every_sample(case: Case) -> None:
    files = {file.name for file in case.folder.glob("*.http") if not file.name.startswith(OURS)}
    assert {file for file in files if ".then." not in file} == set(case.expected)


def starts_with_the_request_of_the_sample(case: Case) -> None:
    if not can_start(case):
        return
    door = (
        Door(answered(case.sample("start.answer.http"))) if calls_to_start(case) else replace(CLOSED, sent=[])
    )
    started = case.build(door).start(case.order)
    wanted = [case.sample("start.request.http")] if calls_to_start(case) else []
    assert [request_bytes(request) for request in door.sent] == wanted
    redirect = (case.folder / "start.redirect.txt").read_text(encoding="ascii")
    assert started.redirect_url == (redirect or None)
    assert can(case, Capability.REDIRECT) == bool(redirect)


def shows_the_qr_code_of_the_sample(case: Case) -> None:
    if can(case, Capability.QR):
        door = (
            Door(answered(case.sample("start.answer.http")))
            if calls_to_start(case)
            else replace(CLOSED, sent=[])
        )
        payload = (case.folder / "start.qr.txt").read_text(encoding="utf-8")
        assert case.build(door).start(case.order).qr_payload == payload
        assert payload


def tells_the_code_of_the_sample(case: Case) -> None:
    if can(case, Capability.CODE):
        code = (case.folder / "start.code.txt").read_text(encoding="ascii")
        assert case.build(CLOSED).start(case.order).pay_code == code
        assert case.order.reference in code


def reads_each_answer_to_a_start_as_expected(case: Case) -> None:
    for file in case.samples("start."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: case.build(door).start(case.order)) == case.expected[file], file


def reads_each_callback_as_expected(case: Case) -> None:
    for file in case.samples("callback."):
        message = inbound(case.sample(file))
        assert reading(lambda message=message: read_callback(case, message)) == case.expected[file], file


def reads_each_answer_to_a_query_as_expected(case: Case) -> None:
    for file in case.samples("query."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: query(case, door)) == case.expected[file], file


def asks_with_the_request_of_the_sample(case: Case) -> None:
    if can(case, Capability.QUERY):
        door = Door(answered(case.sample("query.paid.http")))
        query(case, door)
        assert [request_bytes(request) for request in door.sent] == [case.sample("query.request.http")]


def names_each_outcome_by_its_own_word(case: Case) -> None:
    for call in tellers(case):
        for outcome in Outcome:
            if f"{call}.{outcome}" not in case.silent:
                assert case.expected[f"{call}.{outcome}.http"]["outcome"] == outcome.value


def gives_order_amount_and_currency_back_as_they_were_asked_for(case: Case) -> None:
    for call in tellers(case):
        if call in ("callback", "query") and f"{call}.paid" not in case.silent:
            expected = case.expected[f"{call}.paid.http"]
            notice = call == "callback" and can(case, Capability.NOTICE)
            facts = (expected["reference"], expected["amount_vnd"], expected["currency"])
            assert facts == ("" if notice else case.order.reference, case.order.amount_vnd, "VND")
            assert expected["provider_ref"]


def tells_a_foreign_partner_from_a_forger(case: Case) -> None:
    for call in tellers(case):
        for what, error in (("foreign", "ForeignPartner"), ("forged", "BadSignature")):
            if f"{call}.{what}" not in case.silent:
                assert case.expected[f"{call}.{what}.http"] == error, call


def refuses_a_callback_with_one_changed_byte(case: Case) -> None:
    """A byte that is covered by nothing may change only when it changes nothing."""
    if not can(case, Capability.CALLBACK):
        return
    adapter, genuine = case.build(CLOSED), inbound(case.sample("callback.paid.http"))
    report = told(adapter.read_callback(genuine, case.now))
    for changed in damaged(genuine):
        read = reading(lambda changed=changed: adapter.read_callback(changed, case.now))
        assert read in (*REFUSALS, report), changed


def refuses_a_callback_that_is_cut_or_lengthened(case: Case) -> None:
    if not can(case, Capability.CALLBACK):
        return
    adapter, genuine = case.build(CLOSED), inbound(case.sample("callback.paid.http"))
    for part in ("query", "body"):
        whole = getattr(genuine, part)
        cuts = [whole[:length] for length in range(len(whole))]
        for bytes_ in (*cuts, *((whole + b"&vnp_X=1", whole + b"}", whole + whole) if whole else ())):
            message = replace(genuine, **{part: bytes_})
            read = reading(lambda message=message: adapter.read_callback(message, case.now))
            assert read in ("BadSignature", "Malformed"), bytes_


def survives_garbage_from_a_caller(case: Case) -> None:
    if not can(case, Capability.CALLBACK):
        return
    for message in garbled(inbound(case.sample("callback.paid.http"))):
        read = reading(lambda message=message: read_callback(case, message))
        assert read in ("BadSignature", "Malformed"), message


def acknowledges_in_the_providers_own_words(case: Case) -> None:
    if not can(case, Capability.CALLBACK):
        return
    message = inbound(case.sample("callback.paid.http"))
    for answer in Answer:
        given = case.build(CLOSED).acknowledge(answer, message, case.now)
        assert answer_bytes(given) == case.sample(f"acknowledge.{answer}.http"), answer


def acknowledges_garbage_with_the_same_status(case: Case) -> None:
    if not can(case, Capability.CALLBACK):
        return
    for message in garbled(inbound(case.sample("callback.paid.http"))):
        for answer in Answer:
            given = case.build(CLOSED).acknowledge(answer, message, case.now)
            wanted = answered(case.sample(f"acknowledge.{answer}.http"))
            assert (given.status, given.headers) == (wanted.status, wanted.headers)


QUESTIONS = (
    is_named_as_its_file_and_declares_what_it_can,
    has_a_sample_or_a_reason_for_every_outcome,
    has_an_expectation_for_every_sample,
    starts_with_the_request_of_the_sample,
    shows_the_qr_code_of_the_sample,
    tells_the_code_of_the_sample,
    reads_each_answer_to_a_start_as_expected,
    reads_each_callback_as_expected,
    reads_each_answer_to_a_query_as_expected,
    asks_with_the_request_of_the_sample,
    names_each_outcome_by_its_own_word,
    gives_order_amount_and_currency_back_as_they_were_asked_for,
    tells_a_foreign_partner_from_a_forger,
    refuses_a_callback_with_one_changed_byte,
    refuses_a_callback_that_is_cut_or_lengthened,
    survives_garbage_from_a_caller,
    acknowledges_in_the_providers_own_words,
    acknowledges_garbage_with_the_same_status,
)
