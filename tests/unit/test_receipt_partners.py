"""Providers of legal receipts, made from settings."""

from pathlib import Path

import pytest

from gateway import partners
from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.http import Door

VNPT = {
    "tax_code": "5400000000",
    "publish_url": "https://vnpt.example/PublishService.asmx",
    "portal_url": "https://vnpt.example/PortalService.asmx",
    "business_url": "https://vnpt.example/BusinessService.asmx",
    "account": "a",
    "account_password": "mat khau 1",
    "username": "u",
    "password": "mat khau 2",
}


class Nothing:
    """A journal in which nothing is written: nothing is called."""


def made(tmp_path: Path, given: dict[str, dict[str, object]]) -> object:
    settings = Settings(var_dir=tmp_path, receipt_providers=given)
    return partners.receipt_providers(settings, Door(Nothing(), allow_private=True))  # type: ignore[arg-type]


def test_a_provider_of_receipts_is_made_from_its_settings(tmp_path: Path) -> None:
    known = made(tmp_path, {"vnpt": VNPT})
    assert isinstance(known, dict)
    assert ["vnpt"] == [each.name for each in known.values()]
    assert "mat khau" not in repr(known)


@pytest.mark.parametrize("given", [{"other": {}}, {"vnpt": {}}, {"vnpt": {**VNPT, "more": 1}}])
def test_what_is_wrong_with_one_is_said_without_a_value(
    tmp_path: Path, given: dict[str, dict[str, object]]
) -> None:
    with pytest.raises(Misconfigured) as refused:
        made(tmp_path, given)
    assert "mat khau" not in str(refused.value)


def test_an_agency_names_its_series(tmp_path: Path) -> None:
    file = tmp_path / "agencies.json"
    row = '{"code":"H28","name":"A","account":"1","bank_bin":"970418","account_name":"A"%s}'
    wanted = ',"legal_receipts":{"provider":"vnpt","form":"%s","letters":"AA"}'
    file.write_text("[" + row % (wanted % "01BLP0-001") + "]", encoding="utf-8")
    legal = partners.agencies(file)["H28"].legal
    assert legal is not None
    assert ("vnpt", "AA-26E") == (legal.provider, legal.sign_in(2026))
    file.write_text("[" + row % (wanted % "?") + "]", encoding="utf-8")
    with pytest.raises(Misconfigured):
        partners.agencies(file)
