"""Legal receipts from the payment to the provider's book, over real HTTP to the process that plays the providers.

The adapters are those that the real wiring makes; VNPT, Viettel and MISA fail as `docs/sandbox.md` says.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from service_legal import follow, legal, live, refund, work, work_all
from service_sandbox import Sandbox, playing
from service_wires import ipn
from service_world import AGENCY, NOW, PERSON, World, opened_world

from gateway.config import Settings
from gateway.service import legal_receipts, receipts, show
from gateway.store import legal_receipts as store
from gateway.wiring import open_house

pytestmark = pytest.mark.service

TAX_CODE = AGENCY.tax_code
SECTIONS: dict[str, dict[str, Any]] = {
    "vnpt_receipts": {
        "account": "c4_admin",
        "account_password": "mat-khau-1",
        "username": "c4_service",
        "password": "mat-khau-2",
        "slow_s": 2.5,
    },
    "viettel_receipts": {
        "tax_code": TAX_CODE,
        "username": TAX_CODE,
        "password": "mat-khau-3",
        "slow_s": 2.5,
    },
    "misa_receipts": {
        "tax_code": TAX_CODE,
        "app_id": "c4",
        "username": "c4@example.invalid",
        "password": "mat-khau-4",
        "slow_s": 2.5,
    },
}
TIMEOUT_S = 1.5
OF_THIS_WORLD = {
    "viettel": ["INVOICE_SERIAL_NOT_FOUND", "INVOICE_NUMBER_USED_UP", "INVOICE_CERTIFICATE_EXPIRED"],
    "misa": ["InvalidTaxCode", "LicenseInfo_OutOfInvoice"],
}
REFUSED_BY = {
    "vnpt": ("ERR:29", "ERR:6"),
    "viettel": ("INVOICE_CERTIFICATE_EXPIRED", "INVOICE_NUMBER_USED_UP"),
    "misa": ("InvalidTaxCode", "LicenseInfo_OutOfInvoice"),
}
SENT, NOT_SENT, ISSUED = (f"legal_receipt.{what}" for what in ("sent", "not_sent", "issued"))
ONE_MILLION_VND = 1_000_000


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with playing(tmp_path_factory.mktemp("providers"), SECTIONS) as made:
        yield made


@pytest.fixture(scope="module", params=["vnpt", "viettel", "misa"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def provider_settings(name: str, sandbox: Sandbox) -> dict[str, Any]:
    """What `GATEWAY_RECEIPT_PROVIDERS` says of one provider."""
    url, section = sandbox.urls[f"{name}_receipts"], SECTIONS[f"{name}_receipts"]
    given = {key: value for key, value in section.items() if key != "slow_s"}
    given |= {"tax_code": TAX_CODE, "timeout_s": TIMEOUT_S}
    if name == "vnpt":
        parts = ("publish", "portal", "business")
        return {**given, **{f"{part}_url": f"{url}/{part.capitalize()}Service.asmx" for part in parts}}
    return {**given, "base_url": url, "refusals": OF_THIS_WORLD[name]}


@pytest.fixture(scope="module")
def town(
    name: str,
    sandbox: Sandbox,
    new_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    var = tmp_path_factory.mktemp(name)
    agencies = var / "agencies.json"
    row = {each: getattr(AGENCY, each) for each in ("code", "name", "account", "bank_bin", "account_name")}
    row |= {"tax_code": TAX_CODE}
    series = {"provider": name, "form": "01BLP0-001", "letters": "AA"}
    agencies.write_text(json.dumps([{**row, "legal_receipts": series}]), encoding="utf-8")
    url = new_database(f"legal_{name}")
    settings = Settings(
        var_dir=var, agencies_file=agencies, receipt_providers={name: provider_settings(name, sandbox)}
    )
    with opened_world(url, var) as plain:
        house = open_house(settings, url)
        context = replace(house.context, providers=plain.context.providers, clock=plain.context.clock)
        yield replace(plain, house=house, context=context)
        house.close()


def receipted(town: World, ends_in: int = 0) -> str:
    """The id of a receipt for a fee that was just paid, whose sum asks the provider for a fault."""
    amount_vnd = ONE_MILLION_VND + ends_in
    line = {"kind": "phi", "code": "P01", "name": "Phí thẩm định", "amount_vnd": amount_vnd}
    wanted = {"lines": [line], "payer": {"name": PERSON["name"], "id_number": "017099000001"}}
    payment_id = town.payment(town.case(), **wanted)
    attempt = town.start(payment_id, "vnpay")
    town.hear("vnpay", ipn(attempt.reference, number=town.fresh("150"), amount_vnd=amount_vnd))
    receipts.issue(town.context, payment_id, NOW)
    follow(town)
    return str(town.one("SELECT id FROM receipts WHERE payment_id = :p", p=payment_id))


def booked(sandbox: Sandbox, name: str, known: store.LegalReceipt) -> list[dict[str, Any]]:
    """What stands in the provider's book under the key of a legal receipt."""
    listed = sandbox.listed(f"{name}_receipts")["receipts"]
    return [each for each in listed if each["key"] == known.key]


