"""Callbacks that cannot be believed: answered in the provider's words, kept as they came, and nothing changes."""

import json

import pytest
from api_callbacks import PROVIDERS, Dvcqg, Provider, Said, Vnpay
from api_world import DVCQG_SECRET, FEE_VND, MAX_BODY_BYTES, World, fingerprint_of_world

from sandbox import dvcqg_wire

pytestmark = [pytest.mark.service, pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)]

POSITIONS = 40


@pytest.fixture
def order(world: World, case_code: str, provider: Provider) -> tuple[str, str]:
    """A payment that waits at the provider: its id and the provider's reference."""
    payment, reference = world.started(case_code, provider.name)
    return payment["id"], reference


def refused(world: World, provider: Provider, said: Said, verdict: str) -> None:
    """Send what must be refused: the provider's own word, kept byte for byte, and no change."""
    before, mark = fingerprint_of_world(world), world.mark()
    assert provider.words[verdict] == provider.word(said.send(world))
    (kept,) = world.kept_since(mark)
    assert (provider.name, verdict) == (kept.source, kept.verdict)
    assert (said.method, f"/callbacks/{provider.name}") == (kept.method, kept.path)
    assert (said.query, said.body) == (bytes(kept.query), bytes(kept.body))
    assert before == fingerprint_of_world(world)


def test_a_signature_by_another_secret_is_refused(
    world: World, provider: Provider, order: tuple[str, str]
) -> None:
    honest = provider.paid(order[1], FEE_VND).content
    forged = honest[:-66] + bytes(b ^ 1 for b in honest[-66:-2]) + honest[-2:]
    refused(world, provider, honest_as(provider, forged), "bad_signature")


def honest_as(provider: Provider, content: bytes) -> Said:
    return provider.paid("C4X", FEE_VND).with_content(content)


