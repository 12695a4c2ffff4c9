"""Receipts signed by a remote service: `GATEWAY_SIGNERS` names a key there, and the sandbox's service is a process."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from service_refunds import paid
from service_sandbox import Sandbox, playing
from service_world import AGENCY, World, opened_world

from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.papers import Papers
from gateway.receipt_xml import SIGNATURE_PLACE, SIGNED_PLACE
from gateway.service import receipts
from gateway.store import migrate
from gateway.wiring import now, open_house
from signing.errors import Refused, SignerAway
from signing.pdf import validate
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.xml_signatures import verify

pytestmark = pytest.mark.service

CSC = {"client_id": "cong4", "client_secret": "bí mật của cổng", "pin": "135790"}
SEAL, BY_PHONE = "con-dau-rsa", "can-bo-dien-thoai"
OWNERS = {SEAL: "Sở Tư pháp (thử nghiệm)", BY_PHONE: "Trần Thị Thử Nghiệm"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with playing(tmp_path_factory.mktemp("csc"), {"csc": CSC}) as made:
        yield made


@pytest.fixture(autouse=True)
def all_is_well(service: Sandbox) -> None:
    service.control("csc", fault="none")
    service.control("csc", owner="confirms")


def signer_settings(service: Sandbox, folder: Path, credential: str) -> dict[str, Any]:
    """What `GATEWAY_SIGNERS` says of one key at the service."""
    (folder / "secret").write_text(f"{CSC['client_secret']}\n", encoding="utf-8")
    (folder / "pin").write_text(f"{CSC['pin']}\n", encoding="utf-8")
    given = {"kind": "remote", "url": service.urls["csc"], "client_id": CSC["client_id"]}
    given |= {"client_secret_file": str(folder / "secret"), "credential": credential}
    return given if credential == BY_PHONE else {**given, "pin_file": str(folder / "pin")}


@pytest.fixture(scope="module", params=OWNERS)
def credential(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def town(
    credential: str,
    service: Sandbox,
    new_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    var, folder = tmp_path_factory.mktemp("var"), tmp_path_factory.mktemp("secrets")
    signers = {"receipt": signer_settings(service, folder, credential)}
    url = new_database(f"remote_{credential.replace('-', '_')}")
    with opened_world(url, var) as plain:
        house = open_house(Settings(var_dir=var, signers=signers), url)
        context = replace(house.context, agencies={"H28": AGENCY}, providers=plain.context.providers)
        yield replace(plain, house=house, context=replace(context, clock=plain.context.clock))
        house.close()


def authority(service: Sandbox) -> x509.Certificate:
    """The certificate above everybody's at the service, asked for as a client asks."""
    form = {"grant_type": "client_credentials", "client_id": CSC["client_id"]}
    form["client_secret"] = CSC["client_secret"]
    url = service.urls["csc"]
    token = requests.post(f"{url}/oauth2/token", data=form, timeout=10).json()["access_token"]
    asked = {"credentialID": SEAL, "certificates": "chain"}
    headers = {"Authorization": f"Bearer {token}"}
    told = requests.post(f"{url}/csc/v2/credentials/info", json=asked, headers=headers, timeout=10).json()
    return x509.load_der_x509_certificate(base64.b64decode(told["cert"]["certificates"][-1]))


def paper(town: World, payment_id: str, kind: str) -> bytes:
    return receipts.paper_of(town.context, town.caller, payment_id, kind)


def test_a_receipt_is_signed_by_the_key_at_the_service(
    town: World, service: Sandbox, credential: str
) -> None:
    payment_id = paid(town, town.case())
    receipts.issue(town.context, payment_id, now())
    root = authority(service)
    trust = CertificateTrust(Roots(national=(root,)), policy=Policy(revocation=Revocation.NONE))
    verdict = validate(paper(town, payment_id, "pdf"), trust, at=now())
    assert (True, OWNERS[credential]) == (verdict.good, verdict.signed_by)
    xml = paper(town, payment_id, "xml")
    assert verify(xml, trust, at=now(), place=SIGNATURE_PLACE, signed=SIGNED_PLACE).judgement.good
    assert root == town.house.papers.root()
    assert [] == town.house.keystore.all_keys("receipt")


def test_a_service_that_is_away_delays_the_paper_and_keeps_the_number(town: World, service: Sandbox) -> None:
    payment_id = paid(town, town.case())
    town.house.papers.signer()
    service.control("csc", fault="unavailable")
    with pytest.raises(SignerAway):
        receipts.issue(town.context, payment_id, now())
    numbered = town.rows("SELECT receipt_number, state FROM receipts WHERE payment_id = :p", p=payment_id)
    assert ["numbered"] == [state for _, state in numbered]
    service.control("csc", fault="none")
    receipts.issue(town.context, payment_id, now())
    after = town.rows("SELECT receipt_number, state FROM receipts WHERE payment_id = :p", p=payment_id)
    assert [(numbered[0][0], "issued")] == after


def test_a_service_that_was_killed_is_used_again_when_it_is_back(town: World, service: Sandbox) -> None:
    payment_id = paid(town, town.case())
    service.kill()
    try:
        with pytest.raises(SignerAway):
            receipts.issue(town.context, payment_id, now())
    finally:
        service.start()
    receipts.issue(town.context, payment_id, now())
    assert validate(paper(town, payment_id, "pdf"), [], at=now()).intact


@pytest.fixture
def papers(
    service: Sandbox, new_database: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[[str], Papers]]:
    """The papers of a house whose receipts are signed by that key; its secrets lie in `tmp_path`."""
    opened = []

    def make(credential: str) -> Papers:
        signers = {"receipt": signer_settings(service, tmp_path, credential)}
        house = open_house(Settings(var_dir=tmp_path / "var", signers=signers), new_database("signers_only"))
        migrate.upgrade(house.engine)
        opened.append(house)
        return house.papers

    yield make
    for house in opened:
        house.close()


def test_an_owner_who_declines_signs_nothing(service: Sandbox, papers: Callable[[str], Papers]) -> None:
    service.control("csc", owner="declines")
    with pytest.raises(Refused):
        papers(BY_PHONE).signer().sign(b"ket qua")


@pytest.mark.parametrize("file", ["secret", "pin"])
def test_a_wrong_secret_signs_nothing_and_is_not_said(
    papers: Callable[[str], Papers], file: str, tmp_path: Path
) -> None:
    made = papers(SEAL)
    (tmp_path / file).write_text("sai bét\n", encoding="utf-8")
    with pytest.raises((Misconfigured, Refused)) as raised:
        made.signer().sign(b"ket qua")
    assert "sai bét" not in str(raised.value)