def test_a_fee_that_was_paid_has_its_legal_receipt_in_the_book_here_and_in_the_api(
    town: World, name: str, sandbox: Sandbox
) -> None:
    receipt_id = receipted(town)
    known = work(town, receipt_id)
    [kept] = booked(sandbox, name, known)
    assert ("issued", f"{kept['number']:07d}", "AA-26E", "01BLP0-001") == (
        known.state,
        known.number,
        kept["sign"],
        kept["form"],
    )
    assert (ONE_MILLION_VND, PERSON["name"]) == (kept["amount_vnd"], kept["payer"])
    assert known.lookup_code
    assert [SENT, ISSUED] == town.types(known.id)
    with town.transaction() as connection:
        shown = show.legal_receipt(store.shown_of(connection, [known.payment_id])[known.payment_id])
    assert shown is not None
    assert ("issued", name, known.number, known.lookup_code, ONE_MILLION_VND) == tuple(
        shown[each] for each in ("state", "provider", "number", "lookup_code", "amount_vnd")
    )


LOOKED_UP, ASKED_AGAIN = [SENT, ISSUED], [SENT, NOT_SENT, SENT, ISSUED]


@pytest.mark.parametrize(
    ("ends_in", "events"),
    [
        pytest.param(102, LOOKED_UP, id="asked twice by a proxy"),
        pytest.param(105, LOOKED_UP, id="slower than our patience, and issued"),
        pytest.param(107, LOOKED_UP, id="issued, and the answer lost"),
        pytest.param(113, LOOKED_UP, id="issued, and the answer garbage"),
        pytest.param(112, ASKED_AGAIN, id="reset before it was done"),
        pytest.param(114, ASKED_AGAIN, id="unavailable"),
        pytest.param(116, ASKED_AGAIN, id="silent, and nothing done"),
    ],
)
def test_x23_whatever_becomes_of_the_answer_one_receipt_stands_in_the_book(
    town: World, name: str, sandbox: Sandbox, ends_in: int, events: list[str]
) -> None:
    receipt_id = receipted(town, ends_in)
    known = work(town, receipt_id)
    assert ("issued", events) == (known.state, town.types(known.id))
    [kept] = booked(sandbox, name, known)
    assert (known.number, "issued") == (f"{kept['number']:07d}", kept["state"])
    assert [] == town.alarms(known.id)


@pytest.mark.parametrize("place", [0, 1], ids=["certificate", "numbers"])
def test_what_the_provider_refuses_is_an_alarm_in_words(
    town: World, name: str, sandbox: Sandbox, place: int
) -> None:
    receipt_id = receipted(town, (106, 117)[place])
    known = work(town, receipt_id)
    assert ("refused", REFUSED_BY[name][place]) == (known.state, known.code)
    assert [] == booked(sandbox, name, known)
    detail = town.one("SELECT detail FROM alarms WHERE subject = :s", s=known.id)
    number = town.one("SELECT receipt_number FROM receipts WHERE id = :id", id=receipt_id)
    assert detail.startswith(f"{number}, code {known.code}: {name}: ")
    assert PERSON["name"] not in detail