def test_one_changed_byte_anywhere_is_refused(
    world: World, provider: Provider, order: tuple[str, str]
) -> None:
    honest = provider.paid(order[1], FEE_VND)
    content, before = honest.content, fingerprint_of_world(world)
    step = max(1, len(content) // POSITIONS)
    for position in range(0, len(content), step):
        other = b"1" if content[position : position + 1] == b"0" else b"0"
        spoilt = honest.with_content(content[:position] + other + content[position + 1 :])
        mark = world.mark()
        word = provider.word(spoilt.send(world))
        (kept,) = world.kept_since(mark)
        assert kept.verdict in {"bad_signature", "malformed"}, position
        assert provider.words[kept.verdict] == word, position
        assert spoilt.content == bytes(kept.query or kept.body), position
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize("wrong_vnd", [FEE_VND - 1, FEE_VND + 1, 1, FEE_VND * 100, 10**13 - 1])
def test_a_wrong_sum_that_is_signed_right_is_refused_and_raises_an_alarm(
    world: World, provider: Provider, order: tuple[str, str], wrong_vnd: int
) -> None:
    payment_id, reference = order
    refused(world, provider, provider.paid(reference, wrong_vnd), "wrong_amount")
    assert ["wrong_amount"] == world.alarms_of(f"{provider.name}:{reference}")
    assert "pending" == world.payment_state(payment_id)


def test_another_currency_is_a_wrong_sum(world: World, provider: Provider, order: tuple[str, str]) -> None:
    name = "vnp_CurrCode" if provider.name == "vnpay" else "MaTienTe"
    refused(world, provider, provider.paid(order[1], FEE_VND, **{name: "USD"}), "wrong_amount")


@pytest.mark.parametrize("reference", ["C4261124ZZZZZZZZ", "' OR 1=1 --", "đơn không có", "A" * 100])
def test_an_order_that_is_not_ours_is_not_known(world: World, provider: Provider, reference: str) -> None:
    refused(world, provider, provider.paid(reference, FEE_VND), "unknown_order")


def test_an_order_of_the_other_provider_is_not_known(
    world: World, provider: Provider, case_code: str
) -> None:
    (other,) = (each.name for each in PROVIDERS if each.name != provider.name)
    _, reference = world.started(case_code, other)
    refused(world, provider, provider.paid(reference, FEE_VND), "unknown_order")


def test_a_message_meant_for_another_partner_is_refused(
    world: World, provider: Provider, order: tuple[str, str]
) -> None:
    said = provider.paid(order[1], FEE_VND, **{provider.partner_field: "SOMEBODY"})
    refused(world, provider, said, "foreign_partner")


def test_a_message_without_its_reference_is_malformed(world: World, provider: Provider) -> None:
    refused(world, provider, provider.paid("", FEE_VND), "malformed")


@pytest.mark.parametrize("sum_", ["", "abc", "-20000000", "1e9", "20000000.0", "９９", "9" * 400])
def test_a_sum_that_is_no_whole_number_is_malformed(
    world: World, provider: Provider, order: tuple[str, str], sum_: str
) -> None:
    said = provider.paid(order[1], FEE_VND, **{provider.amount_field: sum_})
    refused(world, provider, said, "malformed")


def test_a_field_given_twice_is_malformed(world: World, provider: Provider, order: tuple[str, str]) -> None:
    honest = provider.paid(order[1], FEE_VND)
    if isinstance(provider, Vnpay):
        again = honest.content + b"&vnp_Amount=100"
    else:
        again = honest.content[:-1] + b',"SoTien":1}'
    refused(world, provider, honest.with_content(again), "malformed")


GARBAGE = [
    b"x",
    b"%",
    b"&&&&",
    b"=",
    b"\xff\xfe\x00\x01" * 10,
    b"null",
    b"[]",
    b'{"a":',
    b'"\\ud800"',
    b'{"MaThamChieu":"\\ud800"}',
    b"[" * 20_000,
    b'{"SoTien":' + b"9" * 5_000 + b"}",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda each: each[:8].hex())
def test_garbage_is_malformed(world: World, provider: Provider, garbage: bytes) -> None:
    if provider.name == "vnpay":  # a request line carries no raw control characters, blanks or quotes
        garbage = b"".join(bytes([b]) if b in b"x&=[]{}%" else b"%%%02x" % b for b in garbage)
    refused(world, provider, honest_as(provider, garbage), "malformed")


def test_an_empty_message_is_malformed(world: World, provider: Provider) -> None:
    refused(world, provider, honest_as(provider, b""), "malformed")


def test_a_zero_byte_in_a_signed_reference_is_refused_and_kept(world: World, provider: Provider) -> None:
    before, mark = fingerprint_of_world(world), world.mark()
    said = provider.paid("C4\x00X", FEE_VND)
    assert provider.words["our_error"] == provider.word(said.send(world))
    (kept,) = world.kept_since(mark)
    assert said.content == bytes(kept.query or kept.body)
    assert before == fingerprint_of_world(world)


def test_a_body_over_the_limit_is_413_and_changes_nothing(world: World, provider: Provider) -> None:
    before = fingerprint_of_world(world)
    reply = world.plain("POST", f"/callbacks/{provider.name}", body=b"x" * (MAX_BODY_BYTES + 1))
    assert (413, "application/problem+json") == (reply.status, reply.media_type)
    assert "too_large" == reply.json["code"]
    assert before == fingerprint_of_world(world)
    assert reply.json["trace_id"] in world.logged.getvalue()


def test_a_body_in_chunks_over_the_limit_is_413_too(world: World, provider: Provider) -> None:
    chunks = (b"x" * 50_000 for _ in range(MAX_BODY_BYTES // 50_000 + 1))
    reply = world.plain("POST", f"/callbacks/{provider.name}", body=chunks)
    assert (413, "too_large") == (reply.status, reply.json["code"])


def test_a_provider_that_we_do_not_know_is_404(world: World, provider: Provider) -> None:
    before = fingerprint_of_world(world)
    for name in (f"{provider.name}x", provider.name.upper(), "..", "%2e%2e"):
        reply = world.plain("GET", f"/callbacks/{name}?{provider.paid('C4X', 1).query.decode()}")
        assert (404, "not_found") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)


def test_a_method_that_is_not_offered_is_405(world: World, provider: Provider) -> None:
    reply = world.plain("DELETE", f"/callbacks/{provider.name}")
    assert (405, "method_not_allowed") == (reply.status, reply.json["code"])
    assert "GET" in reply.headers["allow"]


def test_extra_members_do_not_open_the_signed_ones(
    world: World, provider: Provider, order: tuple[str, str]
) -> None:
    """A separator in a signed field could move text from one field to the next under the same signature."""
    if isinstance(provider, Dvcqg):
        fields = json.loads(provider.paid(order[1], FEE_VND).content)
        fields["MaTienTe"], fields["MaGiaoDich"] = f"VND|{fields['MaGiaoDich']}", ""
        fields[dvcqg_wire.MAC] = dvcqg_wire.mac(DVCQG_SECRET, fields, dvcqg_wire.CONFIRM)
        said = honest_as(provider, json.dumps(fields).encode())
    else:
        said = honest_as(provider, provider.paid(order[1], FEE_VND).content + b"&vnp%5FAmount=1")
    refused(world, provider, said, "malformed")
