"""Providers are made from settings, and what is wrong in settings is named without its value."""

from pathlib import Path
from typing import Any

import pytest

from gateway import partners
from gateway.config import Settings
from gateway.domain.errors import Misconfigured, Unreachable
from gateway.ports import HttpAnswer, HttpRequest

SECRET = "a-secret-of-no-value"
SEPAY = {"kind": "bank_webhook", "account": "0123456789", "secret": SECRET, "profile": "sepay"}


class NoDoor:
    def send(self, request: HttpRequest) -> HttpAnswer:
        raise Unreachable("nothing is called here")


def made(providers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return dict(partners.providers(Settings(providers=providers), NoDoor()))


def test_each_adapter_of_the_house_can_be_configured() -> None:
    files = {path.stem for path in Path("adapters").glob("*.py")} - {"__init__"}
    assert {name for name in files if not name.endswith("_wire")} == set(partners.KINDS)


def test_a_kind_that_several_may_be_of_takes_its_name_from_the_settings() -> None:
    another = {**SEPAY, "profile": "casso_v2", "account": "88888888"}
    found = made({"sepay": SEPAY, "casso": another, "counter": {}, "vietqr": {}})
    assert ["casso", "counter", "sepay", "vietqr"] == sorted(found)
    assert {name: name for name in found} == {name: each.name for name, each in found.items()}


def test_lists_become_what_the_adapter_takes() -> None:
    found = made({"vietqr": {"more_bins": ["970499"]}})
    assert frozenset({"970499"}) == found["vietqr"]._settings.more_bins


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"nobank": {}}, "nobank is of no kind that is known"),
        ({"sepay": {"kind": SECRET}}, "sepay is of no kind that is known"),
        ({"counter": {"late_dayz": SECRET}}, "counter: no such setting: late_dayz"),
        ({"paygov": {"access_key": SECRET}}, "paygov: a setting is absent: callback_order, create_url"),
        ({"counter": {"late_days": SECRET}}, "counter: late_days is of the wrong form"),
        ({"counter": {}, "till": {"kind": "counter"}}, "two providers are called counter"),
        ({"sepay": SEPAY, "casso": SEPAY}, "two senders of notices watch one account"),
    ],
)
def test_what_is_wrong_is_named_and_no_value_is(given: dict[str, dict[str, Any]], told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as raised:
        made(given)
    assert SECRET not in str(raised.value)


def test_the_settings_do_not_show_what_they_hold() -> None:
    assert SECRET not in repr(Settings(providers={"sepay": SEPAY}))


def test_a_misspelled_setting_of_a_contract_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMN_CODE", "SECRET", "PAY_URL", "QUERY_URL", "SERVERIP"):
        monkeypatch.setenv(f"GATEWAY_VNPAY__{name}", "x")
    with pytest.raises(ValueError, match="serverip"):
        Settings()