@pytest.mark.parametrize("ends_in", [0, 107])
def test_a_receipt_that_is_cancelled_is_cancelled_in_the_book(
    town: World, name: str, sandbox: Sandbox, ends_in: int
) -> None:
    receipt_id = receipted(town, ends_in)
    known = work(town, receipt_id)
    refund(town, receipt_id, ONE_MILLION_VND + ends_in, ONE_MILLION_VND + ends_in)
    assert "cancelled" == work(town, receipt_id).state
    assert ["cancelled"] == [each["state"] for each in booked(sandbox, name, known)]


@pytest.mark.parametrize("ends_in", [0, 107, 112, 113])
def test_a_part_that_was_given_back_is_replaced_in_the_book_or_left_to_a_person(
    town: World, name: str, sandbox: Sandbox, ends_in: int
) -> None:
    first, back_vnd = receipted(town), ONE_MILLION_VND // 2 - ends_in
    old = work(town, first)
    refund(town, first, back_vnd, ONE_MILLION_VND)
    second = live(town, first)
    states, new = work_all(town, first), legal(town, second)
    books = [[(each["state"], each["amount_vnd"]) for each in booked(sandbox, name, it)] for it in (old, new)]
    if name == "misa":
        assert {first: "issued", second: "refused"} == states
        assert [[("issued", ONE_MILLION_VND)], []] == books
        assert ["legal_receipt_by_hand"] == town.alarms(new.id)
        return
    assert {first: "replaced", second: "issued"} == states
    assert [[("replaced", ONE_MILLION_VND)], [("issued", ONE_MILLION_VND - back_vnd)]] == books
    assert [] == town.alarms(new.id)


def test_tokens_that_were_taken_back_do_not_matter(town: World, name: str, sandbox: Sandbox) -> None:
    work(town, receipted(town))
    sandbox.control(f"{name}_receipts", expire_tokens=True)
    assert "issued" == work(town, receipted(town)).state


def run_due(town: World, legal_id: str, until: datetime) -> None:
    """The jobs of a legal receipt, each at its time, up to a moment."""
    for _ in range(100):
        [(args, at), *more] = town.jobs(legal_receipts.TASK, legal_id) or [(None, None)]
        if args is None or (at is not None and at > until):
            return
        assert [] == more
        town.do("DELETE FROM procrastinate_jobs WHERE lock = :l", l=f"{legal_receipts.TASK}:{legal_id}")
        legal_receipts.work(town.context, legal_id, args["round"], at or NOW)


def test_a_provider_that_is_away_for_hours_is_caught_up_with(
    town: World, name: str, sandbox: Sandbox
) -> None:
    ids = [receipted(town) for _ in range(3)]
    known = [legal(town, each) for each in ids]
    sandbox.kill()
    try:
        for each in known:
            run_due(town, each.id, NOW + timedelta(hours=5))
        states = [legal(town, each).state for each in ids]
        assert (["intended"] * 3, [[]] * 3) == (states, [town.alarms(each.id) for each in known])
        assert all(town.jobs(legal_receipts.TASK, each.id) for each in known)
    finally:
        sandbox.start()
    for each in known:
        run_due(town, each.id, NOW + timedelta(hours=7))
    found = [legal(town, each) for each in ids]
    assert ["issued"] * 3 == [each.state for each in found]
    assert [1] * 3 == [len(booked(sandbox, name, each)) for each in found]
    assert 3 == len({each.number for each in found})


def test_an_answer_that_was_lost_when_the_provider_died_is_found_when_it_is_back(
    town: World, name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    receipt_id = receipted(town, 107)
    known = legal(town, receipt_id)
    legal_receipts.work(town.context, known.id, 0, NOW)
    sandbox.kill()
    try:
        legal_receipts.work(town.context, known.id, 1, NOW + timedelta(minutes=10))
        assert "sent" == legal(town, receipt_id).state
    finally:
        sandbox.start()
    found = work(town, receipt_id)
    assert ("issued", 1) == (found.state, len(booked(sandbox, name, found)))
